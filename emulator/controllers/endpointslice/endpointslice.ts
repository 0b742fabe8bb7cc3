// EndpointSlices of Services with a selector, from their pods: pkg/controller/endpointslice and k8s.io/endpointslice.
// One group of slices per list of ports; an endpoint that is there already stays in its slice.
import { same } from '../../api/fields.ts';
import type { Node } from '../../api/types/node.ts';
import type { Pod } from '../../api/types/pod.ts';
import { matchesServiceSelector } from '../../api/types/selector.ts';
import type { Endpoint, EndpointPort, EndpointSlice, Service, ServicePort } from '../../api/types/service.ts';
import { type Action, type Controller, each, keyOf, refOf, type Situation } from '../runtime/controller.ts';
import { isReady, ownerRef } from '../runtime/pods.ts';
import type { View } from '../runtime/view.ts';

export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const SERVICE_NAME = 'kubernetes.io/service-name';
export const CONTROLLER = 'endpointslice-controller.k8s.io';
const HEADLESS = 'service.kubernetes.io/headless';
const ZONE = 'topology.kubernetes.io/zone';
const MAX_ENDPOINTS = 100;

export const endpointSliceController: Controller = {
  name: 'endpoint-slice-controller',
  follows: [
    each('services'),
    { resource: 'pods', keys: (pod, view) => servicesOf(pod as Pod, view) },
    {
      resource: 'endpointslices.discovery.k8s.io',
      keys: (slice) =>
        slice.metadata.labels?.[MANAGED_BY] === CONTROLLER
          ? [`${slice.metadata.namespace}/${slice.metadata.labels[SERVICE_NAME]}`]
          : [],
    },
  ],
  reconcile: (key, { view }: Situation) => {
    const service = view.get<Service>('services', key);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return [];
    const { namespace } = service.metadata;
    const slices = view
      .ownedBy<EndpointSlice>('endpointslices.discovery.k8s.io', service.metadata.uid ?? '')
      .filter((slice) => slice.metadata.labels?.[MANAGED_BY] === CONTROLLER);
    const pods = view.list<Pod>('pods', namespace).filter((pod) => selects(service, pod));
    return reconcile(service, pods, slices, (name) => view.get<Node>('nodes', name));
  },
};

/** Services whose selector a pod matches. */
export function servicesOf(pod: Pod, view: View): string[] {
  return view
    .list<Service>('services', pod.metadata.namespace)
    .filter((service) => selects(service, pod))
    .map(keyOf);
}

export const selects = (service: Service, pod: Pod): boolean =>
  matchesServiceSelector(service.spec.selector, pod.metadata.labels);

interface Group {
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Endpoint[];
}

export function reconcile(
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  nodeOf: (name: string) => Node | undefined,
): readonly Action[] {
  const wanted = service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;
  if (!wanted) return slices.map((slice) => ({ do: 'delete', ref: refOf(slice) }));
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    if (!counts(pod)) continue;
    const ports = portsFor(service, pod);
    const id = JSON.stringify(ports);
    const group = groups.get(id) ?? { ports, endpoints: [] };
    groups.set(id, group);
    group.endpoints.push(endpointOf(service, pod, nodeOf));
  }
  // A Service that selects nobody has one empty slice.
  if (groups.size === 0) groups.set('', { ports: portsFor(service, undefined), endpoints: [] });
  const left = new Set(slices);
  const actions: Action[] = [];
  for (const group of groups.values()) {
    const having = slices.filter((slice) => same(slice.ports ?? [], group.ports));
    for (const slice of having) left.delete(slice);
    actions.push(...pack(service, group, having));
  }
  const spare = [...left].map((slice): Action => ({ do: 'delete', ref: refOf(slice) }));
  return [...actions, ...spare];
}

/** An endpoint: a pod with an address whose containers may still run. */
export const counts = (pod: Pod): boolean =>
  (pod.status?.podIP ?? '') !== '' && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed';

export function portsFor(service: Service, pod: Pod | undefined): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = resolvePort(port, pod);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ];
  });
}

