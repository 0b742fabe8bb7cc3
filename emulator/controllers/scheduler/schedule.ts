// Chooses a node for a pod: filters, scores, and turn by turn among the best. The filters and their words are those of
// kube-scheduler's default plugins (pkg/scheduler/framework/plugins); of its scores ours has what users state in a pod
// (preferences, soft spreading, PreferNoSchedule), and then the node with the fewest pods.
import type { Pod } from '../../api/types/pod.ts';
import { parseQuantity } from '../../api/types/quantity.ts';
import { tolerated } from '../taint-eviction/tolerations.ts';
import { matchesNode, preference } from './node-affinity.ts';
import { isOver, type NodeInfo, requested } from './node-info.ts';
import { affinityFault, type NamespaceOf, podPreference } from './pod-affinity.ts';
import { type Spread, spreadOf } from './topology-spread.ts';

export type Choice =
  | { readonly node: string }
  /** As kube-scheduler words it: "0/3 nodes are available: …". */
  | { readonly unschedulable: string };

/** `turn`: counts choices, so that equals are taken in turn. */
export function schedule(
  pod: Pod,
  nodes: readonly NodeInfo[],
  namespaceOf: NamespaceOf,
  turn: number,
): Choice {
  if (nodes.length === 0) return { unschedulable: 'no nodes available to schedule pods' };
  const spread = spreadOf(pod, nodes);
  const reasons = new Map<string, number>();
  const fitting = nodes.filter((info) => {
    const faults = unfit(pod, info, nodes, spread, namespaceOf);
    for (const fault of faults) reasons.set(fault, (reasons.get(fault) ?? 0) + 1);
    return faults.length === 0;
  });
  if (fitting.length === 0) return { unschedulable: explain(nodes.length, reasons) };
  let best: NodeInfo[] = [];
  let bestScore: readonly number[] | undefined;
  for (const info of fitting) {
    const score = scoreOf(pod, info, nodes, spread, namespaceOf);
    const order = bestScore === undefined ? 1 : compare(score, bestScore);
    if (order > 0) {
      best = [info];
      bestScore = score;
    } else if (order === 0) best.push(info);
  }
  return { node: best[turn % best.length]!.node.metadata.name };
}

function unfit(
  pod: Pod,
  info: NodeInfo,
  nodes: readonly NodeInfo[],
  spread: Spread,
  namespaceOf: NamespaceOf,
): string[] {
  const { node } = info;
  const { tolerations } = pod.spec;
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;
  if (node.spec.unschedulable === true && !tolerated(tolerations, unschedulable))
    return ['node(s) were unschedulable'];
  const taint = (node.spec.taints ?? []).find(
    (t) => t.effect !== 'PreferNoSchedule' && !tolerated(tolerations, t),
  );
  if (taint !== undefined) return [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`];
  if (!matchesNode(pod, node)) return ["node(s) didn't match Pod's node affinity/selector"];
  if (portsTaken(pod, info)) return ["node(s) didn't have free ports for the requested pod ports"];
  const short = shortages(pod, info);
  if (short.length > 0) return short;
  if (!spread.allows(info)) return ["node(s) didn't match pod topology spread constraints"];
  switch (affinityFault(pod, info, nodes, namespaceOf)) {
    case 'affinity':
      return ["node(s) didn't match pod affinity rules"];
    case 'anti-affinity':
      return ["node(s) didn't match pod anti-affinity rules"];
    case 'existing anti-affinity':
      return ["node(s) didn't satisfy existing pods anti-affinity rules"];
    default:
      return [];
  }
}

function hostPorts(pod: Pod): { ip: string; port: number; protocol: string }[] {
  return pod.spec.containers.flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort, hostIP, protocol = 'TCP' }) =>
      hostPort === undefined || hostPort <= 0 ? [] : [{ ip: hostIP || '0.0.0.0', port: hostPort, protocol }],
    ),
  );
}

function portsTaken(pod: Pod, info: NodeInfo): boolean {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return false;
  const taken = info.pods.filter((other) => !isOver(other)).flatMap(hostPorts);
  return wanted.some((w) =>
    taken.some(
      (t) =>
        t.port === w.port &&
        t.protocol === w.protocol &&
        (t.ip === w.ip || t.ip === '0.0.0.0' || w.ip === '0.0.0.0'),
    ),
  );
}

/** Nothing is short on a node that does not say what it has. */
function shortages(pod: Pod, info: NodeInfo): string[] {
  const offers = info.node.status?.allocatable;
  if (offers === undefined) return [];
  const running = info.pods.filter((other) => !isOver(other));
  const short: string[] = [];
  const room = (name: string): number =>
    offers[name] === undefined
      ? Number.POSITIVE_INFINITY
      : (parseQuantity(offers[name]) ?? Number.POSITIVE_INFINITY);
  if (running.length + 1 > room('pods')) short.push('Too many pods');
  const wanted = requested(pod);
  for (const name of ['cpu', 'memory'] as const) {
    if (wanted[name] === 0) continue;
    const used = running.reduce((sum, other) => sum + requested(other)[name], 0);
    if (used + wanted[name] > room(name) + 1e-9) short.push(`Insufficient ${name}`);
  }
  return short;
}

/** Compared from left to right; more is better. */
function scoreOf(
  pod: Pod,
  info: NodeInfo,
  nodes: readonly NodeInfo[],
  spread: Spread,
  namespaceOf: NamespaceOf,
): readonly number[] {
  const avoided = (info.node.spec.taints ?? []).filter(
    (t) => t.effect === 'PreferNoSchedule' && !tolerated(pod.spec.tolerations, t),
  ).length;
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller === true)?.uid;
  const siblings =
    owner === undefined
      ? 0
      : info.pods.filter((other) => other.metadata.ownerReferences?.some((o) => o.uid === owner)).length;
  return [
    preference(pod, info.node) + podPreference(pod, info, nodes, namespaceOf),
    -avoided,
    -spread.crowding(info),
    -siblings,
    -info.pods.filter((other) => !isOver(other)).length,
  ];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

function explain(total: number, reasons: ReadonlyMap<string, number>): string {
  const parts = [...reasons].map(([reason, n]) => `${n} ${reason}`).sort();
  return `0/${total} nodes are available: ${parts.join(', ')}. preemption: 0/${total} nodes are available: ${total} Preemption is not helpful for scheduling.`;
}
