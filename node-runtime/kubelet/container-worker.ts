// One container of a pod through its instances (pkg/kubelet/kuberuntime/kuberuntime_container.go and lifecycle/handlers.go): pulled,
// created, started, probed, ended, and started again after a back-off. What it comes to is written into the pod's state; whether it
// is to run at all, the pod decides.
import type { Container, Pod } from '../../emulator/api/types/pod.ts';
import type { Clock } from '../kernel/clock/clock.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { type BackoffEntry, backoffUntil, goDuration, raiseBackoff } from './backoff.ts';
import type { ContainerLog } from './container-log.ts';
import type { ContainerStarter } from './container-starter.ts';
import type { ContainerRecord, Termination } from './pod-state.ts';
import type { ProbeKind } from './probe/policy.ts';
import { type ProberOptions, type ProbeTarget, runHandler, runProbe } from './probe/probers.ts';
import { ProbeWorker } from './probe/worker.ts';
import { ContainerError, type ContainerExit, type ContainerHandle } from './runtime.ts';

/** Milliseconds that no preStop hook can use up: minimumGracePeriodInSeconds. */
const MIN_GRACE = 2000;
const POST_START_TIMEOUT = 60_000;
const TERMINATION_LINES = 80;
const TERMINATION_BYTES = 2048;

/** The pod, as its containers see it. */
export interface PodOfContainer {
  readonly clock: Clock;
  readonly starter: ContainerStarter;
  readonly prober: ProberOptions;
  readonly pod: Pod;
  readonly podIP: string | undefined;
  readonly netns: Netns | undefined;
  /** The kubelet has stopped. */
  readonly stopped: boolean;
  /** Milliseconds that a container has to end by itself. */
  readonly grace: number;
  /** Its volumes, made once for all containers. */
  prepare(): Promise<void>;
  record(container: string): ContainerRecord;
  update(container: string, change: Partial<ContainerRecord>): void;
  event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
  /** Asks anew what is to be done. */
  sync(): void;
  /** Asks anew after `ms`; until then `waiting` holds for this key. */
  after(key: string, ms: number): void;
  waiting(key: string): boolean;
}

/** One instance, from its creation to its end. */
interface Instance {
  readonly handle: ContainerHandle;
  readonly id: string;
  readonly startedAt: number;
  probes: ProbeWorker | undefined;
  /** Set when the kubelet itself ends it. */
  killing: boolean;
}

export class ContainerWorker {
  readonly #name: string;
  readonly #pod: PodOfContainer;
  #live: Instance | undefined;
  #log: ContainerLog | undefined;
  #previousLog: ContainerLog | undefined;
  #backoff: BackoffEntry | undefined;
  #startBackoff: BackoffEntry | undefined;
  #noticed = false;

  constructor(name: string, pod: PodOfContainer) {
    this.#name = name;
    this.#pod = pod;
  }

  /** Of the instance that runs. */
  get handle(): ContainerHandle | undefined {
    return this.#live?.handle;
  }
  get killing(): boolean {
    return this.#live?.killing === true;
  }
  /** Of the latest instance, or of the one before: `kubectl logs --previous`. */
  log(previous: boolean): ContainerLog | undefined {
    return previous ? this.#previousLog : this.#log;
  }
  stopProbes(): void {
    this.#live?.probes?.stop();
  }

  /** Starts an instance, unless its back-off says later. Returns at once. */
  start(container: Container): void {
    if (this.#pod.waiting(this.#name)) return;
    const record = this.#pod.record(this.#name);
    const now = this.#now();
    if (record.run?.kind === 'exited') {
      const { finishedAt } = record.run.end;
      const until = backoffUntil(this.#backoff, finishedAt, now);
      if (until !== undefined) {
        this.#crashLoop(this.#backoff!.delay, until - now);
        return;
      }
      this.#backoff = raiseBackoff(this.#backoff, finishedAt, now);
    }
    const again = record.run !== undefined || record.last !== undefined;
    this.#update({
      run: { kind: 'starting' },
      last: record.run?.kind === 'exited' ? record.run.end : record.last,
      restartCount: record.restartCount + (again ? 1 : 0),
      started: false,
      ready: false,
      unhealthy: undefined,
    });
    void this.#bringUp(container);
  }

  /** Ends the instance within `grace` milliseconds, its preStop hook included; resolves when it has ended. */
  async kill(container: Container, grace: number): Promise<void> {
    const live = this.#live;
    if (live === undefined) return;
    const { handle } = live;
    if (!live.killing) {
      live.killing = true;
      live.probes?.stop();
      const left = await this.#preStop(container, handle, grace);
      handle.stop(Math.max(left, Math.min(MIN_GRACE, grace)));
    }
    await handle.exited.catch(() => {});
    if (this.#live === live) this.#live = undefined;
  }

  #crashLoop(delay: number, left: number): void {
    const { namespace, name, uid } = this.#pod.pod.metadata;
    const pod = `${name}_${namespace}(${uid})`;
    const message = `back-off ${goDuration(delay)} restarting failed container=${this.#name} pod=${pod}`;
    this.#event('Warning', 'BackOff', `Back-off restarting failed container ${this.#name} in pod ${pod}`);
    this.#update({ waiting: { reason: 'CrashLoopBackOff', message } });
    this.#pod.after(this.#name, left);
  }