/** podutil.FindPort: by number, or by the name and protocol of a container's port. */
function resolvePort(
  { targetPort, port, protocol = 'TCP' }: ServicePort,
  pod: Pod | undefined,
): number | undefined {
  if (typeof targetPort !== 'string') return targetPort ?? port;
  const containers = [
    ...(pod?.spec.containers ?? []),
    ...(pod?.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ];
  for (const container of containers)
    for (const candidate of container.ports ?? [])
      if (candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol)
        return candidate.containerPort;
  return undefined;
}

function endpointOf(service: Service, pod: Pod, nodeOf: (name: string) => Node | undefined): Endpoint {
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { nodeName, hostname, subdomain } = pod.spec;
  const zone = nodeName === undefined ? undefined : nodeOf(nodeName)?.metadata.labels?.[ZONE];
  const named = hostname !== undefined && subdomain === service.metadata.name;
  return {
    addresses: [pod.status!.podIP!],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(named ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...hintOf(service, zone),
    targetRef: {
      kind: 'Pod',
      ...(pod.metadata.namespace === undefined ? {} : { namespace: pod.metadata.namespace }),
      name: pod.metadata.name,
      ...(pod.metadata.uid === undefined ? {} : { uid: pod.metadata.uid }),
    },
  };
}

/** trafficDistribution PreferClose (k8s.io/endpointslice/trafficdist): each endpoint for its own zone. */
const hintOf = (service: Service, zone: string | undefined): Pick<Endpoint, 'hints'> =>
  service.spec.trafficDistribution === 'PreferClose' && zone !== undefined
    ? { hints: { forZones: [{ name: zone }] } }
    : {};

const idOf = (endpoint: Endpoint): string => endpoint.targetRef?.uid ?? endpoint.addresses[0] ?? '';

/** Endpoints into the slices there are, then into new ones. */
function pack(service: Service, group: Group, having: readonly EndpointSlice[]): Action[] {
  const wanted = new Map(group.endpoints.map((endpoint) => [idOf(endpoint), endpoint]));
  const contents = having.map((slice) => ({
    slice,
    endpoints: slice.endpoints.flatMap((old) => {
      const next = wanted.get(idOf(old));
      wanted.delete(idOf(old));
      return next === undefined ? [] : [next];
    }),
  }));
  const rest = [...wanted.values()];
  for (const { endpoints } of contents) endpoints.push(...rest.splice(0, MAX_ENDPOINTS - endpoints.length));
  const labels = labelsOf(service);
  const actions: Action[] = [];
  contents.forEach(({ slice, endpoints }, i) => {
    // One slice stays, even if it is empty.
    if (endpoints.length === 0 && i > 0) actions.push({ do: 'delete', ref: refOf(slice) });
    else if (!same(endpoints, slice.endpoints) || !same(labels, slice.metadata.labels))
      actions.push({
        do: 'update',
        object: { ...slice, metadata: { ...slice.metadata, labels }, endpoints } as EndpointSlice,
      });
  });
  if (having.length === 0 || rest.length > 0)
    do actions.push(create(service, group.ports, rest.splice(0, MAX_ENDPOINTS), labels));
    while (rest.length > 0);
  return actions;
}

function labelsOf(service: Service): Record<string, string> {
  const headless = service.spec.clusterIP === 'None';
  return {
    ...service.metadata.labels,
    [MANAGED_BY]: CONTROLLER,
    [SERVICE_NAME]: service.metadata.name,
    ...(headless ? { [HEADLESS]: '' } : {}),
  };
}

const create = (
  service: Service,
  ports: readonly EndpointPort[],
  endpoints: readonly Endpoint[],
  labels: Record<string, string>,
): Action => ({
  do: 'create',
  object: {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${service.metadata.name}-`,
      ...(service.metadata.namespace === undefined ? {} : { namespace: service.metadata.namespace }),
      labels,
      ownerReferences: [ownerRef(service)],
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  } as never,
});
