// Which endpoints of a unit a node uses: CategorizeEndpoints of pkg/proxy/topology.go.
import { type Endpoint, type ServicePort, usesCluster, usesLocal } from './types.ts';

export interface Categorized {
  /** For the Cluster policy; empty when the unit never uses it. */
  readonly cluster: readonly Endpoint[];
  /** For the Local policy; empty when the unit never uses it. */
  readonly local: readonly Endpoint[];
  /** Both together. */
  readonly reachable: readonly Endpoint[];
  /** Some endpoint, on whatever node, could take a packet. */
  readonly any: boolean;
}

/** Where this node is: its name and its zone, if it has one. */
export interface NodePlace {
  readonly name: string;
  readonly zone: string | undefined;
}

const drained = (e: Endpoint): boolean => e.serving && e.terminating;

export function categorize(endpoints: readonly Endpoint[], unit: ServicePort, place: NodePlace): Categorized {
  let cluster: readonly Endpoint[] = [];
  let any = false;
  if (usesCluster(unit)) {
    const hinted = topologyFilter(endpoints, place);
    cluster = endpoints.filter((e) => e.ready && (hinted === undefined || hinted(e)));
    // Nobody is ready: those that are on their way out but still answer are better than nobody, wherever they are.
    if (cluster.length === 0) cluster = endpoints.filter(drained);
    any = cluster.length > 0;
  }
  if (!usesLocal(unit)) return { cluster, local: [], reachable: cluster, any };
  any ||= endpoints.some((e) => e.ready || drained(e));
  let local = endpoints.filter((e) => e.local && e.ready);
  if (local.length === 0) local = endpoints.filter((e) => e.local && drained(e));
  if (!usesCluster(unit)) return { cluster, local, reachable: local, any };
  const both = new Set([...cluster, ...local]);
  return { cluster, local, reachable: endpoints.filter((e) => both.has(e)), any };
}

/** Hints count only when every ready endpoint has one and one of them names us. */
function topologyFilter(
  endpoints: readonly Endpoint[],
  { name, zone }: NodePlace,
): ((e: Endpoint) => boolean) | undefined {
  const ready = endpoints.filter((e) => e.ready);
  const usable = (of: (e: Endpoint) => readonly string[] | undefined, what: string): boolean =>
    ready.every((e) => of(e) !== undefined) && ready.some((e) => of(e)!.includes(what));
  if (usable((e) => e.nodes, name)) return (e) => e.nodes!.includes(name);
  if (zone !== undefined && zone !== '' && usable((e) => e.zones, zone))
    return (e) => e.zones!.includes(zone);
  return undefined;
}
