// Rolls a Deployment's pods from one template to the next by scaling ReplicaSets: pkg/controller/deployment. Revisions are
// numbered in an annotation, which is what `kubectl rollout history` and `undo` read.
import { hashText } from '../../api/chance.ts';
import { same } from '../../api/fields.ts';
import type { Condition, KubeObject } from '../../api/types/meta.ts';
import type { Pod, PodTemplateSpec } from '../../api/types/pod.ts';
import type { Deployment, ReplicaSet } from '../../api/types/workload.ts';
import {
  type Action,
  type Controller,
  each,
  isoTime,
  keyOf,
  owned,
  refOf,
  type Situation,
} from '../runtime/controller.ts';
import { ownerRef, scaledValue } from '../runtime/pods.ts';
import type { View } from '../runtime/view.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MAX = 'deployment.kubernetes.io/max-replicas';
const HASH = 'pod-template-hash';

export const deploymentController: Controller = {
  name: 'deployment-controller',
  follows: [
    each('deployments.apps'),
    owned('replicasets.apps', 'Deployment'),
    // Recreate waits for the last old pod, which its ReplicaSet does not count once it is being deleted.
    {
      resource: 'pods',
      keys: (pod, view) => (view.get('pods', keyOf(pod)) === undefined ? deploymentOf(pod, view) : []),
    },
  ],
  reconcile: (key, { view, now }: Situation) => {
    const deployment = view.get<Deployment>('deployments.apps', key);
    if (deployment === undefined) return [];
    const sets = view.ownedBy<ReplicaSet>('replicasets.apps', deployment.metadata.uid ?? '');
    const hasPods = (set: ReplicaSet): boolean =>
      view
        .ownedBy<Pod>('pods', set.metadata.uid ?? '')
        .some((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
    return reconcile(deployment, sets, hasPods, now);
  },
};

function deploymentOf(pod: KubeObject, view: View): string[] {
  const owner = pod.metadata.ownerReferences?.find((o) => o.controller === true && o.kind === 'ReplicaSet');
  const set = view.get<ReplicaSet>('replicasets.apps', `${pod.metadata.namespace}/${owner?.name}`);
  const deployment = set?.metadata.ownerReferences?.find((o) => o.controller === true);
  return deployment === undefined ? [] : [`${pod.metadata.namespace}/${deployment.name}`];
}

const replicasOf = (set: ReplicaSet): number => set.spec.replicas ?? 1;
const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + of(set), 0);
const revisionOf = (set: ReplicaSet): number => Number(set.metadata.annotations?.[REVISION] ?? 0);

/** The template without the hash that the controller put into it. */
function bare(template: PodTemplateSpec | undefined): unknown {
  const { [HASH]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

export function reconcile(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  hasPods: (set: ReplicaSet) => boolean,
  now: number,
): readonly Action[] {
  if (deployment.metadata.deletionTimestamp !== undefined) return [];
  const current = sets.find((set) => same(bare(set.spec.template), bare(deployment.spec.template)));
  const others = sets.filter((set) => set !== current);
  if (current === undefined && deployment.spec.paused !== true) {
    // Recreate: nothing new before the old pods are gone.
    const actions = isRecreate(deployment) ? stopAll(deployment, others) : [];
    if (actions.length > 0 || (isRecreate(deployment) && others.some(hasPods)))
      return [...actions, ...report(deployment, undefined, others, now)];
    return [...create(deployment, others), ...report(deployment, undefined, others, now)];
  }
  const renumbered = number(deployment, current, others);
  // What was renumbered is a new version: what else is to be done waits for it.
  if (renumbered.length > 0) return renumbered;
  const actions = [...scale(deployment, current, others, hasPods), ...prune(deployment, others)];
  return [...actions, ...report(deployment, current, others, now)];
}

const isRecreate = (deployment: Deployment): boolean => deployment.spec.strategy?.type === 'Recreate';

interface Bounds {
  readonly desired: number;
  readonly surge: number;
  readonly unavailable: number;
}

/** ResolveFenceposts: surge is rounded up, unavailability down, and both may not be zero. */
function bounds(deployment: Deployment): Bounds {
  const desired = deployment.spec.replicas ?? 1;
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = isRecreate(deployment) ? 0 : scaledValue(maxSurge ?? '25%', desired, true);
  let unavailable = isRecreate(deployment) ? desired : scaledValue(maxUnavailable ?? '25%', desired, false);
  if (surge === 0 && unavailable === 0) unavailable = 1;
  return { desired, surge, unavailable: Math.min(unavailable, desired) };
}

function create(deployment: Deployment, others: readonly ReplicaSet[]): Action[] {
  const { desired, surge } = bounds(deployment);
  const { namespace, name } = deployment.metadata;
  const hash = hashText(JSON.stringify(bare(deployment.spec.template)));
  const labels = { ...deployment.spec.template.metadata?.labels, [HASH]: hash };
  const replicas = isRecreate(deployment)
    ? desired
    : Math.max(0, Math.min(desired, desired + surge - sum(others, replicasOf)));
  const revision = String(Math.max(0, ...others.map(revisionOf)) + 1);
  const set = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      annotations: { ...carried(deployment), ...limits(deployment), [REVISION]: revision },
      ownerReferences: [ownerRef(deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec.minReadySeconds === undefined
        ? {}
        : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: {
        ...deployment.spec.selector,
        matchLabels: { ...deployment.spec.selector.matchLabels, [HASH]: hash },
      },
      template: {
        ...deployment.spec.template,
        metadata: { ...deployment.spec.template.metadata, labels },
      },
    },
  };
  return [
    { do: 'create', object: set, unlessThere: true },
    ...annotate(deployment, revision),
    scaled(deployment, 'up', set.metadata.name, 0, replicas),
  ];
}

/** Annotations that a ReplicaSet takes over: what kubectl writes for rollouts, not what it writes for itself. */
function carried(deployment: Deployment): Record<string, string> {
  const skip = new Set(['kubectl.kubernetes.io/last-applied-configuration', REVISION, DESIRED, MAX]);
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !skip.has(key)),
  );
}

function limits(deployment: Deployment): Record<string, string> {
  const { desired, surge } = bounds(deployment);
  return { [DESIRED]: String(desired), [MAX]: String(desired + surge) };
}

const annotate = (deployment: Deployment, revision: string): Action[] =>
  deployment.metadata.annotations?.[REVISION] === revision
    ? []
    : [
        {
          do: 'update',
          object: {
            ...deployment,
            metadata: {
              ...deployment.metadata,
              annotations: { ...deployment.metadata.annotations, [REVISION]: revision },
            },
          } as Deployment,
        },
      ];

/** A template that came back, by undo or by hand, is the newest revision again. */
function number(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  others: readonly ReplicaSet[],
): Action[] {
  if (current === undefined) return [];
  const newest = Math.max(0, ...others.map(revisionOf));
  const own = revisionOf(current);
  const revision = own > newest ? own : newest + 1;
  const annotations = {
    ...current.metadata.annotations,
    ...carried(deployment),
    ...limits(deployment),
    [REVISION]: String(revision),
  };
  const change: Action[] = same(annotations, current.metadata.annotations)
    ? []
    : [
        {
          do: 'update',
          object: { ...current, metadata: { ...current.metadata, annotations } } as ReplicaSet,
        },
      ];
  return [...change, ...annotate(deployment, String(revision))];
}

function scale(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  others: readonly ReplicaSet[],
  hasPods: (set: ReplicaSet) => boolean,
): Action[] {
  if (current === undefined) return deployment.spec.paused === true ? [] : stopAll(deployment, others);
  if (isRecreate(deployment)) {
    const stopping = stopAll(deployment, others);
    if (stopping.length > 0) return stopping;
    if (replicasOf(current) === 0 && others.some(hasPods)) return [];
  }
  const { desired, surge, unavailable } = bounds(deployment);
  const old = others.filter((set) => replicasOf(set) > 0);
  if (deployment.spec.paused === true) return old.length > 0 ? [] : to(deployment, current, desired);
  const total = replicasOf(current) + sum(old, replicasOf);
  const want =
    replicasOf(current) > desired
      ? desired
      : Math.min(desired, replicasOf(current) + Math.max(0, desired + surge - total));
  const up = to(deployment, current, want);
  if (up.length > 0) return up;
  return reduce(deployment, current, old, desired - unavailable);
}

/** Takes away old pods: first those that were never well, then as many as availability allows. */
function reduce(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  minAvailable: number,
): Action[] {
  const newUnavailable = replicasOf(current) - (current.status?.availableReplicas ?? 0);
  let spare = replicasOf(current) + sum(old, replicasOf) - minAvailable - newUnavailable;
  if (spare <= 0) return [];
  const actions: Action[] = [];
  const left = new Map(old.map((set) => [set, replicasOf(set)]));
  const byAge = [...old].sort((a, b) => revisionOf(a) - revisionOf(b));
  for (const set of byAge) {
    const unhealthy = Math.min(spare, Math.max(0, replicasOf(set) - (set.status?.availableReplicas ?? 0)));
    left.set(set, left.get(set)! - unhealthy);
    spare -= unhealthy;
  }
  let expendable = Math.min(
    spare,
    (current.status?.availableReplicas ?? 0) +
      sum(old, (s) => s.status?.availableReplicas ?? 0) -
      minAvailable,
  );
  for (const set of byAge) {
    const n = Math.min(Math.max(0, expendable), left.get(set)!);
    left.set(set, left.get(set)! - n);
    expendable -= n;
  }
  for (const set of byAge) actions.push(...to(deployment, set, left.get(set)!));
  return actions;
}

const stopAll = (deployment: Deployment, sets: readonly ReplicaSet[]): Action[] =>
  sets.flatMap((set) => to(deployment, set, 0));

function to(deployment: Deployment, set: ReplicaSet, replicas: number): Action[] {
  const before = replicasOf(set);
  if (before === replicas) return [];
  return [
    { do: 'update', object: { ...set, spec: { ...set.spec, replicas } } as ReplicaSet },
    scaled(deployment, replicas > before ? 'up' : 'down', set.metadata.name, before, replicas),
  ];
}

const scaled = (
  deployment: Deployment,
  way: 'up' | 'down',
  set: string,
  from: number,
  replicas: number,
): Action => ({
  do: 'event',
  about: deployment,
  type: 'Normal',
  reason: 'ScalingReplicaSet',
  message: `Scaled ${way} replica set ${set} from ${from} to ${replicas}`,
});

/** Old revisions beyond the limit that have no pods go, oldest first. */
function prune(deployment: Deployment, others: readonly ReplicaSet[]): Action[] {
  const idle = others.filter(
    (set) =>
      replicasOf(set) === 0 &&
      (set.status?.replicas ?? 0) === 0 &&
      set.metadata.deletionTimestamp === undefined,
  );
  const excess = idle.length - (deployment.spec.revisionHistoryLimit ?? 10);
  if (excess <= 0) return [];
  return [...idle]
    .sort((a, b) => revisionOf(a) - revisionOf(b))
    .slice(0, excess)
    .map((set) => ({ do: 'delete', ref: refOf(set), propagationPolicy: 'Background' }));
}

function report(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  others: readonly ReplicaSet[],
  now: number,
): Action[] {
  const all = current === undefined ? others : [current, ...others];
  const desired = deployment.spec.replicas ?? 1;
  const total = sum(all, (s) => s.status?.replicas ?? 0);
  const available = sum(all, (s) => s.status?.availableReplicas ?? 0);
  const updated = current?.status?.replicas ?? 0;
  const ready = sum(all, (s) => s.status?.readyReplicas ?? 0);
  const unavailable = Math.max(0, desired - available);
  const status = {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...(total > 0 ? { replicas: total } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    ...(unavailable > 0 ? { unavailableReplicas: unavailable } : {}),
    conditions: conditions(deployment, current, { desired, total, updated, available, now }),
  };
  const deadline = progressDeadline(deployment, status.conditions, now);
  const again: Action[] = deadline === undefined ? [] : [{ do: 'again', afterMs: deadline }];
  if (same(status, deployment.status)) return again;
  return [{ do: 'status', object: { ...deployment, status } as Deployment }, ...again];
}

type DeploymentCondition = Condition & { readonly lastUpdateTime?: string };

interface Counts {
  readonly desired: number;
  readonly total: number;
  readonly updated: number;
  readonly available: number;
  readonly now: number;
}

function conditions(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  counts: Counts,
): DeploymentCondition[] {
  const { desired, total, updated, available, now } = counts;
  const time = isoTime(now);
  const old = deployment.status?.conditions ?? [];
  const enough = available >= desired - bounds(deployment).unavailable;
  const make = (
    type: string,
    status: 'True' | 'False',
    reason: string,
    message: string,
    moved = false,
  ): DeploymentCondition => {
    const last = old.find((c) => c.type === type);
    const kept = last?.status === status && last.reason === reason && last.message === message;
    if (kept && !moved) return last;
    return {
      type,
      status,
      reason,
      message,
      lastUpdateTime: time,
      lastTransitionTime: last?.status === status ? (last.lastTransitionTime ?? time) : time,
    };
  };
  const availability = enough
    ? make('Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.')
    : make(
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
      );
  const name = current?.metadata.name;
  const complete =
    updated === desired &&
    total === desired &&
    available === desired &&
    deployment.metadata.generation !== undefined;
  const s = deployment.status;
  const moved =
    updated > (s?.updatedReplicas ?? 0) ||
    available > (s?.availableReplicas ?? 0) ||
    total < (s?.replicas ?? 0);
  const last = old.find((c) => c.type === 'Progressing');
  const progress =
    name === undefined
      ? make('Progressing', 'True', 'NewReplicaSetCreated', `Created new replica set`)
      : complete
        ? make(
            'Progressing',
            'True',
            'NewReplicaSetAvailable',
            `ReplicaSet "${name}" has successfully progressed.`,
          )
        : isLate(deployment, last, now) && !moved
          ? make(
              'Progressing',
              'False',
              'ProgressDeadlineExceeded',
              `ReplicaSet "${name}" has timed out progressing.`,
            )
          : last?.reason === 'ProgressDeadlineExceeded' && !moved
            ? last
            : make('Progressing', 'True', 'ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`, moved);
  return [availability, progress];
}

function isLate(deployment: Deployment, last: DeploymentCondition | undefined, now: number): boolean {
  if (last === undefined || last.reason === 'NewReplicaSetAvailable' || last.lastUpdateTime === undefined)
    return false;
  return now - Date.parse(last.lastUpdateTime) > (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
}

function progressDeadline(
  deployment: Deployment,
  list: readonly DeploymentCondition[],
  now: number,
): number | undefined {
  const progress = list.find((c) => c.type === 'Progressing');
  if (progress?.status !== 'True' || progress.reason === 'NewReplicaSetAvailable') return undefined;
  const due =
    Date.parse(progress.lastUpdateTime ?? '') + (deployment.spec.progressDeadlineSeconds ?? 600) * 1000;
  return Math.max(1000, due - now + 1000);
}
