// kube-scheduler: gives pods that have no node one. Decisions are made one after another; a pod that was given a node counts
// as there from the decision on, although its binding is still being written (the scheduler's "assumed" pods).
import type { Namespace } from '../../api/types/core.ts';
import type { Node } from '../../api/types/node.ts';
import type { Pod } from '../../api/types/pod.ts';
import { type Action, type Controller, isoTime, keyOf } from '../runtime/controller.ts';
import type { View } from '../runtime/view.ts';
import type { NodeInfo } from './node-info.ts';
import { schedule } from './schedule.ts';

const NAME = 'default-scheduler';

export function schedulerController(): Controller {
  const assumed = new Map<string, { readonly pod: Pod; readonly node: string }>();
  let turn = 0;
  return {
    name: NAME,
    follows: [
      {
        resource: 'pods',
        // A pod that goes or ends makes room for those that wait.
        keys: (pod, view) => (waits(pod as Pod) ? [keyOf(pod)] : ended(pod as Pod) ? waiting(view) : []),
      },
      { resource: 'nodes', keys: (_node, view) => waiting(view) },
    ],
    reconcile: (key, { view, now }) => {
      const pod = view.get<Pod>('pods', key);
      const before = assumed.get(key);
      if (pod === undefined || !waits(pod)) {
        assumed.delete(key);
        return [];
      }
      // Its binding failed, or it is another pod of that name.
      if (before !== undefined) assumed.delete(key);
      for (const [other, { pod: last }] of assumed) {
        const current = view.get<Pod>('pods', other);
        if (
          current === undefined ||
          current.metadata.uid !== last.metadata.uid ||
          current.spec.nodeName !== undefined
        )
          assumed.delete(other);
      }
      const namespaceOf = (name: string): Namespace | undefined => view.get<Namespace>('namespaces', name);
      const choice = schedule(pod, nodeInfos(view, assumed), namespaceOf, turn);
      if ('unschedulable' in choice) return refuse(pod, choice.unschedulable, now);
      turn++;
      assumed.set(key, { pod, node: choice.node });
      return bind(pod, choice.node);
    },
  };
}

const waits = (pod: Pod): boolean =>
  (pod.spec.nodeName ?? '') === '' &&
  pod.metadata.deletionTimestamp === undefined &&
  pod.spec.schedulerName === NAME &&
  (pod.spec.schedulingGates ?? []).length === 0;

const ended = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp !== undefined ||
  pod.status?.phase === 'Succeeded' ||
  pod.status?.phase === 'Failed';

function waiting(view: View): string[] {
  return view.podsOn('').filter(waits).map(keyOf);
}

function nodeInfos(view: View, assumed: ReadonlyMap<string, { pod: Pod; node: string }>): NodeInfo[] {
  const extra = new Map<string, Pod[]>();
  for (const { pod, node } of assumed.values()) {
    const list = extra.get(node);
    if (list === undefined) extra.set(node, [pod]);
    else list.push(pod);
  }
  return view
    .list<Node>('nodes')
    .filter((node) => node.metadata.deletionTimestamp === undefined)
    .map((node) => {
      const { name } = node.metadata;
      return { node, pods: [...view.podsOn(name), ...(extra.get(name) ?? [])] };
    });
}

function bind(pod: Pod, node: string): readonly Action[] {
  const { namespace = '', name } = pod.metadata;
  return [
    { do: 'bind', namespace, name, node },
    {
      do: 'event',
      about: pod,
      type: 'Normal',
      reason: 'Scheduled',
      message: `Successfully assigned ${namespace}/${name} to ${node}`,
    },
  ];
}

function refuse(pod: Pod, message: string, now: number): readonly Action[] {
  const conditions = pod.status?.conditions ?? [];
  const old = conditions.find((c) => c.type === 'PodScheduled');
  if (old?.status === 'False' && old.message === message) return [];
  const condition = {
    type: 'PodScheduled',
    status: 'False' as const,
    reason: 'Unschedulable',
    message,
    lastProbeTime: null,
    lastTransitionTime: old?.status === 'False' ? (old.lastTransitionTime ?? isoTime(now)) : isoTime(now),
  };
  const others = conditions.filter((c) => c.type !== 'PodScheduled');
  return [
    {
      do: 'status',
      object: { ...pod, status: { ...pod.status, conditions: [...others, condition] } } as Pod,
    },
    { do: 'event', about: pod, type: 'Warning', reason: 'FailedScheduling', message },
  ];
}
