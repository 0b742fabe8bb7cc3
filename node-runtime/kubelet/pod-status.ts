// What the API is told about a pod: pure (upstream: pkg/kubelet/kubelet_pods.go, generateAPIPodStatus, getPhase and
// convertToAPIContainerStatuses; pkg/kubelet/status/generate.go for the conditions).
import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from '../../emulator/api/types/pod.ts';
import { type ContainerRecord, isRunning, type PodState, recordOf, type Termination } from './pod-state.ts';
import { isSidecar, shouldRun } from './reconcile.ts';

type Phase = NonNullable<PodStatus['phase']>;

/** RFC 3339 to the second, as metav1.Time has it. */
export const kubeTime = (ms: number): string =>
  `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;

export interface StatusInput {
  readonly pod: Pod;
  readonly state: PodState;
  readonly hostIP: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export function podStatus({ pod, state, hostIP, now }: StatusInput): PodStatus {
  const statuses = (list: readonly Container[] | undefined, init: boolean): ContainerStatus[] =>
    (list ?? []).map((container) => containerStatus(pod, container, recordOf(state, container.name), init));
  const initContainerStatuses = statuses(pod.spec.initContainers, true);
  const containerStatuses = statuses(pod.spec.containers, false);
  const ephemeralContainerStatuses = statuses(pod.spec.ephemeralContainers, false);
  const phase = podPhase(pod, state);
  const ip = pod.spec.hostNetwork === true ? hostIP : state.sandbox?.ip;
  const status: PodStatus = {
    phase,
    conditions: [],
    ...(state.failed === undefined ? {} : state.failed),
    hostIP,
    hostIPs: [{ ip: hostIP }],
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime: kubeTime(state.startTime),
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
    ...(ephemeralContainerStatuses.length === 0 ? {} : { ephemeralContainerStatuses }),
    qosClass: qosClass(pod),
  };
  return { ...status, conditions: conditions(pod, state, status, now) };
}

function terminated(end: Termination): ContainerState {
  return {
    terminated: {
      exitCode: end.exitCode,
      ...(end.signal === undefined ? {} : { signal: end.signal }),
      reason: end.reason,
      ...(end.message === undefined ? {} : { message: end.message }),
      ...(end.startedAt === undefined ? {} : { startedAt: kubeTime(end.startedAt) }),
      finishedAt: kubeTime(end.finishedAt),
      containerID: end.containerID,
    },
  };
}

function containerStatus(
  pod: Pod,
  container: Container,
  record: ContainerRecord,
  init: boolean,
): ContainerStatus {
  const { run } = record;
  const state = containerState(pod, record, init);
  const waitsAgain = run?.kind === 'exited' && state.waiting !== undefined;
  const last = waitsAgain ? run.end : record.last;
  const id =
    run?.kind === 'running' ? run.containerID : run?.kind === 'exited' ? run.end.containerID : undefined;
  const done = init && !isSidecar(container) && run?.kind === 'exited' && run.end.exitCode === 0;
  return {
    name: container.name,
    state,
    lastState: last === undefined ? {} : terminated(last),
    ready: done || (isRunning(record) && record.ready && (!init || isSidecar(container))),
    restartCount: record.restartCount,
    image: container.image ?? '',
    imageID: record.imageID,
    ...(id === undefined || id === '' ? {} : { containerID: id }),
    started: isRunning(record) && record.started,
  };
}

function containerState(pod: Pod, record: ContainerRecord, init: boolean): ContainerState {
  const { run, waiting } = record;
  if (run?.kind === 'running') return { running: { startedAt: kubeTime(run.startedAt) } };
  if (waiting !== undefined) return { waiting };
  if (run?.kind === 'exited') return terminated(run.end);
  const hasInit = (pod.spec.initContainers ?? []).length > 0;
  return {
    waiting: {
      reason: hasInit && !init ? 'PodInitializing' : hasInit ? 'PodInitializing' : 'ContainerCreating',
    },
  };
}

/** getPhase. */
export function podPhase(pod: Pod, state: PodState): Phase {
  if (state.failed !== undefined) return 'Failed';
  const policy = pod.spec.restartPolicy ?? 'Always';
  const terminal = pod.metadata.deletionTimestamp !== undefined;
  const init = pod.spec.initContainers ?? [];
  let pendingInit = 0;
  for (const container of init) {
    const record = recordOf(state, container.name);
    const { run } = record;
    const end = run?.kind === 'exited' ? run.end : record.last;
    if (isSidecar(container)) {
      if (!(isRunning(record) && record.started) && end === undefined) pendingInit++;
    } else if (run?.kind !== 'exited' && end === undefined) pendingInit++;
    else if (run?.kind === 'running' || run?.kind === 'starting') pendingInit++;
    else if (end !== undefined && end.exitCode !== 0) {
      if (policy === 'Never') return 'Failed';
      pendingInit++;
    }
  }
  const records = pod.spec.containers.map((container) => recordOf(state, container.name));
  const started = records.some((record) => record.run !== undefined);
  if (pendingInit > 0 && !started) return terminal && anyFailed(state) ? 'Failed' : 'Pending';
  const running = records.filter(isRunning).length;
  // One that waits to be started again has run: it counts as stopped.
  const ends = records.map((r) => (r.run?.kind === 'exited' ? r.run.end : isRunning(r) ? undefined : r.last));
  const stopped = ends.filter((end) => end !== undefined);
  if (records.some((record, i) => !isRunning(record) && ends[i] === undefined)) return 'Pending';
  if (running > 0) return 'Running';
  const allGood = stopped.every((end) => end.exitCode === 0);
  if (terminal) return allGood ? 'Succeeded' : 'Failed';
  if (policy === 'Always') return 'Running';
  if (allGood) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

const anyFailed = (state: PodState): boolean =>
  [...state.containers.values()].some((r) => r.run?.kind === 'exited' && r.run.end.exitCode !== 0);

/** In upstream's order; a condition keeps its transition time while its status stays. */
function conditions(pod: Pod, state: PodState, status: PodStatus, now: number): PodCondition[] {
  const finished = status.phase === 'Succeeded' || status.phase === 'Failed';
  const notInit = (pod.spec.initContainers ?? []).filter((container) => {
    const record = recordOf(state, container.name);
    return isSidecar(container)
      ? !(isRunning(record) && record.started)
      : !(record.run?.kind === 'exited' && record.run.end.exitCode === 0);
  });
  const initialized =
    notInit.length === 0 || pod.spec.containers.some((c) => recordOf(state, c.name).run !== undefined);
  const watched = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers];
  const unready = watched.filter(
    (c) => !(isRunning(recordOf(state, c.name)) && recordOf(state, c.name).ready),
  );
  const words = (what: string, list: readonly Container[]): string =>
    `containers with ${what} status: [${list.map((c) => c.name).join(' ')}]`;
  const gates = (pod.spec.readinessGates ?? []).filter(
    (gate) => pod.status?.conditions?.find((c) => c.type === gate.conditionType)?.status !== 'True',
  );
  const completed = status.phase === 'Succeeded' ? { reason: 'PodCompleted' } : undefined;
  const failed = status.phase === 'Failed' ? { reason: 'PodFailed' } : undefined;
  const containersReady =
    completed ??
    failed ??
    (unready.length > 0 ? { reason: 'ContainersNotReady', message: words('unready', unready) } : undefined);
  const ready =
    containersReady ??
    (gates.length > 0
      ? {
          reason: 'ReadinessGatesNotReady',
          message: gates
            .map((g) => `the status of pod readiness gate "${g.conditionType}" is not "True", but False`)
            .join(', '),
        }
      : undefined);
  const list: PodCondition[] = [
    condition('PodReadyToStartContainers', status.podIP !== undefined && !finished ? undefined : {}),
    condition(
      'Initialized',
      initialized
        ? completed && undefined
        : { reason: 'ContainersNotInitialized', message: words('incomplete', notInit) },
      initialized ? completed : undefined,
    ),
    condition('Ready', ready),
    condition('ContainersReady', containersReady),
    condition('PodScheduled', undefined),
  ];
  const others = (pod.status?.conditions ?? []).filter((c) => !list.some((own) => own.type === c.type));
  return [...list, ...others].map((c) => withTransition(c, pod, now));
}

/** True unless there is something against it; `note` goes with a True one. */
function condition(
  type: string,
  against: { reason?: string; message?: string } | undefined,
  note: { reason?: string } = {},
): PodCondition {
  return { type, status: against === undefined ? 'True' : 'False', lastProbeTime: null, ...note, ...against };
}

function withTransition(condition: PodCondition, pod: Pod, now: number): PodCondition {
  const old = pod.status?.conditions?.find((c) => c.type === condition.type);
  const same = old?.status === condition.status && old.lastTransitionTime !== undefined;
  return { ...condition, lastTransitionTime: same ? old.lastTransitionTime! : kubeTime(now) };
}

/** GetPodQOS. */
export function qosClass(pod: Pod): NonNullable<PodStatus['qosClass']> {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const resources = all.map((container) => container.resources ?? {});
  if (resources.every((r) => Object.keys({ ...r.requests, ...r.limits }).length === 0)) return 'BestEffort';
  const guaranteed = resources.every(({ requests, limits }) =>
    ['cpu', 'memory'].every((what) => {
      const limit = limits?.[what];
      return limit !== undefined && (requests?.[what] ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Whether a container that ended will be run again: what decides between "terminated" and "waiting". */
export const willRunAgain = (
  pod: Pod,
  container: Container,
  record: ContainerRecord,
  init: boolean,
): boolean => shouldRun(pod, isSidecar(container) ? 'sidecar' : init ? 'init' : 'app', record);
