// One pod on this node, from its first sight to its end (pkg/kubelet/pod_workers.go and kuberuntime_manager.go, SyncPod). Asks
// `reconcile` what to do, does it, and asks again whenever something has happened: the spec changed, a container ended, a probe
// changed its mind, a wait is over.
import type { Pod } from '../../emulator/api/types/pod.ts';
import type { Clock, Timer } from '../kernel/clock/clock.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { ContainerLog } from './container-log.ts';
import type { ContainerStarter } from './container-starter.ts';
import { ContainerWorker, type PodOfContainer } from './container-worker.ts';
import type { EventRecorder } from './events.ts';
import { type PodNetwork, portMappings, type SandboxRecord } from './pod-network.ts';
import { type ContainerRecord, forgotten, type PodState, recalled, recordOf } from './pod-state.ts';
import type { ProberOptions } from './probe/probers.ts';
import { containersOf, type PodAction, reconcile } from './reconcile.ts';
import { ContainerError, type ContainerHandle } from './runtime.ts';

/** Waits before a failed sandbox is tried again: backOffPeriod; and while the network plugin is missing. */
const SANDBOX_RETRY = 10_000;
const NETWORK_RETRY = 1000;
const DEFAULT_GRACE = 30;
/** Milliseconds for the containers of a pod that was removed without grace. */
const FORCED_GRACE = 1000;

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

export class PodWorker {
  readonly #options: PodWorkerOptions;
  #pod: Pod;
  #state: PodState;
  #record: SandboxRecord | undefined;
  #netns: Netns | undefined;
  readonly #containers = new Map<string, ContainerWorker>();
  readonly #timers = new Map<string, Timer>();
  #syncing = false;
  #again = false;
  #prepared: Promise<void> | undefined;
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
    return this.#running().length === 0 && this.#state.sandbox === undefined && !this.#syncing;
  }
  handle(container: string): ContainerHandle | undefined {
    return this.#containers.get(container)?.handle;
  }
  log(container: string, previous = false): ContainerLog | undefined {
    return this.#containers.get(container)?.log(previous);
  }

  /** The API's pod has changed. */
  update(pod: Pod): void {
    this.#pod = pod;
    this.#watchDeadline();
    if (pod.metadata.deletionTimestamp !== undefined) {
      const grace = (pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE) * 1000;
      // A second delete may shorten the grace, never lengthen it.
      if (this.#grace !== undefined && grace < this.#grace)
        for (const container of this.#running()) container.handle?.stop(grace);
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
    for (const container of this.#containers.values()) container.stopProbes();
  }

  /** Ends all that runs, within a second, and gives the network back: the pod is gone from the API without a word. */
  async forceEnd(): Promise<void> {
    this.#ending = true;
    this.#grace = Math.min(FORCED_GRACE, this.#grace ?? FORCED_GRACE);
    for (const container of this.#running()) if (container.killing) container.handle?.stop(this.#grace);
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
        this.#container(action.container.name).start(action.container);
        return true;
      case 'kill': {
        this.#event('Normal', 'Killing', action.message, action.container.name);
        void this.#container(action.container.name).kill(action.container, this.#graceOf());
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
        ({ container: { name }, kind }) =>
          (kind === 'sidecar') === sidecars && this.handle(name) !== undefined,
      );
    for (const { container } of byKind(false))
      if (!this.#container(container.name).killing)
        this.#event('Normal', 'Killing', `Stopping container ${container.name}`, container.name);
    await Promise.all(
      byKind(false).map(({ container }) => this.#container(container.name).kill(container, grace)),
    );
    for (const { container } of byKind(true).reverse())
      await this.#container(container.name).kill(container, grace);
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

  // Containers

  #running(): ContainerWorker[] {
    return [...this.#containers.values()].filter((container) => container.handle !== undefined);
  }

  #container(name: string): ContainerWorker {
    let container = this.#containers.get(name);
    if (container === undefined) {
      container = new ContainerWorker(name, this.#facet());
      this.#containers.set(name, container);
    }
    return container;
  }

  /** This pod, as its containers see it. */
  #facet(): PodOfContainer {
    const worker = this;
    const { clock, starter, prober } = this.#options;
    return {
      clock,
      starter,
      prober,
      get pod() {
        return worker.#pod;
      },
      get podIP() {
        return worker.#podIP();
      },
      get netns() {
        return worker.#netns;
      },
      get stopped() {
        return worker.#stopped;
      },
      get grace() {
        return worker.#graceOf();
      },
      prepare: () => this.#prepare(),
      record: (name) => recordOf(this.#state, name),
      update: (name, change) => this.#update(name, change),
      event: (type, reason, message, name) => this.#event(type, reason, message, name),
      sync: () => this.sync(),
      after: (key, ms) => this.#after(key, ms),
      waiting: (key) => this.#timers.has(key),
    };
  }

  /** Makes the volumes, once; what failed is tried again with the container that asks next. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#options.starter
      .prepare({ pod: this.#pod, podIP: this.#podIP() })
      .catch((error: Error) => {
        this.#prepared = undefined;
        this.#event('Warning', 'FailedMount', `MountVolume.SetUp failed: ${error.message}`);
        throw new ContainerError('ContainerCreating', '');
      });
    return this.#prepared;
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
