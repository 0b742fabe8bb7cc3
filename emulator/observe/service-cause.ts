// Why a Service did not take a packet, in terms of the objects: what its EndpointSlices say at this moment.
import type { EndpointSlice, Service } from '../api/types/service.ts';
import type { ServiceStep } from './trace-service.ts';

const list = (names: readonly string[]): string => names.join(', ');
const are = (n: number): string => (n === 1 ? 'is' : 'are');

/** "Service default/web has no ready endpoints; 2 exist, both failing readiness". Undefined when nothing was refused. */
export function refusalCause(
  step: ServiceStep,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  source: string,
): string | undefined {
  if (step.refused === undefined) return undefined;
  const name = `Service ${step.namespace}/${step.name}`;
  if (service === undefined) return `${name} is no more, but node ${step.node} has not heard of it yet`;
  if (step.refusedBy?.includes('traffic not accepted by') === true)
    return `${name} lets only ${list(service.spec.loadBalancerSourceRanges ?? [])} reach its load balancer address, and the sender is ${source}`;
  const endpoints = endpointsOf(step, service, slices);
  if (endpoints === undefined)
    return `${name} has endpoints, but none of them has the port "${step.port.split(':')[1] ?? ''}": its targetPort names no port of theirs`;
  const ready = endpoints.filter((e) => e.conditions?.ready !== false);
  if (step.refusedBy?.endsWith('has no local endpoints') === true) {
    const internal = step.frontEnd === 'cluster IP';
    const field = internal ? 'internalTrafficPolicy' : 'externalTrafficPolicy';
    const nodes = [...new Set(ready.map((e) => e.nodeName ?? 'no node'))].sort();
    return `${name} has ${field} Local and no ready endpoint on node ${step.node}; ${ready.length} ${are(ready.length)} ready${nodes.length > 0 ? ` on ${list(nodes)}` : ''}`;
  }
  if (ready.length > 0)
    return `${name} has ${ready.length} ready endpoints by now, but node ${step.node} had not written their rules`;
  if (endpoints.length === 0) {
    const selector = Object.entries(service.spec.selector ?? {}).map(([k, v]) => `${k}=${v}`);
    return selector.length === 0
      ? `${name} has no endpoints: it has no selector, and nobody wrote an EndpointSlice or Endpoints for it`
      : `${name} has no endpoints: no pod with an address has the labels ${list(selector)}`;
  }
  const terminating = endpoints.filter((e) => e.conditions?.terminating === true).length;
  const failing = endpoints.length - terminating;
  const all = endpoints.length === 1 ? 'it is' : endpoints.length === 2 ? 'both' : 'all';
  const why =
    terminating === 0
      ? `${endpoints.length === 1 ? 'it is failing' : `${all} failing`} readiness`
      : failing === 0
        ? `${endpoints.length === 1 ? 'it is' : all} terminating`
        : `${failing} failing readiness, ${terminating} terminating`;
  return `${name} has no ready endpoints; ${endpoints.length} exist${endpoints.length === 1 ? 's' : ''}, ${why}`;
}

/** Of the step's port; undefined when there are slices with endpoints and none of them has the port. */
function endpointsOf(
  step: ServiceStep,
  service: Service,
  slices: readonly EndpointSlice[],
): readonly EndpointSlice['endpoints'][number][] | undefined {
  const own = slices.filter(
    (s) =>
      s.metadata.namespace === service.metadata.namespace &&
      s.metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name,
  );
  const portName = step.port.split(':')[1] ?? '';
  const serving = own.filter((s) => s.ports?.some((p) => (p.name ?? '') === portName));
  if (serving.length === 0 && own.some((s) => s.endpoints.length > 0)) return undefined;
  return serving.flatMap((s) => s.endpoints);
}
