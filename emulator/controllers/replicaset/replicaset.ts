// Keeps as many pods as a ReplicaSet says: pkg/controller/replicaset/replica_set.go. Pods without an owner that its selector
// matches are adopted.

import { same } from '../../api/fields.ts';
import type { KubeObject } from '../../api/types/meta.ts';
import type { Pod } from '../../api/types/pod.ts';
import { matchesSelector } from '../../api/types/selector.ts';
import type { ReplicaSet } from '../../api/types/workload.ts';
import { type Action, type Controller, each, keyOf, owned, type Situation } from '../runtime/controller.ts';
import {
  byExpendability,
  deletePod,
  isActive,
  isAvailable,
  isReady,
  ownerRef,
  podOf,
  untilAvailable,
} from '../runtime/pods.ts';
import type { View } from '../runtime/view.ts';

/** Pods made or deleted in one round: BurstReplicas. */
const BURST = 500;

export const replicaSetController: Controller = {
  name: 'replicaset-controller',
  follows: [
    each('replicasets.apps'),
    owned('pods', 'ReplicaSet'),
    { resource: 'pods', keys: (pod, view) => (isOrphan(pod) ? matching(pod, view) : []) },
  ],
  reconcile: (key, { view, now }: Situation) => {
    const set = view.get<ReplicaSet>('replicasets.apps', key);
    if (set === undefined) return [];
    const owns = view.ownedBy<Pod>('pods', set.metadata.uid ?? '');
    const orphans = view
      .list<Pod>('pods', set.metadata.namespace)
      .filter((pod) => isOrphan(pod) && matchesSelector(set.spec.selector, pod.metadata.labels));
    return reconcile(set, owns, orphans, now);
  },
};

const isOrphan = (object: KubeObject): boolean =>
  (object.metadata.ownerReferences ?? []).every((o) => o.controller !== true) &&
  object.metadata.deletionTimestamp === undefined;

const matching = (pod: KubeObject, view: View): string[] =>
  view
    .list<ReplicaSet>('replicasets.apps', pod.metadata.namespace)
    .filter((set) => matchesSelector(set.spec.selector, pod.metadata.labels))
    .map(keyOf);

export function reconcile(
  set: ReplicaSet,
  owns: readonly Pod[],
  orphans: readonly Pod[],
  now: number,
): readonly Action[] {
  const pods = owns.filter(isActive);
  const going = set.metadata.deletionTimestamp !== undefined;
  const actions: Action[] = going ? [] : scale(set, pods, orphans);
  const status = statusOf(set, pods, now);
  if (!same(status, set.status)) actions.push({ do: 'status', object: { ...set, status } as ReplicaSet });
  const wait = untilAvailable(pods, set.spec.minReadySeconds ?? 0, now);
  if (wait !== undefined) actions.push({ do: 'again', afterMs: wait });
  return actions;
}

function scale(set: ReplicaSet, pods: readonly Pod[], orphans: readonly Pod[]): Action[] {
  const adopted = orphans.filter(isActive);
  const actions: Action[] = adopted.map((pod) => ({
    do: 'update',
    object: {
      ...pod,
      metadata: {
        ...pod.metadata,
        ownerReferences: [...(pod.metadata.ownerReferences ?? []), ownerRef(set)],
      },
    } as Pod,
  }));
  const all = [...pods, ...adopted];
  const missing = (set.spec.replicas ?? 1) - all.length;
  for (let i = 0; i < Math.min(missing, BURST); i++)
    actions.push({ do: 'create', object: podOf(set, set.spec.template!) });
  if (missing < 0) actions.push(...byExpendability(all).slice(0, Math.min(-missing, BURST)).map(deletePod));
  return actions;
}

function statusOf(set: ReplicaSet, pods: readonly Pod[], now: number): ReplicaSet['status'] {
  const labels = Object.entries(set.spec.template?.metadata?.labels ?? {});
  const count = (wanted: (pod: Pod) => boolean): number => pods.filter(wanted).length;
  const full = count((pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value));
  const ready = count(isReady);
  const available = count((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now));
  return {
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
    replicas: pods.length,
    ...(full > 0 ? { fullyLabeledReplicas: full } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    observedGeneration: set.metadata.generation ?? 1,
  };
}
