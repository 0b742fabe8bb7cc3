// The kubelet (pkg/kubelet/kubelet.go): registers its node and keeps saying that it lives, follows the pods bound to it, and has a
// worker for each.
import type { ConfigMap, Secret } from '../../emulator/api/types/core.ts';
import type { Node, NodeStatus } from '../../emulator/api/types/node.ts';
import type { Pod } from '../../emulator/api/types/pod.ts';
import type { Service } from '../../emulator/api/types/service.ts';
import { isAlreadyExists, isNotFound } from '../api-client/errors.ts';
import { CONFIG_MAPS, LEASES, NODES, PODS, SECRETS, SERVICES } from '../api-client/resources.ts';
import { CNI_CONF_DIR } from '../cni/conf-dir.ts';
import type { CniHost } from '../cni/plugin.ts';
import type { DaemonLog, Follow, NodeApi } from '../flanneld/node-api.ts';
import type { Clock, Timer } from '../kernel/clock/clock.ts';
import { ContainerStarter } from './container-starter.ts';
import type { DnsSettings } from './etc-files.ts';
import { type EventRecorder, eventRecorder } from './events.ts';
import type { NetnsMounts } from './netns-mounts.ts';
import {
  LEASE_NAMESPACE,
  microTime,
  type NodeFacts,
  nodeLabels,
  nodeLease,
  nodeStatus,
  statusChanged,
} from './node-status.ts';
import { PodNetwork, type SandboxRecord } from './pod-network.ts';
import { PodWorker } from './pod-worker.ts';
import type { Dial } from './probe/probers.ts';
import type { ContainerRuntime } from './runtime.ts';
import { StatusManager } from './status-manager.ts';

/** nodeStatusReportFrequency: an unchanged status is sent again after five minutes. */
const REPORT_MS = 300_000;
const RETRY_MS = 1000;

export interface KubeletOptions {
  readonly facts: Omit<NodeFacts, 'runtimeVersion'>;
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly cni: CniHost;
  readonly mounts: NetnsMounts;
  readonly runtime: ContainerRuntime;
  readonly dial: Dial;
  readonly dns: DnsSettings;
  /** Milliseconds between heartbeats: 10 s. */
  readonly leaseRenew: number;
  /** Requests a token of the pod's service account that holds for so many seconds. */
  readonly token: (pod: Pod, seconds: number) => Promise<string>;
}

