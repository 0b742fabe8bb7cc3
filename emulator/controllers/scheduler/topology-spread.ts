// Topology spread constraints: pkg/scheduler/framework/plugins/podtopologyspread. The skew of a node's domain is how many
// more matching pods it would have than the domain that has fewest.
import type { Pod, TopologySpreadConstraint } from '../../api/types/pod.ts';
import { matchesSelector } from '../../api/types/selector.ts';
import { matchesNode } from './node-affinity.ts';
import { isOver, labelsOf, type NodeInfo } from './node-info.ts';

function matching(
  constraint: TopologySpreadConstraint,
  pod: Pod,
  nodes: readonly NodeInfo[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const info of nodes) {
    const domain = labelsOf(info.node)[constraint.topologyKey];
    // Domains that the pod could not be in anyway do not count.
    if (domain === undefined || !matchesNode(pod, info.node)) continue;
    const here = info.pods.filter(
      (other) =>
        !isOver(other) &&
        other.metadata.deletionTimestamp === undefined &&
        other.metadata.namespace === pod.metadata.namespace &&
        matchesSelector(constraint.labelSelector, other.metadata.labels),
    ).length;
    counts.set(domain, (counts.get(domain) ?? 0) + here);
  }
  return counts;
}

export interface Spread {
  /** Whether a node may take the pod. */
  allows(node: NodeInfo): boolean;
  /** How crowded a node's domains are, for the constraints that only prefer. */
  crowding(node: NodeInfo): number;
}

export function spreadOf(pod: Pod, nodes: readonly NodeInfo[]): Spread {
  const constraints = (pod.spec.topologySpreadConstraints ?? []).map((constraint) => {
    const counts = matching(constraint, pod, nodes);
    const least = counts.size < (constraint.minDomains ?? 1) ? 0 : Math.min(...counts.values());
    const self = matchesSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
    return { constraint, counts, least, self };
  });
  return {
    allows: (node) =>
      constraints.every(({ constraint, counts, least, self }) => {
        if (constraint.whenUnsatisfiable !== 'DoNotSchedule') return true;
        const domain = labelsOf(node.node)[constraint.topologyKey];
        if (domain === undefined) return false;
        return (counts.get(domain) ?? 0) + self - least <= constraint.maxSkew;
      }),
    crowding: (node) =>
      constraints.reduce((sum, { constraint, counts }) => {
        if (constraint.whenUnsatisfiable !== 'ScheduleAnyway') return sum;
        return sum + (counts.get(labelsOf(node.node)[constraint.topologyKey] ?? '') ?? 0);
      }, 0),
  };
}
