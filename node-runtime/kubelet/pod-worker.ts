// One pod on this node, from its first sight to its end (pkg/kubelet/pod_workers.go and kuberuntime_manager.go, SyncPod). Asks
// `reconcile` what to do, does it, and asks again whenever something has happened: the spec changed, a container ended, a probe
// changed its mind, a wait is over.
import type { Container, Pod } from '../../emulator/api/types/pod.ts';
import type { Clock, Timer } from '../kernel/clock/clock.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { type BackoffEntry, backoffUntil, goDuration, raiseBackoff } from './backoff.ts';
import type { ContainerLog } from './container-log.ts';
import type { ContainerStarter } from './container-starter.ts';
import type { EventRecorder } from './events.ts';
import { type PodNetwork, portMappings, type SandboxRecord } from './pod-network.ts';
import {
  type ContainerRecord,
  NEW_CONTAINER,
  type PodState,
  recordOf,
  type Termination,
} from './pod-state.ts';
import type { ProbeKind } from './probe/policy.ts';
import { type ProberOptions, runHandler, runProbe } from './probe/probers.ts';
import { ProbeWorker } from './probe/worker.ts';
import { type ContainerKind, containersOf, type PodAction, reconcile } from './reconcile.ts';
import { ContainerError, type ContainerExit, type ContainerHandle } from './runtime.ts';

/** Waits before a failed sandbox is tried again: backOffPeriod; and while the network plugin is missing. */
const SANDBOX_RETRY = 10_000;
const NETWORK_RETRY = 1000;
const DEFAULT_GRACE = 30;
/** No preStop hook can use this up: minimumGracePeriodInSeconds. */
const MIN_GRACE = 2;
/** Milliseconds for the containers of a pod that was removed without grace. */
const FORCED_GRACE = 1000;
const TERMINATION_LINES = 80;
const TERMINATION_BYTES = 2048;

export interface PodWorkerOptions {
  readonly clock: Clock;
  readonly network: PodNetwork;
  readonly starter: ContainerStarter;
  readonly prober: ProberOptions;
  readonly events: EventRecorder;
  readonly hostIP: string;
  /** The state or the pod has changed: its status is to be reported. */
  readonly onChange: (worker: PodWorker) => void;
  /** What an earlier life of this node left. */
  readonly sandbox: SandboxRecord | undefined;
}

interface Live {
  readonly handle: ContainerHandle;
  readonly id: string;
  readonly kind: ContainerKind;
  readonly startedAt: number;
  probes: ProbeWorker | undefined;
  /** Set when the kubelet itself ends it. */
  killing: boolean;
}

export class PodWorker {
  readonly #options: PodWorkerOptions;
  #pod: Pod;
  #state: PodState;
  #record: SandboxRecord | undefined;
  #netns: Netns | undefined;
  readonly #live = new Map<string, Live>();
  /** Of the latest instance, and of the one before: `kubectl logs --previous`. */
  readonly #logs = new Map<string, { current: ContainerLog; previous: ContainerLog | undefined }>();
  readonly #backoff = new Map<string, BackoffEntry>();
  readonly #timers = new Map<string, Timer>();
  readonly #noticed = new Set<string>();
  #syncing = false;
  #again = false;
  #prepared = false;
  #stopped = false;
  /** It is gone from the API: nothing is started any more. */
  #ending = false;
  #looping: Promise<void> | undefined;
  #grace: number | undefined;

  constructor(pod: Pod, options: PodWorkerOptions) {
    this.#options = options;
    this.#pod = pod;
    this.#record = options.sandbox;
    const now = this.#now();
    this.#state = { ...recalled(pod, now), sandbox: sandboxOf(options.sandbox) };
    this.#watchDeadline();
  }

  get pod(): Pod {
    return this.#pod;
  }
  get state(): PodState {
    return this.#state;
  }
  /** The namespace its containers live in, while there is one. */
  get netns(): Netns | undefined {
    return this.#netns;
  }
  /** Nothing of it runs and its sandbox is gone. */
  get terminated(): boolean {
    return this.#live.size === 0 && this.#state.sandbox === undefined && !this.#syncing;
  }
  handle(container: string): ContainerHandle | undefined {
    return this.#live.get(container)?.handle;
  }
  log(container: string, previous = false): ContainerLog | undefined {
    const logs = this.#logs.get(container);
    return previous ? logs?.previous : logs?.current;
  }

