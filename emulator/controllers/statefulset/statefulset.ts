// Pods with stable names, in order: pkg/controller/statefulset. Each ordinal waits for the one before it, upwards when they
// are made and downwards when they go, unless the policy is Parallel.
import { hashText } from '../../api/chance.ts';
import { same } from '../../api/fields.ts';
import type { Pod } from '../../api/types/pod.ts';
import type { StatefulSet } from '../../api/types/workload.ts';
import { type Action, type Controller, each, owned, type Situation } from '../runtime/controller.ts';
import { deletePod, isAvailable, isReady, podOf, untilAvailable } from '../runtime/pods.ts';

const REVISION = 'controller-revision-hash';
const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

export const statefulSetController: Controller = {
  name: 'statefulset-controller',
  follows: [each('statefulsets.apps'), owned('pods', 'StatefulSet')],
  reconcile: (key, { view, now }: Situation) => {
    const set = view.get<StatefulSet>('statefulsets.apps', key);
    return set === undefined ? [] : reconcile(set, view.ownedBy<Pod>('pods', set.metadata.uid ?? ''), now);
  },
};

export const revisionOf = (set: StatefulSet): string =>
  `${set.metadata.name}-${hashText(JSON.stringify(set.spec.template))}`;

const ordinalOf = (pod: Pod): number => Number(/-(\d+)$/.exec(pod.metadata.name)?.[1] ?? -1);
const isOver = (pod: Pod): boolean => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
const isGoing = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

export function reconcile(set: StatefulSet, pods: readonly Pod[], now: number): readonly Action[] {
  const update = revisionOf(set);
  const current = set.status?.currentRevision ?? update;
  const actions: Action[] = set.metadata.deletionTimestamp === undefined ? step(set, pods, update, now) : [];
  const status = statusOf(set, pods, current, update, now);
  if (!same(status, set.status)) actions.push({ do: 'status', object: { ...set, status } as StatefulSet });
  const wait = untilAvailable(pods, set.spec.minReadySeconds ?? 0, now);
  if (wait !== undefined) actions.push({ do: 'again', afterMs: wait });
  return actions;
}

function step(set: StatefulSet, pods: readonly Pod[], update: string, now: number): Action[] {
  const start = set.spec.ordinals?.start ?? 0;
  const replicas = set.spec.replicas ?? 1;
  const parallel = set.spec.podManagementPolicy === 'Parallel';
  const byOrdinal = new Map(pods.map((pod) => [ordinalOf(pod), pod]));
  const well = (pod: Pod): boolean => !isGoing(pod) && isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  const actions: Action[] = [];
  for (let n = start; n < start + replicas; n++) {
    const pod = byOrdinal.get(n);
    if (pod === undefined) actions.push({ do: 'create', object: podFor(set, n, update) });
    else if (isOver(pod) && !isGoing(pod)) actions.push(deletePod(pod));
    else if (well(pod)) continue;
    else if (parallel) continue;
    else return actions;
    if (!parallel) return actions;
  }
  const surplus = pods.filter((pod) => ordinalOf(pod) >= start + replicas || ordinalOf(pod) < start);
  for (const pod of surplus.sort((a, b) => ordinalOf(b) - ordinalOf(a))) {
    if (!isGoing(pod)) actions.push(deletePod(pod));
    if (!parallel) return actions;
  }
  if (actions.length > 0) return actions;
  return roll(set, byOrdinal, update, well);
}

/** From the highest ordinal down to the partition, one at a time. */
function roll(
  set: StatefulSet,
  byOrdinal: ReadonlyMap<number, Pod>,
  update: string,
  well: (pod: Pod) => boolean,
): Action[] {
  if (set.spec.updateStrategy?.type === 'OnDelete') return [];
  const start = set.spec.ordinals?.start ?? 0;
  const last = start + (set.spec.replicas ?? 1) - 1;
  const partition = Math.max(start, set.spec.updateStrategy?.rollingUpdate?.partition ?? 0);
  for (let n = last; n >= partition; n--) {
    const pod = byOrdinal.get(n);
    if (pod === undefined || isGoing(pod)) return [];
    if (pod.metadata.labels?.[REVISION] !== update) return [deletePod(pod)];
    if (!well(pod)) return [];
  }
  return [];
}

function podFor(set: StatefulSet, ordinal: number, update: string) {
  const name = `${set.metadata.name}-${ordinal}`;
  const claims = (set.spec.volumeClaimTemplates ?? []).map((claim) => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: `${claim.metadata.name}-${name}` },
  }));
  const taken = new Set(claims.map((c) => c.name));
  const volumes = [...(set.spec.template.spec.volumes ?? []).filter((v) => !taken.has(v.name)), ...claims];
  return podOf(set, set.spec.template, {
    name,
    labels: { [REVISION]: update, [POD_NAME]: name, [POD_INDEX]: String(ordinal) },
    spec: {
      hostname: name,
      ...(set.spec.serviceName === '' || set.spec.serviceName === undefined
        ? {}
        : { subdomain: set.spec.serviceName }),
      ...(volumes.length > 0 ? { volumes } : {}),
    },
  });
}

function statusOf(
  set: StatefulSet,
  pods: readonly Pod[],
  current: string,
  update: string,
  now: number,
): StatefulSet['status'] {
  const alive = pods.filter((pod) => !isGoing(pod) && !isOver(pod));
  const count = (wanted: (pod: Pod) => boolean): number => alive.filter(wanted).length;
  const updated = count((pod) => pod.metadata.labels?.[REVISION] === update);
  const replicas = set.spec.replicas ?? 1;
  const ready = count(isReady);
  const done = updated === replicas && ready === replicas && alive.length === replicas;
  const now_ = done ? update : current;
  const old = count((pod) => pod.metadata.labels?.[REVISION] === now_);
  return {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: alive.length,
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    availableReplicas: count((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, now)),
    ...(old > 0 ? { currentReplicas: old } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    currentRevision: now_,
    updateRevision: update,
    collisionCount: 0,
  };
}