export class Kubelet {
  readonly #options: KubeletOptions;
  readonly #facts: NodeFacts;
  readonly #network: PodNetwork;
  readonly #starter: ContainerStarter;
  readonly #statuses: StatusManager;
  readonly #events: EventRecorder;
  readonly #workers = new Map<string, PodWorker>();
  readonly #timers = new Map<string, Timer>();
  readonly #remembered: Map<string, SandboxRecord>;
  #node: Node | undefined;
  #reportedAt: number | undefined;
  #pods: Follow<Pod> | undefined;
  #services: Follow<Service> | undefined;
  #unwatch: (() => void) | undefined;
  #stopped = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    const { facts, api, clock, log, cni, mounts, runtime, dns } = options;
    this.#facts = { ...facts, runtimeVersion: runtime.version };
    this.#network = new PodNetwork({ cni, mounts });
    this.#remembered = this.#network.remembered();
    this.#statuses = new StatusManager({ api, clock, log, hostIP: facts.address });
    this.#events = eventRecorder({
      api,
      clock,
      component: 'kubelet',
      host: facts.name,
      randomHex: cni.randomHex,
    });
    this.#starter = new ContainerStarter({
      runtime,
      fs: cni.fs,
      nodeName: facts.name,
      hostIP: facts.address,
      dns,
      now: () => clock.epoch + clock.now(),
      randomHex: cni.randomHex,
      references: (namespace) => ({
        configMap: (name) => this.#find(() => api.get<ConfigMap>(CONFIG_MAPS, name, namespace)),
        secret: (name) => this.#find(() => api.get<Secret>(SECRETS, name, namespace)),
      }),
      services: () => [...(this.#services?.items() ?? [])],
      token: options.token,
    });
  }

  /** Returns at once: a control plane that cannot be reached is tried again for ever. */
  start(): void {
    const { api, cni, facts } = this.#options;
    this.#unwatch = cni.fs.watch(CNI_CONF_DIR, () => this.#networkChanged());
    this.#services = api.listWatch<Service>(SERVICES, {}, {});
    this.#pods = api.listWatch<Pod>(
      PODS,
      { fieldSelector: `spec.nodeName=${facts.name}` },
      {
        onAdd: (pod) => this.#podAdded(pod),
        onUpdate: (pod, old) => this.#podUpdated(pod, old),
        onDelete: (pod) => this.#podRemoved(pod),
        onSync: () => void this.#dropOrphans(),
      },
    );
    void this.#register();
  }

  /** Stops looking after the node. Containers go on: their end is the node's. */
  stop(): void {
    this.#stopped = true;
    this.#unwatch?.();
    this.#pods?.stop();
    this.#services?.stop();
    this.#statuses.stop();
    for (const timer of this.#timers.values()) timer.cancel();
    for (const worker of this.#workers.values()) worker.stop();
  }

  /** By "namespace/name": what exec, logs, port-forward and traces start from. */
  worker(namespace: string, name: string): PodWorker | undefined {
    for (const worker of this.#workers.values()) {
      const { metadata } = worker.pod;
      if (metadata.name === name && (metadata.namespace ?? 'default') === namespace) return worker;
    }
    return undefined;
  }
  get workers(): Iterable<PodWorker> {
    return this.#workers.values();
  }

  // Pods

  #podAdded(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const { clock, dial, facts } = this.#options;
    const worker = new PodWorker(pod, {
      clock,
      network: this.#network,
      starter: this.#starter,
      prober: { clock, dial },
      events: this.#events,
      hostIP: facts.address,
      onChange: (changed) => this.#statuses.report(changed),
      sandbox: this.#remembered.get(uid),
    });
    this.#remembered.delete(uid);
    this.#workers.set(uid, worker);
    worker.update(pod);
  }

  #podUpdated(pod: Pod, old: Pod): void {
    // Deleted and made again between two looks: another pod of the same name.
    if (old.metadata.uid !== pod.metadata.uid) {
      this.#podRemoved(old);
      this.#podAdded(pod);
      return;
    }
    this.#workers.get(pod.metadata.uid ?? '')?.update(pod);
  }

  #podRemoved(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const worker = this.#workers.get(uid);
    if (worker === undefined) return;
    this.#statuses.forget(worker);
    const forget = (): void => {
      worker.stop();
      if (this.#workers.get(uid) === worker) this.#workers.delete(uid);
      this.#options.cni.fs.removeTree(`/var/lib/kubelet/pods/${uid}`);
    };
    if (worker.terminated) forget();
    else void worker.forceEnd().finally(forget);
  }

  /** Sandboxes of pods that went while this node was down. */
  async #dropOrphans(): Promise<void> {
    for (const [uid, record] of this.#remembered) {
      this.#remembered.delete(uid);
      await this.#network.stop(record).catch((error: Error) => {
        this.#options.log.warn({ err: error.message }, 'an old sandbox could not be removed');
      });
    }
  }

  async #find<T>(get: () => Promise<T>): Promise<T | undefined> {
    try {
      return await get();
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  // Node

  async #register(): Promise<void> {
    const { api, log } = this.#options;
    const labels = nodeLabels(this.#facts);
    const { name } = this.#facts;
    try {
      const status = this.#status([]);
      try {
        this.#node = await api.create(NODES, { metadata: { name, labels }, spec: {}, status });
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
        this.#node = await api.patch(NODES, name, { metadata: { labels } });
      }
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'the node could not be registered; trying again');
      this.#after('register', RETRY_MS, () => void this.#register());
      return;
    }
    this.#events.event({ kind: 'Node', name, uid: name }, 'Normal', 'Starting', 'Starting kubelet.');
    await Promise.all([this.#heartbeat(), this.#report()]);
  }

  /** The Lease: what the node lifecycle controller goes by. */
  async #heartbeat(): Promise<void> {
    const { api, clock, leaseRenew, log } = this.#options;
    if (this.#stopped || this.#node === undefined) return;
    const now = clock.epoch + clock.now();
    const { name } = this.#facts;
    let next = leaseRenew;
    try {
      await api.patch(LEASES, name, { spec: { renewTime: microTime(now) } }, { namespace: LEASE_NAMESPACE });
    } catch (error) {
      if (isNotFound(error))
        await api.create(LEASES, nodeLease(this.#node, now), LEASE_NAMESPACE).catch(() => {});
      else {
        log.warn({ err: (error as Error).message }, 'the node lease was not renewed');
        next = Math.min(RETRY_MS, leaseRenew);
      }
    }
    this.#after('lease', next, () => void this.#heartbeat());
  }

  #status(old: readonly NonNullable<NodeStatus['conditions']>[number][]): NodeStatus {
    const { clock } = this.#options;
    return nodeStatus({
      facts: this.#facts,
      notReady: this.#network.notReady(),
      old,
      now: clock.epoch + clock.now(),
    });
  }

  /** tryUpdateNodeStatus: sends the status when it is not what the API server has, or when five minutes are over. */
  async #report(): Promise<void> {
    const { api, clock, leaseRenew, log } = this.#options;
    if (this.#stopped) return;
    const { name } = this.#facts;
    try {
      const now = clock.now();
      // What the server has, not what we last sent: others (the node lifecycle controller) change it when we are silent.
      const node = await api.get<Node>(NODES, name);
      const status = this.#status(node.status?.conditions ?? []);
      const due = this.#reportedAt === undefined || now - this.#reportedAt >= REPORT_MS;
      if (due || statusChanged(node.status, status)) {
        // By its merge keys: others (flannel) have conditions in the same list.
        await api.patch(NODES, name, { status }, { subresource: 'status', type: 'strategic' });
        this.#reportedAt = now;
      }
    } catch (error) {
      if (isNotFound(error)) {
        // Someone deleted the Node: register again, as a kubelet does.
        this.#reportedAt = undefined;
        this.#after('register', RETRY_MS, () => void this.#register());
        return;
      }
      log.warn({ err: (error as Error).message }, 'the node status was not sent');
    }
    this.#after('report', leaseRenew, () => void this.#report());
  }

  /** A CNI configuration came or went: containerd sees the file at once. */
  #networkChanged(): void {
    if (this.#node === undefined || this.#stopped) return;
    this.#after('report', 0, () => void this.#report());
    for (const worker of this.#workers.values()) worker.sync();
  }

  #after(key: string, ms: number, fn: () => void): void {
    if (this.#stopped) return;
    this.#timers.get(key)?.cancel();
    this.#timers.set(key, this.#options.clock.after(ms, fn));
  }
}
