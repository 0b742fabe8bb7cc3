// Deletes pods that do not, or no longer, tolerate a NoExecute taint of their node: pkg/controller/tainteviction.
import type { Node } from '../../api/types/node.ts';
import type { Pod } from '../../api/types/pod.ts';
import { type Action, type Controller, each, keyOf, refOf } from '../runtime/controller.ts';
import { tolerates } from './tolerations.ts';

export const taintEvictionController: Controller = {
  name: 'taint-eviction-controller',
  follows: [
    each('pods'),
    { resource: 'nodes', keys: (node, view) => view.podsOn(node.metadata.name).map(keyOf) },
  ],
  reconcile: (key, { view, now }) => {
    const pod = view.get<Pod>('pods', key);
    const node = pod?.spec.nodeName === undefined ? undefined : view.get<Node>('nodes', pod.spec.nodeName);
    return pod === undefined || node === undefined ? [] : evict(pod, node, now);
  },
};

export function evict(pod: Pod, node: Node, now: number): readonly Action[] {
  if (pod.metadata.deletionTimestamp !== undefined) return [];
  const due = evictionTime(pod, node, now);
  if (due === undefined) return [];
  if (due > now) return [{ do: 'again', afterMs: due - now }];
  const { namespace, name } = pod.metadata;
  return [
    {
      do: 'event',
      about: pod,
      type: 'Normal',
      reason: 'TaintManagerEviction',
      message: `Marking for deletion Pod ${namespace}/${name}`,
    },
    { do: 'delete', ref: refOf(pod), ...(pod.metadata.uid === undefined ? {} : { uid: pod.metadata.uid }) },
  ];
}

/** When a pod must go, in wall-clock ms; undefined: it may stay. */
function evictionTime(pod: Pod, node: Node, now: number): number | undefined {
  let due: number | undefined;
  for (const taint of node.spec.taints ?? []) {
    if (taint.effect !== 'NoExecute') continue;
    const matching = (pod.spec.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return now;
    const since = taint.timeAdded === undefined ? now : Date.parse(taint.timeAdded);
    for (const { tolerationSeconds } of matching) {
      if (tolerationSeconds === undefined) continue;
      const end = since + Math.max(0, tolerationSeconds) * 1000;
      due = Math.min(due ?? end, end);
    }
  }
  return due;
}
