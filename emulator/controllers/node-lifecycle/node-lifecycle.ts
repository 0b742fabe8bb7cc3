// Watches over the nodes' heartbeats: a node that renews neither its Lease nor its status for the grace time is Unknown, is
// tainted, and its pods are not Ready any more. pkg/controller/nodelifecycle/node_lifecycle_controller.go. As there, what
// counts is when we saw a heartbeat, not what time the node wrote in it, so that a control plane that was away for an
// hour does not condemn nodes that waited for it.
import type { Lease, Node, NodeCondition, Taint } from '../../api/types/node.ts';
import type { Pod } from '../../api/types/pod.ts';
import { type Action, type Controller, each, isoTime, type Situation } from '../runtime/controller.ts';

export interface NodeLifecycleOptions {
  /** How long without a heartbeat, in ms: 40 s upstream (50 s from 1.32 on). */
  readonly graceMs: number;
  /** How often nodes are looked at, in ms: 5 s. */
  readonly periodMs: number;
}

export const LEASE_NAMESPACE = 'kube-node-lease';

export function nodeLifecycleController(options: NodeLifecycleOptions): Controller {
  const seen = new Map<string, { readonly mark: string; readonly at: number }>();
  /** When the last heartbeat was seen; a new one is seen now. */
  const heartbeat = (node: Node, lease: Lease | undefined, now: number): number => {
    const ready = readyOf(node);
    const mark = `${lease?.spec?.renewTime ?? ''} ${ready?.status === 'Unknown' ? '' : (ready?.lastHeartbeatTime ?? '')}`;
    const last = seen.get(node.metadata.name);
    if (last !== undefined && last.mark === mark) return last.at;
    seen.set(node.metadata.name, { mark, at: now });
    return now;
  };
  return {
    name: 'node-controller',
    resyncMs: options.periodMs,
    follows: [
      each('nodes'),
      {
        resource: 'leases.coordination.k8s.io',
        keys: (lease) => (lease.metadata.namespace === LEASE_NAMESPACE ? [lease.metadata.name] : []),
      },
    ],
    reconcile: (name, { view, now }: Situation) => {
      const node = view.get<Node>('nodes', name);
      if (node === undefined) {
        seen.delete(name);
        return [];
      }
      const lease = view.get<Lease>('leases.coordination.k8s.io', `${LEASE_NAMESPACE}/${name}`);
      return judge({ node, heartbeat: heartbeat(node, lease, now), pods: view.podsOn(name), now }, options);
    },
  };
}

export interface NodeFacts {
  readonly node: Node;
  /** When the last heartbeat was seen, in wall-clock ms. */
  readonly heartbeat: number;
  readonly pods: readonly Pod[];
  readonly now: number;
}

export function judge(facts: NodeFacts, { graceMs }: NodeLifecycleOptions): readonly Action[] {
  const { node, now } = facts;
  const silent = now - facts.heartbeat > graceMs;
  const before = readyOf(node)?.status;
  if (silent && before !== 'Unknown') return [...declareUnknown(node, now), ...unreadyPods(facts)];
  const actions: Action[] = [];
  const taints = wantedTaints(node, now);
  if (!sameTaints(taints, node.spec.taints ?? []))
    actions.push({ do: 'update', object: { ...node, spec: { ...node.spec, taints } } as Node });
  if (before !== 'True') actions.push(...unreadyPods(facts));
  return actions;
}

const readyOf = (node: Node): NodeCondition | undefined =>
  node.status?.conditions?.find((c) => c.type === 'Ready');

const CONDITIONS = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];

function declareUnknown(node: Node, now: number): Action[] {
  const time = isoTime(now);
  const old = node.status?.conditions ?? [];
  const others = old.filter((c) => !CONDITIONS.includes(c.type));
  const unknown = CONDITIONS.map((type): NodeCondition => {
    const last = old.find((c) => c.type === type);
    return last === undefined
      ? {
          type,
          status: 'Unknown',
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
          lastHeartbeatTime: node.metadata.creationTimestamp ?? time,
          lastTransitionTime: time,
        }
      : {
          ...last,
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastTransitionTime: time,
        };
  });
  const object = { ...node, status: { ...node.status, conditions: [...others, ...unknown] } } as Node;
  return [
    { do: 'status', object },
    {
      do: 'event',
      about: node,
      type: 'Normal',
      reason: 'NodeNotReady',
      message: `Node ${node.metadata.name} status is now: NodeNotReady`,
    },
  ];
}

/** nodeutil.MarkPodsNotReady: whatever a node that is not Ready last said of its pods, nobody should rely on it. */
function unreadyPods({ pods, now }: NodeFacts): Action[] {
  const actions: Action[] = [];
  for (const pod of pods) {
    const ready = pod.status?.conditions?.find((c) => c.type === 'Ready');
    if (ready?.status !== 'True') continue;
    const conditions = pod.status!.conditions!.map((c) =>
      c.type === 'Ready' ? { ...c, status: 'False' as const, lastTransitionTime: isoTime(now) } : c,
    );
    actions.push({ do: 'status', object: { ...pod, status: { ...pod.status, conditions } } as Pod });
    actions.push({
      do: 'event',
      about: pod,
      type: 'Warning',
      reason: 'NodeNotReady',
      message: 'Node is not ready',
    });
  }
  return actions;
}

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

const PRESSURES: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};

const OURS = new Set([NOT_READY, UNREACHABLE, UNSCHEDULABLE, ...Object.values(PRESSURES)]);

/** The taints that a node's conditions call for, beside those that somebody else set. */
export function wantedTaints(node: Node, now: number): Taint[] {
  const old = node.spec.taints ?? [];
  const wanted: Taint[] = old.filter((taint) => !OURS.has(taint.key));
  const add = (key: string, effect: Taint['effect']): void => {
    const had = old.find((taint) => taint.key === key && taint.effect === effect);
    wanted.push(had ?? { key, effect, ...(effect === 'NoExecute' ? { timeAdded: isoTime(now) } : {}) });
  };
  const status = readyOf(node)?.status;
  if (status !== 'True') {
    const key = status === 'Unknown' ? UNREACHABLE : NOT_READY;
    add(key, 'NoSchedule');
    // A node that has never said anything is being born, not lost.
    if (status !== undefined) add(key, 'NoExecute');
  }
  if (node.spec.unschedulable === true) add(UNSCHEDULABLE, 'NoSchedule');
  for (const condition of node.status?.conditions ?? []) {
    const key = PRESSURES[condition.type];
    if (key !== undefined && condition.status === 'True') add(key, 'NoSchedule');
  }
  return wanted;
}

const sameTaints = (a: readonly Taint[], b: readonly Taint[]): boolean => {
  const text = (taints: readonly Taint[]): string =>
    taints
      .map((t) => `${t.key}=${t.value ?? ''}:${t.effect}`)
      .sort()
      .join();
  return text(a) === text(b);
};
