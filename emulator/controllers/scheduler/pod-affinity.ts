// Affinity and anti-affinity between pods: pkg/scheduler/framework/plugins/interpodaffinity. A term holds in a domain, the
// nodes that share a value of topologyKey.
import type { Namespace } from '../../api/types/core.ts';
import type { Pod, PodAffinityTerm } from '../../api/types/pod.ts';
import { matchesSelector } from '../../api/types/selector.ts';
import { isOver, labelsOf, type NodeInfo } from './node-info.ts';

export type NamespaceOf = (name: string) => Namespace | undefined;

/** Whether `other` is one of the pods that a term of `owner` speaks of. */
function speaksOf(term: PodAffinityTerm, owner: Pod, other: Pod, namespaceOf: NamespaceOf): boolean {
  const namespace = other.metadata.namespace ?? '';
  const named = term.namespaces ?? [];
  const inNamespace =
    named.includes(namespace) ||
    (term.namespaceSelector !== undefined &&
      matchesSelector(term.namespaceSelector, namespaceOf(namespace)?.metadata.labels)) ||
    (named.length === 0 && term.namespaceSelector === undefined && namespace === owner.metadata.namespace);
  return inNamespace && matchesSelector(term.labelSelector, other.metadata.labels);
}

const sameDomain = (key: string, a: NodeInfo, b: NodeInfo): boolean => {
  const value = labelsOf(a.node)[key];
  return value !== undefined && value === labelsOf(b.node)[key];
};

export type AffinityFault = 'affinity' | 'anti-affinity' | 'existing anti-affinity';

/** Why a pod must not go to a node; undefined: it may. */
export function affinityFault(
  pod: Pod,
  node: NodeInfo,
  nodes: readonly NodeInfo[],
  namespaceOf: NamespaceOf,
): AffinityFault | undefined {
  const { affinity } = pod.spec;
  for (const term of affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
    if (!affine(pod, term, node, nodes, namespaceOf)) return 'affinity';
  for (const term of affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
    if (inDomain(term.topologyKey, node, nodes, (other) => speaksOf(term, pod, other, namespaceOf)))
      return 'anti-affinity';
  for (const info of nodes)
    for (const other of info.pods) {
      if (isOver(other)) continue;
      for (const term of other.spec.affinity?.podAntiAffinity
        ?.requiredDuringSchedulingIgnoredDuringExecution ?? [])
        if (sameDomain(term.topologyKey, info, node) && speaksOf(term, other, pod, namespaceOf))
          return 'existing anti-affinity';
    }
  return undefined;
}

/** The first pod of a group that wants to be near itself may go anywhere that has the topology. */
function affine(
  pod: Pod,
  term: PodAffinityTerm,
  node: NodeInfo,
  nodes: readonly NodeInfo[],
  namespaceOf: NamespaceOf,
): boolean {
  const wanted = (other: Pod): boolean => speaksOf(term, pod, other, namespaceOf);
  if (inDomain(term.topologyKey, node, nodes, wanted)) return true;
  const nowhere = !nodes.some((info) => info.pods.some((other) => !isOver(other) && wanted(other)));
  return nowhere && wanted(pod) && labelsOf(node.node)[term.topologyKey] !== undefined;
}

function inDomain(
  key: string,
  node: NodeInfo,
  nodes: readonly NodeInfo[],
  wanted: (pod: Pod) => boolean,
): boolean {
  return nodes.some(
    (info) => sameDomain(key, info, node) && info.pods.some((other) => !isOver(other) && wanted(other)),
  );
}

/** Weights of preferred terms: those met count for a node, anti-affinity against it. */
export function podPreference(
  pod: Pod,
  node: NodeInfo,
  nodes: readonly NodeInfo[],
  namespaceOf: NamespaceOf,
): number {
  let score = 0;
  const { affinity } = pod.spec;
  const count = (term: PodAffinityTerm): number =>
    inDomain(term.topologyKey, node, nodes, (other) => speaksOf(term, pod, other, namespaceOf)) ? 1 : 0;
  for (const { weight, podAffinityTerm } of affinity?.podAffinity
    ?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    score += weight * count(podAffinityTerm);
  for (const { weight, podAffinityTerm } of affinity?.podAntiAffinity
    ?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    score -= weight * count(podAffinityTerm);
  return score;
}
