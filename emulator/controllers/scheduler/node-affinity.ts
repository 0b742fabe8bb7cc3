// nodeSelector and node affinity: k8s.io/component-helpers/scheduling/corev1/nodeaffinity.
import type { Node } from '../../api/types/node.ts';
import type { NodeSelectorRequirement, NodeSelectorTerm, Pod } from '../../api/types/pod.ts';
import { labelsOf } from './node-info.ts';

export function matchesNode(pod: Pod, node: Node): boolean {
  const labels = labelsOf(node);
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {}))
    if (labels[key] !== value) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  // Terms are alternatives; a term that says nothing matches nothing.
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const labels = labelsOf(node);
  return (
    expressions.every((e) => matches(e, labels[e.key])) &&
    fields.every((f) => matches(f, f.key === 'metadata.name' ? node.metadata.name : undefined))
  );
}

function matches({ operator, values = [] }: NodeSelectorRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && Number(value) > Number(values[0]);
    case 'Lt':
      return value !== undefined && Number(value) < Number(values[0]);
  }
}

/** The weights of the preferences that a node meets. */
export function preference(pod: Pod, node: Node): number {
  let score = 0;
  for (const { weight, preference: term } of pod.spec.affinity?.nodeAffinity
    ?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    if (matchesTerm(term, node)) score += weight;
  return score;
}