  /** The API's pod has changed. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#watchDeadline();
    if (pod.metadata.deletionTimestamp !== undefined) {
      const grace = (pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE) * 1000;
      // A second delete may shorten the grace, never lengthen it.
      if (this.#grace !== undefined && grace < this.#grace)
        for (const live of this.#live.values()) live.handle.stop(grace);
      this.#grace = Math.min(grace, this.#grace ?? grace);
    }
    this.sync();
  }

  /** Asks what is to be done, and does it. Returns at once. */
  sync(): void {
    if (this.#stopped || this.#ending) return;
    this.#again = true;
    if (!this.#syncing) this.#looping = this.#loop();
  }

  /** The kubelet stops; containers are left as they are unless the node's process ends with it. */
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    for (const live of this.#live.values()) live.probes?.stop();
  }

  /** Ends all that runs, within a second, and gives the network back: the pod is gone from the API without a word. */
  async forceEnd(): Promise<void> {
    this.#ending = true;
    this.#grace = Math.min(FORCED_GRACE, this.#grace ?? FORCED_GRACE);
    for (const live of this.#live.values()) if (live.killing) live.handle.stop(this.#grace);
    await this.#looping;
    await this.#killPod();
  }

  async #loop(): Promise<void> {
    this.#syncing = true;
    try {
      while (this.#again && !this.#stopped && !this.#ending) {
        this.#again = false;
        for (const action of reconcile(this.#pod, this.#state)) {
          if (this.#stopped || this.#ending) return;
          if (!(await this.#perform(action))) break;
        }
      }
    } finally {
      this.#syncing = false;
    }
    if (!this.#stopped && !this.#ending) this.#options.onChange(this);
  }

  /** False: what follows in the list has to wait for another round. */
  async #perform(action: PodAction): Promise<boolean> {
    switch (action.type) {
      case 'kill-pod':
        await this.#killPod();
        return true;
      case 'create-sandbox':
        return await this.#createSandbox(action.attempt);
      case 'start':
        this.#start(action.container, action.kind);
        return true;
      case 'kill': {
        this.#event('Normal', 'Killing', action.message, action.container.name);
        void this.#killContainer(action.container, this.#graceOf());
        return true;
      }
    }
  }

  // Sandbox

  async #createSandbox(attempt: number): Promise<boolean> {
    if (this.#timers.has('sandbox')) return false;
    const { network } = this.#options;
    const notReady = this.#pod.spec.hostNetwork === true ? undefined : network.notReady();
    if (notReady !== undefined) {
      this.#event(
        'Warning',
        'NetworkNotReady',
        `network is not ready: container runtime network not ready: ${notReady}`,
      );
      this.#after('sandbox', NETWORK_RETRY);
      return false;
    }
    try {
      const running = await network.run(this.#pod, attempt, { capabilityArgs: portMappings(this.#pod) });
      this.#record = running.record;
      this.#netns = running.netns;
      const containers = new Map([...this.#state.containers].map(([name, r]) => [name, forgotten(r)]));
      this.#set({ sandbox: { id: running.record.id, attempt, ready: true, ip: running.ip }, containers });
      this.#again = true;
      return true;
    } catch (error) {
      this.#event(
        'Warning',
        'FailedCreatePodSandBox',
        `Failed to create pod sandbox: ${(error as Error).message}`,
      );
      this.#after('sandbox', SANDBOX_RETRY);
      return false;
    }
  }

  /** Ordinary containers first, sidecars after them in reverse order; then the network. */
  async #killPod(): Promise<void> {
    const grace = this.#graceOf();
    const byKind = (sidecars: boolean) =>
      containersOf(this.#pod).filter(
        ({ container, kind }) => (kind === 'sidecar') === sidecars && this.#live.has(container.name),
      );
    for (const { container } of byKind(false))
      if (!this.#live.get(container.name)!.killing)
        this.#event('Normal', 'Killing', `Stopping container ${container.name}`, container.name);
    await Promise.all(byKind(false).map(({ container }) => this.#killContainer(container, grace)));
    for (const { container } of byKind(true).reverse()) await this.#killContainer(container, grace);
    const record = this.#record;
    if (record === undefined) return;
    try {
      await this.#options.network.stop(record);
      this.#record = undefined;
      this.#netns = undefined;
      this.#set({ sandbox: undefined });
    } catch (error) {
      this.#event(
        'Warning',
        'FailedKillPod',
        `error killing pod: failed to "KillPodSandbox": ${(error as Error).message}`,
      );
      this.#after('sandbox', SANDBOX_RETRY);
    }
  }

  async #killContainer(container: Container, grace: number): Promise<void> {
    const live = this.#live.get(container.name);
    if (live === undefined) return;
    const { handle } = live;
    if (!live.killing) {
      live.killing = true;
      live.probes?.stop();
      const left = await this.#preStop(container, handle, grace);
      handle.stop(Math.max(left, grace === 0 ? 0 : Math.min(MIN_GRACE * 1000, grace)));
    }
    await handle.exited.catch(() => {});
    this.#live.delete(container.name);
  }

  /** Runs the preStop hook within the grace period; answers with what is left of it. */
  async #preStop(container: Container, handle: ContainerHandle, grace: number): Promise<number> {
    const hook = container.lifecycle?.preStop;
    if (hook === undefined || grace === 0) return grace;
    const { clock, prober } = this.#options;
    const begun = clock.now();
    if (hook.sleep !== undefined) {
      const wait = Math.min(hook.sleep.seconds * 1000, grace);
      await new Promise<void>((resolve) => void clock.after(wait, resolve));
    } else {
      const target = { container, podIP: this.#podIP() ?? '', handle };
      const result = await runHandler(hook, target, grace, prober);
      if (!result.success)
        this.#event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.output}`, container.name);
    }
    return Math.max(grace - (clock.now() - begun), 0);
  }

  // Containers

  #start(container: Container, kind: ContainerKind): void {
    const record = recordOf(this.#state, container.name);
    if (this.#timers.has(container.name)) return;
    if (record.run?.kind === 'exited') {
      const { finishedAt } = record.run.end;
      const until = backoffUntil(this.#backoff.get(container.name), finishedAt, this.#now());
      if (until !== undefined) {
        this.#crashLoop(container, until);
        return;
      }
      this.#backoff.set(
        container.name,
        raiseBackoff(this.#backoff.get(container.name), finishedAt, this.#now()),
      );
    }
    const again = record.run !== undefined || record.last !== undefined;
    this.#update(container.name, {
      run: { kind: 'starting' },
      last: record.run?.kind === 'exited' ? record.run.end : record.last,
      restartCount: record.restartCount + (again ? 1 : 0),
      started: false,
      ready: false,
      unhealthy: undefined,
    });
    void this.#bringUp(container, kind);
  }

  #crashLoop(container: Container, until: number): void {
    const delay = goDuration(this.#backoff.get(container.name)!.delay);
    const { namespace, name, uid } = this.#pod.metadata;
    const message = `back-off ${delay} restarting failed container=${container.name} pod=${name}_${namespace}(${uid})`;
    this.#event(
      'Warning',
      'BackOff',
      `Back-off restarting failed container ${container.name} in pod ${name}_${namespace}(${uid})`,
      container.name,
    );
    this.#update(container.name, { waiting: { reason: 'CrashLoopBackOff', message } });
    this.#after(container.name, until - this.#now());
  }

  async #bringUp(container: Container, kind: ContainerKind): Promise<void> {
    const { starter } = this.#options;
    const { name } = container;
    try {
      const { imageID, notice } = await starter.pull(container.image ?? '');
      if (notice !== undefined && !this.#noticed.has(name)) {
        this.#noticed.add(name);
        this.#event('Normal', 'ImageEmulated', notice, name);
      }
      this.#event(
        'Normal',
        'Pulled',
        `Container image "${container.image}" already present on machine`,
        name,
      );
      if (!this.#prepared) {
        await starter.prepare({ pod: this.#pod, podIP: this.#podIP() }).catch((error: Error) => {
          this.#event('Warning', 'FailedMount', `MountVolume.SetUp failed: ${error.message}`);
          throw new ContainerError('ContainerCreating', '');
        });
        this.#prepared = true;
      }
      const netns = this.#netns;
      if (netns === undefined || this.#stopped) {
        this.#giveUp(name);
        return;
      }
      const started = await starter.start({ pod: this.#pod, container, netns, podIP: this.#podIP() });
      this.#event('Normal', 'Created', `Created container: ${name}`, name);
      this.#logs.set(name, { current: started.log, previous: this.#logs.get(name)?.current });
      const live: Live = {
        handle: started.handle,
        id: started.id,
        kind,
        startedAt: this.#now(),
        probes: undefined,
        killing: false,
      };
      this.#live.set(name, live);
      started.handle.exited.then(
        (exit) => this.#exited(container, live, exit),
        () => {},
      );
      // The pod was ended while its container was being made.
      if (this.#netns !== netns) started.handle.stop(0);
      await started.handle.ready;
      this.#event('Normal', 'Started', `Started container ${name}`, name);
      if (this.#live.get(name) === live) this.#running(container, live, imageID);
    } catch (error) {
      this.#live.delete(name);
      this.#failedStart(container, error as Error);
    }
  }

  /** The pod's sandbox went while its container was being prepared. */
  #giveUp(name: string): void {
    this.#update(name, { run: undefined });
    this.sync();
  }

  #failedStart(container: Container, error: Error): void {
    const reason = error instanceof ContainerError ? error.reason : 'RunContainerError';
    const { name } = container;
    const now = this.#now();
    const retry = this.#backoff.get(`start ${name}`);
    const wait = raiseBackoff(retry, now, now);
    this.#backoff.set(`start ${name}`, wait);
    if (reason !== 'ContainerCreating') this.#event('Warning', 'Failed', `Error: ${error.message}`, name);
    if (reason === 'StartError' || reason === 'RunContainerError') {
      const end: Termination = {
        containerID: '',
        exitCode: 128,
        signal: undefined,
        reason: 'StartError',
        message: error.message,
        startedAt: undefined,
        finishedAt: now,
      };
      this.#update(name, { run: { kind: 'exited', end }, waiting: undefined });
      this.sync();
      return;
    }
    const waiting = reason === 'ContainerCreating' ? undefined : { reason, message: error.message };
    const record = recordOf(this.#state, name);
    this.#update(name, {
      run: record.last === undefined ? undefined : { kind: 'exited', end: record.last },
      waiting,
      restartCount: Math.max(record.restartCount - (record.last === undefined ? 0 : 1), 0),
    });
    this.#after(name, wait.delay);
  }

  #running(container: Container, live: Live, imageID: string): void {
    const { startupProbe: startup, readinessProbe: readiness, livenessProbe: liveness } = container;
    this.#update(container.name, {
      run: { kind: 'running', containerID: `containerd://${live.id}`, startedAt: live.startedAt },
      waiting: undefined,
      imageID,
      started: startup === undefined,
      ready: startup === undefined && readiness === undefined,
    });
    const probes = {
      ...(startup === undefined ? {} : { startup }),
      ...(readiness === undefined ? {} : { readiness }),
      ...(liveness === undefined ? {} : { liveness }),
    };
    if (Object.keys(probes).length > 0)
      live.probes = new ProbeWorker({
        probes,
        clock: this.#options.clock,
        run: (probe, timeout) =>
          runProbe(
            probe,
            { container, podIP: this.#podIP() ?? '', handle: live.handle },
            timeout,
            this.#options.prober,
          ),
        onVerdict: (kind, verdict) => this.#verdict(container, live, kind, verdict),
        onFailure: (kind, output) =>
          this.#event(
            'Warning',
            'Unhealthy',
            `${kind[0]!.toUpperCase()}${kind.slice(1)} probe failed: ${output}`,
            container.name,
          ),
      });
    void this.#postStart(container, live);
    this.sync();
  }

  async #postStart(container: Container, live: Live): Promise<void> {
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return;
    const target = { container, podIP: this.#podIP() ?? '', handle: live.handle };
    const result = await runHandler(hook, target, 60_000, this.#options.prober);
    if (result.success || this.#live.get(container.name) !== live) return;
    this.#event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${result.output}`, container.name);
    await this.#killContainer(container, this.#graceOf());
  }

  #verdict(container: Container, live: Live, kind: ProbeKind, verdict: boolean): void {
    if (this.#live.get(container.name) !== live || live.killing) return;
    if (kind === 'readiness') this.#update(container.name, { ready: verdict });
    else if (!verdict) this.#update(container.name, { unhealthy: kind });
    else if (kind === 'startup')
      this.#update(container.name, { started: true, ready: container.readinessProbe === undefined });
    this.sync();
  }

  #exited(container: Container, live: Live, exit: ContainerExit): void {
    live.probes?.stop();
    const { name } = container;
    const logs = this.#logs.get(name)?.current;
    logs?.end();
    if (this.#live.get(name) === live) this.#live.delete(name);
    if (this.#stopped) return;
    const tail = exit.exitCode === 0 ? '' : (logs?.tail(TERMINATION_LINES, TERMINATION_BYTES) ?? '');
    const fallback =
      (container as { terminationMessagePolicy?: string }).terminationMessagePolicy ===
      'FallbackToLogsOnError';
    const end: Termination = {
      containerID: `containerd://${live.id}`,
      exitCode: exit.exitCode,
      signal: exit.signal,
      reason: exit.exitCode === 0 ? 'Completed' : 'Error',
      message: fallback && tail !== '' ? tail : undefined,
      startedAt: live.startedAt,
      finishedAt: this.#now(),
    };
    this.#update(name, {
      run: { kind: 'exited', end },
      waiting: undefined,
      started: false,
      ready: false,
      unhealthy: undefined,
    });
    this.sync();
  }

  // Small things

  #podIP(): string | undefined {
    return this.#pod.spec.hostNetwork === true ? this.#options.hostIP : this.#state.sandbox?.ip;
  }
  #graceOf(): number {
    return this.#grace ?? (this.#pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE) * 1000;
  }
  #now(): number {
    return this.#options.clock.epoch + this.#options.clock.now();
  }
  #set(change: Partial<PodState>): void {
    this.#state = { ...this.#state, ...change };
    this.#options.onChange(this);
  }
  #update(container: string, change: Partial<ContainerRecord>): void {
    const containers = new Map(this.#state.containers);
    containers.set(container, { ...recordOf(this.#state, container), ...change });
    this.#set({ containers });
  }
  /** Asks again after `ms`; under this key nothing is done before. */
  #after(key: string, ms: number): void {
    this.#timers.get(key)?.cancel();
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(key);
      this.sync();
    });
    this.#timers.set(key, timer);
  }
  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const { namespace = 'default', name, uid = '', resourceVersion = '' } = this.#pod.metadata;
    const kind = containersOf(this.#pod).find((c) => c.container.name === container)?.kind;
    const field =
      kind === 'init' || kind === 'sidecar'
        ? 'initContainers'
        : kind === 'ephemeral'
          ? 'ephemeralContainers'
          : 'containers';
    const about = { apiVersion: 'v1', kind: 'Pod', namespace, name, uid, resourceVersion };
    this.#options.events.event(
      container === undefined ? about : { ...about, fieldPath: `spec.${field}{${container}}` },
      type,
      reason,
      message,
    );
  }

  /** activeDeadlineSeconds: from the pod's start, whatever its containers do. */
  #watchDeadline(): void {
    const seconds = this.#pod.spec.activeDeadlineSeconds;
    if (seconds === undefined || this.#timers.has('deadline') || this.#state.failed !== undefined) return;
    const left = this.#state.startTime + seconds * 1000 - this.#now();
    const timer = this.#options.clock.after(Math.max(left, 0), () => {
      const message = 'Pod was active on the node longer than the specified deadline';
      this.#event('Normal', 'DeadlineExceeded', message);
      this.#set({ failed: { reason: 'DeadlineExceeded', message } });
      this.sync();
    });
    this.#timers.set('deadline', timer);
  }
}

const sandboxOf = (record: SandboxRecord | undefined): PodState['sandbox'] =>
  record === undefined ? undefined : { id: record.id, attempt: record.attempt, ready: false, ip: undefined };

/** A new sandbox: all that ran in the old one is past. */
function forgotten(record: ContainerRecord): ContainerRecord {
  const last = record.run?.kind === 'exited' ? record.run.end : record.last;
  return { ...NEW_CONTAINER, restartCount: record.restartCount, imageID: record.imageID, last };
}

/** What the API still says of the containers: where the node was restarted, all that a kubelet has to go by. */
function recalled(pod: Pod, now: number): PodState {
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
