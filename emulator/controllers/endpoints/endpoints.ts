// The legacy Endpoints object of a Service with a selector: pkg/controller/endpoint. Cut at 1000 addresses, and says so.
import { same } from '../../api/fields.ts';
import type { Pod } from '../../api/types/pod.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/types/service.ts';
import { counts, portsFor, selects, servicesOf } from '../endpointslice/endpointslice.ts';
import { type Action, type Controller, each, refOf, type Situation } from '../runtime/controller.ts';
import { isReady } from '../runtime/pods.ts';

const LIMIT = 1000;
const OVER = 'endpoints.kubernetes.io/over-capacity';
const HEADLESS = 'service.kubernetes.io/headless';

export const endpointsController: Controller = {
  name: 'endpoint-controller',
  follows: [
    each('services'),
    { resource: 'pods', keys: (pod, view) => servicesOf(pod as Pod, view) },
    each('endpoints'),
  ],
  reconcile: (key, { view }: Situation) => {
    const service = view.get<Service>('services', key);
    const endpoints = view.get<Endpoints>('endpoints', key);
    if (service === undefined) {
      // Nothing ties Endpoints to their Service but the name.
      const left = endpoints !== undefined && endpoints.metadata.annotations?.[TRIGGER] !== undefined;
      return left ? [{ do: 'delete', ref: refOf(endpoints) }] : [];
    }
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === 'ExternalName')
      return [];
    const pods = view.list<Pod>('pods', service.metadata.namespace).filter((pod) => selects(service, pod));
    return reconcile(service, pods, endpoints);
  },
};

/** Marks the Endpoints that this controller made, upstream's note of when. */
const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

export function reconcile(
  service: Service,
  pods: readonly Pod[],
  endpoints: Endpoints | undefined,
): readonly Action[] {
  const { subsets, truncated } = subsetsOf(service, pods);
  const labels = {
    ...service.metadata.labels,
    ...(service.spec.clusterIP === 'None' ? { [HEADLESS]: '' } : {}),
  };
  const current = endpoints?.subsets ?? [];
  const over = endpoints?.metadata.annotations?.[OVER] === 'truncated';
  if (
    endpoints !== undefined &&
    same(current, subsets) &&
    same(endpoints.metadata.labels ?? {}, labels) &&
    over === truncated
  )
    return [];
  const annotations = {
    [TRIGGER]: endpoints?.metadata.annotations?.[TRIGGER] ?? service.metadata.creationTimestamp ?? '',
    ...(truncated ? { [OVER]: 'truncated' } : {}),
  };
  const { name, namespace } = service.metadata;
  if (endpoints === undefined)
    return [
      {
        do: 'create',
        unlessThere: true,
        object: {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels, annotations },
          ...(subsets.length > 0 ? { subsets } : {}),
        } as never,
      },
    ];
  return [
    {
      do: 'update',
      object: {
        ...endpoints,
        metadata: { ...endpoints.metadata, labels, annotations },
        subsets,
      } as Endpoints,
    },
  ];
}

interface Collected {
  readonly subsets: EndpointSubset[];
  readonly truncated: boolean;
}

/** Pods with the same ports share a subset: RepackSubsets. */
function subsetsOf(service: Service, pods: readonly Pod[]): Collected {
  const groups = new Map<
    string,
    { ports: EndpointSubset['ports']; ready: EndpointAddress[]; not: EndpointAddress[] }
  >();
  let total = 0;
  const sorted = [...pods].filter((pod) => counts(pod)).sort((a, b) => compareAddress(a, b));
  for (const pod of sorted) {
    const going = pod.metadata.deletionTimestamp !== undefined;
    const publish = service.spec.publishNotReadyAddresses === true;
    if (going && !publish) continue;
    const restarts = pod.spec.restartPolicy ?? 'Always';
    const ready = publish || isReady(pod);
    if (!ready && restarts === 'Never') continue;
    if (++total > LIMIT) continue;
    const ports = portsFor(service, pod).map(({ name, ...port }) => ({
      ...(name === '' ? {} : { name }),
      ...port,
    }));
    const id = JSON.stringify(ports);
    const group = groups.get(id) ?? { ports: ports as EndpointSubset['ports'], ready: [], not: [] };
    groups.set(id, group);
    (ready ? group.ready : group.not).push(addressOf(service, pod));
  }
  const subsets = [...groups.values()].map(({ ports, ready, not }) => ({
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(not.length > 0 ? { notReadyAddresses: not } : {}),
    ...(ports === undefined || ports.length === 0 ? {} : { ports }),
  }));
  return { subsets, truncated: total > LIMIT };
}

const compareAddress = (a: Pod, b: Pod): number => (a.status!.podIP! < b.status!.podIP! ? -1 : 1);

function addressOf(service: Service, pod: Pod): EndpointAddress {
  const { nodeName, hostname, subdomain } = pod.spec;
  const { name, namespace, uid } = pod.metadata;
  return {
    ip: pod.status!.podIP!,
    ...(hostname !== undefined && subdomain === service.metadata.name ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: {
      kind: 'Pod',
      ...(namespace === undefined ? {} : { namespace }),
      name,
      ...(uid === undefined ? {} : { uid }),
    },
  };
}
