// What to do next for a pod: pure (upstream: kuberuntime_manager.go, computePodActions and computeInitContainerActions). Given spec and
// state it answers with a sandbox to make, containers to start and to stop, or the pod to end. What is done changes
// the state, and the question is asked again.
import type { Container, Pod } from '../../emulator/api/types/pod.ts';
import { type ContainerRecord, isRunning, type PodState, recordOf } from './pod-state.ts';

export type ContainerKind = 'init' | 'sidecar' | 'app' | 'ephemeral';

export type PodAction =
  /** Everything of the pod ends; with `sandbox`, a new one is made by the next round. */
  | { readonly type: 'kill-pod' }
  | { readonly type: 'create-sandbox'; readonly attempt: number }
  | { readonly type: 'start'; readonly container: Container; readonly kind: ContainerKind }
  | { readonly type: 'kill'; readonly container: Container; readonly message: string };

export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

/** Every container of a pod with what it is, in the order of their start. */
export function containersOf(pod: Pod): { readonly container: Container; readonly kind: ContainerKind }[] {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  return [
    ...initContainers.map(
      (container) => ({ container, kind: isSidecar(container) ? 'sidecar' : 'init' }) as const,
    ),
    ...containers.map((container) => ({ container, kind: 'app' }) as const),
    ...ephemeralContainers.map((container) => ({ container, kind: 'ephemeral' }) as const),
  ];
}

/** ShouldContainerBeRestarted: whether one that does not run should. */
export function shouldRun(pod: Pod, kind: ContainerKind, record: ContainerRecord): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  if (record.run === undefined) return true;
  if (record.run.kind !== 'exited') return true;
  if (kind === 'sidecar') return true;
  if (kind === 'ephemeral') return false;
  const policy = pod.spec.restartPolicy ?? 'Always';
  const failed = record.run.end.exitCode !== 0;
  if (kind === 'init') return failed && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && failed);
}

/** Whether a pod is past its work: no container will run again. */
export function isFinished(pod: Pod, state: PodState): boolean {
  if (state.failed !== undefined) return true;
  const apps = pod.spec.containers.map((container) => recordOf(state, container.name));
  if (apps.some((app) => app.run !== undefined && app.run.kind !== 'exited')) return false;
  if (initFailed(pod, state)) return true;
  return apps.every((app) => app.run?.kind === 'exited' && !shouldRun(pod, 'app', app));
}

/** An init container failed and will not be tried again. */
const initFailed = (pod: Pod, state: PodState): boolean =>
  pod.spec.restartPolicy === 'Never' &&
  (pod.spec.initContainers ?? []).some((container) => {
    const { run } = recordOf(state, container.name);
    return !isSidecar(container) && run?.kind === 'exited' && run.end.exitCode !== 0;
  });

/** The pod's next actions, in order. Empty: nothing to do until something changes. */
export function reconcile(pod: Pod, state: PodState): PodAction[] {
  const { sandbox } = state;
  const anyRunning = [...state.containers.values()].some(isRunning);
  if (pod.metadata.deletionTimestamp !== undefined || isFinished(pod, state))
    return sandbox !== undefined || anyRunning ? [{ type: 'kill-pod' }] : [];
  if (sandbox === undefined || !sandbox.ready) {
    const attempt = sandbox === undefined ? 0 : sandbox.attempt + 1;
    // A pod that is not to be restarted is not revived by a new sandbox.
    if (attempt > 0 && pod.spec.restartPolicy === 'Never' && state.containers.size > 0)
      return [{ type: 'kill-pod' }];
    return [
      ...(sandbox === undefined ? [] : [{ type: 'kill-pod' } as const]),
      { type: 'create-sandbox', attempt },
    ];
  }
  if (sandbox.ip === undefined && pod.spec.hostNetwork !== true) return [];
  const init = initActions(pod, state);
  const actions = [...ephemeralActions(pod, state), ...init.actions];
  return init.done ? [...actions, ...appActions(pod, state)] : actions;
}

/** Init containers one after the other; a sidecar lets the next go once it has started. */
function initActions(pod: Pod, state: PodState): { actions: PodAction[]; done: boolean } {
  const actions: PodAction[] = [];
  // Once an ordinary container has been started, init containers are history; sidecars go on being looked after.
  const initialized = pod.spec.containers.some((c) => recordOf(state, c.name).run !== undefined);
  for (const container of pod.spec.initContainers ?? []) {
    const record = recordOf(state, container.name);
    if (isSidecar(container)) {
      actions.push(...keepRunning(container, 'sidecar', record));
      if (!initialized && !(isRunning(record) && record.started)) return { actions, done: false };
    } else if (!initialized) {
      if (record.run?.kind === 'exited' && record.run.end.exitCode === 0) continue;
      if (!isRunning(record) && record.run?.kind !== 'starting')
        actions.push({ type: 'start', container, kind: 'init' });
      return { actions, done: false };
    }
  }
  return { actions, done: true };
}

function appActions(pod: Pod, state: PodState): PodAction[] {
  return pod.spec.containers.flatMap((container) => {
    const record = recordOf(state, container.name);
    if (record.run?.kind === 'exited' && !shouldRun(pod, 'app', record)) return [];
    return keepRunning(container, 'app', record);
  });
}

/** An ephemeral container is started once. */
const ephemeralActions = (pod: Pod, state: PodState): PodAction[] =>
  (pod.spec.ephemeralContainers ?? [])
    .filter((container) => recordOf(state, container.name).run === undefined)
    .map((container) => ({ type: 'start', container, kind: 'ephemeral' }));

function keepRunning(container: Container, kind: ContainerKind, record: ContainerRecord): PodAction[] {
  if (record.run?.kind === 'starting') return [];
  if (!isRunning(record)) return [{ type: 'start', container, kind }];
  if (record.unhealthy === undefined) return [];
  const message = `Container ${container.name} failed ${record.unhealthy} probe, will be restarted`;
  return [{ type: 'kill', container, message }];
}
