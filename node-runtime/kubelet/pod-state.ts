// What the kubelet knows of a pod beside its spec (upstream: kubecontainer.PodStatus plus the probe results and the reason cache).
// A plain record, so that `reconcile` and `podStatus` are functions of it.

import type { Pod } from '../../emulator/api/types/pod.ts';

export interface Termination {
  readonly containerID: string;
  readonly exitCode: number;
  readonly signal: number | undefined;
  /** "Completed", "Error", "OOMKilled", "ContainerStatusUnknown", "StartError". */
  readonly reason: string;
  readonly message: string | undefined;
  /** Milliseconds since 1970; undefined where it never started. */
  readonly startedAt: number | undefined;
  readonly finishedAt: number;
}

/** The latest instance of a container. */
export type ContainerRun =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly containerID: string; readonly startedAt: number }
  | { readonly kind: 'exited'; readonly end: Termination };

export interface ContainerRecord {
  /** Undefined before the first attempt. */
  readonly run: ContainerRun | undefined;
  readonly restartCount: number;
  readonly imageID: string;
  /** How the instance before the latest ended. */
  readonly last: Termination | undefined;
  /** Why it is not started yet, or not again: CrashLoopBackOff, ErrImagePull, CreateContainerConfigError. */
  readonly waiting: { readonly reason: string; readonly message: string } | undefined;
  /** Startup probe passed, or none. False until it runs. */
  readonly started: boolean;
  /** Readiness probe passed, or none. */
  readonly ready: boolean;
  /** A probe that asks for a restart has failed. */
  readonly unhealthy: 'liveness' | 'startup' | undefined;
}

export interface Sandbox {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly attempt: number;
  /** False when its namespace is gone: the node was restarted. */
  readonly ready: boolean;
  /** Undefined while the network is being set up. */
  readonly ip: string | undefined;
}

export interface PodState {
  readonly sandbox: Sandbox | undefined;
  /** By container name: init, ordinary and ephemeral alike. */
  readonly containers: ReadonlyMap<string, ContainerRecord>;
  /** When the kubelet first saw it. */
  readonly startTime: number;
  /** Set once and for all: activeDeadlineSeconds passed, or the pod was refused. */
  readonly failed: { readonly reason: string; readonly message: string } | undefined;
}

export const NEW_CONTAINER: ContainerRecord = {
  run: undefined,
  restartCount: 0,
  imageID: '',
  last: undefined,
  waiting: undefined,
  started: false,
  ready: false,
  unhealthy: undefined,
};

export const recordOf = (state: PodState, name: string): ContainerRecord =>
  state.containers.get(name) ?? NEW_CONTAINER;
export const isRunning = (record: ContainerRecord): boolean => record.run?.kind === 'running';

/** A new sandbox: all that ran in the old one is past. */
export function forgotten(record: ContainerRecord): ContainerRecord {
  const last = record.run?.kind === 'exited' ? record.run.end : record.last;
  return { ...NEW_CONTAINER, restartCount: record.restartCount, imageID: record.imageID, last };
}

/** What the API still says of the containers: where the node was restarted, all that a kubelet has to go by. */
export function recalled(pod: Pod, now: number): PodState {
  const containers = new Map<string, ContainerRecord>();
  const { status } = pod;
  const all = [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  for (const known of all) {
    const ended = known.state?.terminated ?? known.lastState?.terminated;
    const ran = known.state?.running;
    if (ran === undefined && ended === undefined) continue;
    const end: Termination = {
      containerID: known.containerID ?? '',
      exitCode: ran !== undefined ? 255 : ended!.exitCode,
      signal: undefined,
      reason: ran !== undefined ? 'Unknown' : (ended!.reason ?? 'Error'),
      message: undefined,
      startedAt: Date.parse(ran?.startedAt ?? ended?.startedAt ?? '') || undefined,
      finishedAt: ran !== undefined ? now : Date.parse(ended?.finishedAt ?? '') || now,
    };
    containers.set(known.name, {
      ...NEW_CONTAINER,
      run: { kind: 'exited', end },
      restartCount: known.restartCount,
      imageID: known.imageID,
    });
  }
  const failed =
    status?.phase === 'Failed' && status.reason !== undefined
      ? { reason: status.reason, message: status.message ?? '' }
      : undefined;
  const startTime = Date.parse(status?.startTime ?? '') || now;
  return { sandbox: undefined, containers, startTime, failed };
}
