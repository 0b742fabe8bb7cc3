// What the scheduler knows of a node: its object and the pods that run, or are about to run, on it.
// pkg/scheduler/framework/types.go, NodeInfo.
import type { Node } from '../../api/types/node.ts';
import type { Pod } from '../../api/types/pod.ts';
import { parseQuantity } from '../../api/types/quantity.ts';

export interface NodeInfo {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

export interface Request {
  /** Cores and bytes. */
  readonly cpu: number;
  readonly memory: number;
}

/** The larger of what the containers need together and what any init container needs alone. */
export function requested(pod: Pod): Request {
  const sum = { cpu: 0, memory: 0 };
  for (const container of pod.spec.containers) {
    sum.cpu += amount(container.resources?.requests?.['cpu']);
    sum.memory += amount(container.resources?.requests?.['memory']);
  }
  for (const container of pod.spec.initContainers ?? []) {
    sum.cpu = Math.max(sum.cpu, amount(container.resources?.requests?.['cpu']));
    sum.memory = Math.max(sum.memory, amount(container.resources?.requests?.['memory']));
  }
  return sum;
}

const amount = (quantity: string | undefined): number =>
  quantity === undefined ? 0 : (parseQuantity(quantity) ?? 0);

export const labelsOf = (node: Node): Readonly<Record<string, string>> => node.metadata.labels ?? {};

export const isOver = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
