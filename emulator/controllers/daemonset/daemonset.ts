// One pod of a DaemonSet on each node that fits: pkg/controller/daemon. The pods are bound to their nodes by affinity and go
// through the scheduler, as upstream's do; they tolerate what befalls nodes.
import { hashText } from '../../api/chance.ts';
import { same } from '../../api/fields.ts';
import type { Node } from '../../api/types/node.ts';
import type { Pod, Toleration } from '../../api/types/pod.ts';
import type { DaemonSet } from '../../api/types/workload.ts';
import { type Action, type Controller, each, keyOf, owned, type Situation } from '../runtime/controller.ts';
import { deletePod, isAvailable, isReady, podOf, scaledValue, untilAvailable } from '../runtime/pods.ts';
import { matchesNode } from '../scheduler/node-affinity.ts';
import { tolerated } from '../taint-eviction/tolerations.ts';

const HASH = 'controller-revision-hash';

export const daemonSetController: Controller = {
  name: 'daemonset-controller',
  follows: [
    each('daemonsets.apps'),
    owned('pods', 'DaemonSet'),
    { resource: 'nodes', keys: (_node, view) => view.list<DaemonSet>('daemonsets.apps').map(keyOf) },
  ],
  reconcile: (key, { view, now }: Situation) => {
    const set = view.get<DaemonSet>('daemonsets.apps', key);
    if (set === undefined) return [];
    return reconcile(set, view.ownedBy<Pod>('pods', set.metadata.uid ?? ''), view.list<Node>('nodes'), now);
  },
};

const TOLERATIONS: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const HOST_NETWORK: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

function tolerationsOf(set: DaemonSet): Toleration[] {
  const { tolerations = [], hostNetwork } = set.spec.template.spec;
  return [...tolerations, ...TOLERATIONS, ...(hostNetwork === true ? [HOST_NETWORK] : [])];
}

/** Where a pod belongs: its node, or the one it is meant for. */
function nodeOf(pod: Pod): string {
  if (pod.spec.nodeName !== undefined) return pod.spec.nodeName;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms?.[0]?.matchFields?.[0]?.values?.[0] ?? '';
}

interface Fit {
  readonly run: boolean;
  /** A pod that is there may stay. */
  readonly stay: boolean;
}

function fits(set: DaemonSet, node: Node): Fit {
  const pod = { ...podOf(set, set.spec.template), spec: set.spec.template.spec } as Pod;
  if (!matchesNode(pod, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(set);
  const against = (node.spec.taints ?? []).filter((taint) => !tolerated(tolerations, taint));
  return {
    run: !against.some((t) => t.effect === 'NoSchedule' || t.effect === 'NoExecute'),
    stay: !against.some((t) => t.effect === 'NoExecute'),
  };
}

export function reconcile(
  set: DaemonSet,
  pods: readonly Pod[],
  nodes: readonly Node[],
  now: number,
): readonly Action[] {
  const hash = hashText(JSON.stringify(set.spec.template));
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) byNode.set(nodeOf(pod), [...(byNode.get(nodeOf(pod)) ?? []), pod]);
  const wanted = nodes.filter((node) => fits(set, node).run);
  const going = set.metadata.deletionTimestamp !== undefined;
  const actions: Action[] = going ? [] : place(set, nodes, byNode, hash);
  if (!going && actions.length === 0) actions.push(...roll(set, wanted, byNode, hash, now));
  const status = statusOf(set, nodes, wanted, byNode, hash, now);
  if (!same(status, set.status)) actions.push({ do: 'status', object: { ...set, status } as DaemonSet });
  const wait = untilAvailable(pods, set.spec.minReadySeconds ?? 0, now);
  if (wait !== undefined) actions.push({ do: 'again', afterMs: wait });
  return actions;
}

const isOver = (pod: Pod): boolean => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

function place(
  set: DaemonSet,
  nodes: readonly Node[],
  byNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
): Action[] {
  const actions: Action[] = [];
  const known = new Set(nodes.map((node) => node.metadata.name));
  for (const node of nodes) {
    const { run, stay } = fits(set, node);
    const here = byNode.get(node.metadata.name) ?? [];
    const alive = here.filter((pod) => !isGoing(pod));
    if (run && here.length === 0)
      actions.push({ do: 'create', object: podFor(set, node.metadata.name, hash) });
    else if (!run && !stay) actions.push(...alive.map(deletePod));
    // A pod that is over is replaced; of several the oldest stays.
    else
      actions.push(...alive.filter((pod, i) => isOver(pod) || (i > 0 && !isOver(alive[0]!))).map(deletePod));
  }
  for (const [name, here] of byNode)
    if (!known.has(name)) actions.push(...here.filter((p) => !isGoing(p)).map(deletePod));
  return actions;
}

function podFor(set: DaemonSet, node: string, hash: string) {
  const { spec } = set.spec.template;
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [node] }] }];
  const affinity = {
    ...spec.affinity,
    nodeAffinity: {
      ...spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms },
    },
  };
  return podOf(set, set.spec.template, {
    labels: { [HASH]: hash },
    spec: { affinity, tolerations: tolerationsOf(set) },
  });
}

/** Replaces old pods, no more at a time than may be unavailable. */
function roll(
  set: DaemonSet,
  wanted: readonly Node[],
  byNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
  now: number,
): Action[] {
  if (set.spec.updateStrategy?.type === 'OnDelete') return [];
  const max = scaledValue(set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted.length, true);
  const here = wanted.map((node) => byNode.get(node.metadata.name)?.[0]);
  const available = (pod: Pod | undefined): boolean =>
    pod !== undefined && !isGoing(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  let room = Math.max(1, max) - here.filter((pod) => !available(pod)).length;
  const actions: Action[] = [];
  for (const pod of here) {
    if (pod === undefined || isGoing(pod) || pod.metadata.labels?.[HASH] === hash) continue;
    // What is not available anyway costs nothing to replace.
    if (!available(pod)) actions.push(deletePod(pod));
    else if (room-- > 0) actions.push(deletePod(pod));
  }
  return actions;
}

function statusOf(
  set: DaemonSet,
  nodes: readonly Node[],
  wanted: readonly Node[],
  byNode: ReadonlyMap<string, readonly Pod[]>,
  hash: string,
  now: number,
): DaemonSet['status'] {
  const on = (node: Node): readonly Pod[] =>
    (byNode.get(node.metadata.name) ?? []).filter((p) => !isGoing(p));
  const scheduled = wanted.flatMap((node) => on(node).slice(0, 1));
  const available = scheduled.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)).length;
  const updated = scheduled.filter((pod) => pod.metadata.labels?.[HASH] === hash).length;
  const unavailable = wanted.length - available;
  return {
    currentNumberScheduled: scheduled.length,
    desiredNumberScheduled: wanted.length,
    numberMisscheduled: nodes.filter((node) => !wanted.includes(node) && on(node).length > 0).length,
    numberReady: scheduled.filter(isReady).length,
    ...(available > 0 ? { numberAvailable: available } : {}),
    ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
    observedGeneration: set.metadata.generation ?? 1,
  };
}