  async #bringUp(container: Container): Promise<void> {
    const { starter } = this.#pod;
    try {
      const { imageID, notice } = await starter.pull(container.image ?? '');
      if (notice !== undefined && !this.#noticed) {
        this.#noticed = true;
        this.#event('Normal', 'ImageEmulated', notice);
      }
      this.#event('Normal', 'Pulled', `Container image "${container.image}" already present on machine`);
      await this.#pod.prepare();
      const { netns, pod, podIP } = this.#pod;
      if (netns === undefined || this.#pod.stopped) {
        // The pod's sandbox went while its container was being prepared.
        this.#update({ run: undefined });
        this.#pod.sync();
        return;
      }
      const { handle, id, log } = await starter.start({ pod, container, netns, podIP });
      this.#event('Normal', 'Created', `Created container: ${this.#name}`);
      this.#previousLog = this.#log;
      this.#log = log;
      const live: Instance = { handle, id, startedAt: this.#now(), probes: undefined, killing: false };
      this.#live = live;
      handle.exited.then(
        (exit) => this.#exited(container, live, exit),
        () => {},
      );
      // The pod was ended while its container was being made.
      if (this.#pod.netns !== netns) handle.stop(0);
      await handle.ready;
      this.#event('Normal', 'Started', `Started container ${this.#name}`);
      if (this.#live === live) this.#running(container, live, imageID);
    } catch (error) {
      this.#live = undefined;
      this.#failedStart(error as Error);
    }
  }

  #failedStart(error: Error): void {
    const reason = error instanceof ContainerError ? error.reason : 'RunContainerError';
    const now = this.#now();
    this.#startBackoff = raiseBackoff(this.#startBackoff, now, now);
    if (reason !== 'ContainerCreating') this.#event('Warning', 'Failed', `Error: ${error.message}`);
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
      this.#update({ run: { kind: 'exited', end }, waiting: undefined });
      this.#pod.sync();
      return;
    }
    const { last, restartCount } = this.#pod.record(this.#name);
    this.#update({
      run: last === undefined ? undefined : { kind: 'exited', end: last },
      waiting: reason === 'ContainerCreating' ? undefined : { reason, message: error.message },
      restartCount: Math.max(restartCount - (last === undefined ? 0 : 1), 0),
    });
    this.#pod.after(this.#name, this.#startBackoff.delay);
  }

  #running(container: Container, live: Instance, imageID: string): void {
    const { startupProbe: startup, readinessProbe: readiness, livenessProbe: liveness } = container;
    this.#update({
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
        clock: this.#pod.clock,
        run: (probe, timeout) =>
          runProbe(probe, this.#target(container, live.handle), timeout, this.#pod.prober),
        onVerdict: (kind, verdict) => this.#verdict(container, live, kind, verdict),
        onFailure: (kind, output) => {
          const probe = `${kind[0]!.toUpperCase()}${kind.slice(1)} probe`;
          this.#event('Warning', 'Unhealthy', `${probe} failed: ${output}`);
        },
      });
    void this.#postStart(container, live);
    this.#pod.sync();
  }

  #verdict(container: Container, live: Instance, kind: ProbeKind, verdict: boolean): void {
    if (this.#live !== live || live.killing) return;
    if (kind === 'readiness') this.#update({ ready: verdict });
    else if (!verdict) this.#update({ unhealthy: kind });
    else if (kind === 'startup')
      this.#update({ started: true, ready: container.readinessProbe === undefined });
    this.#pod.sync();
  }

  async #postStart(container: Container, live: Instance): Promise<void> {
    const hook = container.lifecycle?.postStart;
    if (hook === undefined) return;
    const target = this.#target(container, live.handle);
    const result = await runHandler(hook, target, POST_START_TIMEOUT, this.#pod.prober);
    if (result.success || this.#live !== live) return;
    this.#event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${result.output}`);
    await this.kill(container, this.#pod.grace);
  }

  /** Runs the preStop hook within the grace period; answers with what is left of it. */
  async #preStop(container: Container, handle: ContainerHandle, grace: number): Promise<number> {
    const hook = container.lifecycle?.preStop;
    if (hook === undefined || grace === 0) return grace;
    const { clock, prober } = this.#pod;
    const begun = clock.now();
    if (hook.sleep !== undefined) {
      const wait = Math.min(hook.sleep.seconds * 1000, grace);
      await new Promise<void>((resolve) => void clock.after(wait, resolve));
    } else {
      const result = await runHandler(hook, this.#target(container, handle), grace, prober);
      if (!result.success)
        this.#event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${result.output}`);
    }
    return Math.max(grace - (clock.now() - begun), 0);
  }

  #exited(container: Container, live: Instance, exit: ContainerExit): void {
    live.probes?.stop();
    this.#log?.end();
    if (this.#live === live) this.#live = undefined;
    if (this.#pod.stopped) return;
    const tail = exit.exitCode === 0 ? '' : (this.#log?.tail(TERMINATION_LINES, TERMINATION_BYTES) ?? '');
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
    this.#update({
      run: { kind: 'exited', end },
      waiting: undefined,
      started: false,
      ready: false,
      unhealthy: undefined,
    });
    this.#pod.sync();
  }

  #target(container: Container, handle: ContainerHandle): ProbeTarget {
    return { container, podIP: this.#pod.podIP ?? '', handle };
  }
  #update(change: Partial<ContainerRecord>): void {
    this.#pod.update(this.#name, change);
  }
  #event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#pod.event(type, reason, message, this.#name);
  }
  #now(): number {
    return this.#pod.clock.epoch + this.#pod.clock.now();
  }
}
