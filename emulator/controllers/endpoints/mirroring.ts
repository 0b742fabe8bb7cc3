// Endpoints written by hand, for a Service without a selector, mirrored into EndpointSlices:
// pkg/controller/endpointslicemirroring.
import { same } from '../../api/fields.ts';
import type {
  Endpoint,
  EndpointAddress,
  EndpointSlice,
  EndpointSubset,
  Endpoints,
  Service,
} from '../../api/types/service.ts';
import { MANAGED_BY, SERVICE_NAME } from '../endpointslice/endpointslice.ts';
import { type Action, type Controller, each, refOf, type Situation } from '../runtime/controller.ts';
import { ownerRef } from '../runtime/pods.ts';

export const MIRROR = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
const LIMIT = 1000;

export const mirroringController: Controller = {
  name: 'endpoint-slice-mirroring-controller',
  follows: [each('endpoints'), each('services')],
  reconcile: (key, { view }: Situation) => {
    const endpoints = view.get<Endpoints>('endpoints', key);
    const service = view.get<Service>('services', key);
    const [namespace = '', name = ''] = key.split('/');
    const slices = view
      .list<EndpointSlice>('endpointslices.discovery.k8s.io', namespace)
      .filter((s) => s.metadata.labels?.[MANAGED_BY] === MIRROR && s.metadata.labels[SERVICE_NAME] === name);
    return mirror(endpoints, service, slices);
  },
};

export function mirror(
  endpoints: Endpoints | undefined,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): readonly Action[] {
  const wanted =
    endpoints !== undefined &&
    service !== undefined &&
    service.spec.selector === undefined &&
    endpoints.metadata.labels?.[SKIP] !== 'true' &&
    endpoints.metadata.annotations?.[LEADER] === undefined;
  if (!wanted) return slices.map((slice) => ({ do: 'delete', ref: refOf(slice) }));
  const left = [...slices];
  const actions: Action[] = [];
  for (const subset of endpoints.subsets ?? []) {
    const ports = (subset.ports ?? []).map((p) => ({ name: '', protocol: 'TCP' as const, ...p }));
    const list = endpointsOf(subset);
    const at = left.findIndex((slice) => same(slice.ports ?? [], ports));
    const slice = at < 0 ? undefined : left.splice(at, 1)[0];
    if (slice === undefined) actions.push(create(endpoints, ports, list));
    else if (!same(slice.endpoints, list))
      actions.push({ do: 'update', object: { ...slice, endpoints: list } as EndpointSlice });
  }
  return [...actions, ...left.map((slice): Action => ({ do: 'delete', ref: refOf(slice) }))];
}

function endpointsOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset): Endpoint[] {
  const one =
    (ready: boolean) =>
    (address: EndpointAddress): Endpoint => ({
      addresses: [address.ip],
      conditions: { ready },
      ...(address.hostname === undefined ? {} : { hostname: address.hostname }),
      ...(address.nodeName === undefined ? {} : { nodeName: address.nodeName }),
      ...(address.targetRef === undefined ? {} : { targetRef: address.targetRef }),
    });
  return [...addresses.map(one(true)), ...notReadyAddresses.map(one(false))].slice(0, LIMIT);
}

const create = (endpoints: Endpoints, ports: EndpointSlice['ports'], list: readonly Endpoint[]): Action => ({
  do: 'create',
  object: {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${endpoints.metadata.name}-`,
      ...(endpoints.metadata.namespace === undefined ? {} : { namespace: endpoints.metadata.namespace }),
      labels: { ...endpoints.metadata.labels, [SERVICE_NAME]: endpoints.metadata.name, [MANAGED_BY]: MIRROR },
      ownerReferences: [ownerRef(endpoints)],
    },
    addressType: 'IPv4',
    endpoints: list,
    ports,
  } as never,
});
