// Runs pods until enough of them succeeded: pkg/controller/job. Failures are retried with a growing delay, up to
// backoffLimit.
import { same } from '../../api/fields.ts';
import type { Pod } from '../../api/types/pod.ts';
import type { Job } from '../../api/types/workload.ts';
import {
  type Action,
  type Controller,
  each,
  isoTime,
  owned,
  refOf,
  type Situation,
} from '../runtime/controller.ts';
import { deletePod, isActive, isReady, podOf } from '../runtime/pods.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';
const BACKOFF = 10_000;
const BACKOFF_MAX = 600_000;

export const jobController: Controller = {
  name: 'job-controller',
  follows: [each('jobs.batch'), owned('pods', 'Job')],
  reconcile: (key, { view, now }: Situation) => {
    const job = view.get<Job>('jobs.batch', key);
    return job === undefined ? [] : reconcile(job, view.ownedBy<Pod>('pods', job.metadata.uid ?? ''), now);
  },
};

type JobStatus = NonNullable<Job['status']>;
type JobCondition = NonNullable<JobStatus['conditions']>[number];

const is = (job: Job, type: string): boolean =>
  (job.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');

export function reconcile(job: Job, pods: readonly Pod[], now: number): readonly Action[] {
  if (job.metadata.deletionTimestamp !== undefined) return [];
  if (is(job, 'Complete') || is(job, 'Failed')) return expire(job, now);
  const active = pods.filter(isActive);
  const succeeded = succeededOf(job, pods);
  const failed = pods.filter((pod) => pod.status?.phase === 'Failed').length;
  const start = job.status?.startTime ?? (job.spec.suspend === true ? undefined : isoTime(now));
  const base: JobStatus = {
    ...(job.status?.conditions === undefined ? {} : { conditions: job.status.conditions }),
    ...(start === undefined ? {} : { startTime: start }),
    ...(active.length > 0 ? { active: active.length } : {}),
    ...(succeeded > 0 ? { succeeded } : {}),
    ...(failed > 0 ? { failed } : {}),
    ready: active.filter(isReady).length,
    terminating: pods.filter((p) => p.metadata.deletionTimestamp !== undefined).length,
    uncountedTerminatedPods: {},
  };
  const end = ending(job, { active: active.length, succeeded, failed, start }, now);
  if (end !== undefined) return finish(job, active, base, end, now);
  if (job.spec.suspend === true) return suspend(job, active, base, now);
  return [...run(job, pods, active, succeeded, failed, now), ...report(job, base)];
}

interface Counts {
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly start: string | undefined;
}

/** By index, in an indexed job: a second success of one index counts nothing. */
function succeededOf(job: Job, pods: readonly Pod[]): number {
  const done = pods.filter((pod) => pod.status?.phase === 'Succeeded');
  if (job.spec.completionMode !== 'Indexed') return done.length;
  return new Set(done.map((pod) => pod.metadata.annotations?.[INDEX])).size;
}

interface Ending {
  readonly type: 'Complete' | 'Failed';
  readonly reason: string;
  readonly message: string;
}

function ending(job: Job, { active, succeeded, failed, start }: Counts, now: number): Ending | undefined {
  const { backoffLimit = 6, activeDeadlineSeconds, completions } = job.spec;
  if (failed > backoffLimit)
    return {
      type: 'Failed',
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    };
  if (
    activeDeadlineSeconds !== undefined &&
    start !== undefined &&
    now - Date.parse(start) >= activeDeadlineSeconds * 1000
  )
    return {
      type: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Job was active longer than specified deadline',
    };
  const enough = completions === undefined ? succeeded > 0 && active === 0 : succeeded >= completions;
  return enough
    ? { type: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' }
    : undefined;
}

function finish(job: Job, active: readonly Pod[], base: JobStatus, end: Ending, now: number): Action[] {
  const time = isoTime(now);
  const condition = (type: string): JobCondition => ({
    type,
    status: 'True',
    reason: end.reason,
    message: end.message,
    lastProbeTime: time,
    lastTransitionTime: time,
  });
  const first = end.type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  const { active: _, ...rest } = base;
  const status: JobStatus = {
    ...rest,
    ready: 0,
    ...(end.type === 'Complete' ? { completionTime: time } : {}),
    conditions: [...(base.conditions ?? []), condition(first), condition(end.type)],
  };
  return [
    ...active.map(deletePod),
    { do: 'status', object: { ...job, status } as Job },
    {
      do: 'event',
      about: job,
      type: end.type === 'Complete' ? 'Normal' : 'Warning',
      reason: end.type === 'Complete' ? 'Completed' : end.reason,
      message: end.type === 'Complete' ? 'Job completed' : end.message,
    },
  ];
}

function suspend(job: Job, active: readonly Pod[], base: JobStatus, now: number): Action[] {
  const time = isoTime(now);
  const said = is(job, 'Suspended');
  const condition: JobCondition = {
    type: 'Suspended',
    status: 'True',
    reason: 'JobSuspended',
    message: 'Job suspended',
    lastProbeTime: time,
    lastTransitionTime: time,
  };
  const conditions = said
    ? base.conditions
    : [...(base.conditions ?? []).filter((c) => c.type !== 'Suspended'), condition];
  return [
    ...active.map(deletePod),
    ...report(job, { ...base, ...(conditions === undefined ? {} : { conditions }) }),
  ];
}

const report = (job: Job, status: JobStatus): Action[] =>
  same(status, job.status) ? [] : [{ do: 'status', object: { ...job, status } as Job }];

function run(
  job: Job,
  pods: readonly Pod[],
  active: readonly Pod[],
  succeeded: number,
  failed: number,
  now: number,
): Action[] {
  const { parallelism = 1, completions } = job.spec;
  const wanted =
    completions === undefined
      ? succeeded > 0
        ? active.length
        : parallelism
      : Math.min(parallelism, completions - succeeded);
  const missing = wanted - active.length;
  if (missing < 0) return active.slice(missing).map(deletePod);
  if (missing === 0) return deadline(job, now);
  const wait = backoff(pods, failed, now);
  if (wait > 0) return [{ do: 'again', afterMs: wait }, ...deadline(job, now)];
  const indexes = job.spec.completionMode === 'Indexed' ? freeIndexes(completions ?? 0, pods) : [];
  const made: Action[] = [];
  for (let i = 0; i < missing; i++) {
    const index = indexes[i];
    if (job.spec.completionMode === 'Indexed' && index === undefined) break;
    made.push({ do: 'create', object: podFor(job, index) });
  }
  return [...made, ...deadline(job, now)];
}

function deadline(job: Job, now: number): Action[] {
  const { activeDeadlineSeconds } = job.spec;
  if (activeDeadlineSeconds === undefined) return [];
  const start = Date.parse(job.status?.startTime ?? isoTime(now));
  return [{ do: 'again', afterMs: Math.max(1, start + activeDeadlineSeconds * 1000 - now) }];
}

/** 10 s after the first failure, doubling, counted from the last one. */
function backoff(pods: readonly Pod[], failed: number, now: number): number {
  if (failed === 0) return 0;
  const ends = pods
    .filter((pod) => pod.status?.phase === 'Failed')
    .map((pod) =>
      Date.parse(
        pod.status?.containerStatuses?.[0]?.state?.terminated?.finishedAt ??
          pod.metadata.creationTimestamp ??
          '',
      ),
    )
    .filter((time) => !Number.isNaN(time));
  const last = Math.max(0, ...ends);
  return last + Math.min(BACKOFF * 2 ** (failed - 1), BACKOFF_MAX) - now;
}

function freeIndexes(completions: number, pods: readonly Pod[]): number[] {
  const taken = new Set(
    pods
      .filter((pod) => isActive(pod) || pod.status?.phase === 'Succeeded')
      .map((pod) => Number(pod.metadata.annotations?.[INDEX])),
  );
  return Array.from({ length: completions }, (_, i) => i).filter((i) => !taken.has(i));
}

function podFor(job: Job, index: number | undefined) {
  if (index === undefined) return podOf(job, job.spec.template);
  const containers = job.spec.template.spec.containers.map((container) => ({
    ...container,
    env: [...(container.env ?? []), { name: 'JOB_COMPLETION_INDEX', value: String(index) }],
  }));
  return podOf(job, job.spec.template, {
    generateName: `${job.metadata.name}-${index}-`,
    labels: { [INDEX]: String(index) },
    annotations: { [INDEX]: String(index) },
    spec: { containers, hostname: `${job.metadata.name}-${index}` },
  });
}

/** pkg/controller/ttlafterfinished. */
function expire(job: Job, now: number): Action[] {
  const ttl = job.spec.ttlSecondsAfterFinished;
  if (ttl === undefined) return [];
  const end = job.status?.conditions?.find(
    (c) => (c.type === 'Complete' || c.type === 'Failed') && c.status === 'True',
  );
  const due = Date.parse(end?.lastTransitionTime ?? '') + ttl * 1000;
  if (due > now) return [{ do: 'again', afterMs: due - now }];
  return [{ do: 'delete', ref: refOf(job), propagationPolicy: 'Background' }];
}
