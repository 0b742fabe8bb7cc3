// What the kubelet's tests share: a node with a real kernel and CNI on a virtual clock, an API server in memory, and containers that do
// what the test says.
import type { Node } from '../../emulator/api/types/node.ts';
import type { Container, Pod, PodSpec } from '../../emulator/api/types/pod.ts';
import { EVENTS, NODES, PODS } from '../api-client/resources.ts';
import { bridge } from '../cni/plugins/bridge.ts';
import { flannel } from '../cni/plugins/flannel.ts';
import { hostLocal } from '../cni/plugins/host-local.ts';
import { loopback } from '../cni/plugins/loopback.ts';
import { portmap } from '../cni/plugins/portmap.ts';
import { type TestHost, testHost } from '../cni/test-kit.ts';
import { FakeApi } from '../flanneld/fake-api.ts';
import { cniConfList } from '../flanneld/install-cni.ts';
import { createKernel } from '../kernel/boot.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import { type Disk, memoryDisk, NodeFs } from '../node-fs.ts';
import { connect } from '../sockets/net.ts';
import { socketStack } from '../sockets/stack.ts';
import { Kubelet } from './kubelet.ts';
import { NetnsMounts } from './netns-mounts.ts';
import {
  ContainerError,
  type ContainerExit,
  type ContainerHandle,
  type ContainerRuntime,
  type ContainerSpec,
  type ExecHandle,
} from './runtime.ts';

export class FakeContainer implements ContainerHandle {
  readonly spec: ContainerSpec;
  readonly ready: Promise<void>;
  readonly exited: Promise<ContainerExit>;
  /** What `stop` was called with. */
  readonly graces: number[] = [];
  /** Exit code of whatever is exec'ed in it. */
  execCode = 0;
  /** Deaf to SIGTERM: only the end of the grace period ends it. */
  stubborn = false;
  readonly #clock: VirtualClock;
  #exit!: (exit: ContainerExit) => void;
  #ready!: () => void;

  constructor(spec: ContainerSpec, clock: VirtualClock, failure: ContainerError | undefined) {
    this.spec = spec;
    this.#clock = clock;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      this.#ready = resolve;
      if (failure !== undefined) reject(failure);
    });
  }
  listening(): void {
    this.#ready();
  }
  exit(exitCode: number): void {
    this.#ready();
    this.#exit({ exitCode });
  }
  stop(graceMs: number): void {
    this.graces.push(graceMs);
    if (!this.stubborn || graceMs === 0) this.exit(graceMs === 0 ? 137 : 143);
    else this.#clock.after(graceMs, () => this.exit(137));
  }
  exec(): ExecHandle {
    return { exited: Promise.resolve({ exitCode: this.execCode }), resize() {}, kill() {} };
  }
}

export class FakeRuntime implements ContainerRuntime {
  readonly version = 'containerd://2.0.0';
  readonly containers: FakeContainer[] = [];
  /** Images that cannot be pulled, by name, with why. */
  readonly unpullable = new Map<string, string>();
  /** Called with each container before it runs; false: the test itself says when it is ready. */
  onStart: (container: FakeContainer) => boolean | undefined = () => undefined;
  startFailure: ContainerError | undefined;
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }
  async pull(image: string) {
    const why = this.unpullable.get(image);
    if (why !== undefined) throw new ContainerError('ErrImagePull', why);
    return { imageID: `docker.io/library/${image}@sha256:0` };
  }
  start(spec: ContainerSpec): FakeContainer {
    const container = new FakeContainer(spec, this.#clock, this.startFailure);
    this.containers.push(container);
    if (this.startFailure === undefined && this.onStart(container) !== false) container.listening();
    return container;
  }
  /** The latest instance of a container. */
  last(name: string): FakeContainer {
    return this.containers.filter((c) => c.spec.name === name).at(-1)!;
  }
  get names(): string[] {
    return this.containers.map((c) => c.spec.name);
  }
}

export interface NodeLab {
  readonly clock: VirtualClock;
  readonly api: FakeApi;
  readonly kernel: Kernel;
  readonly host: TestHost;
  readonly runtime: FakeRuntime;
  readonly kubelet: Kubelet;
  readonly disk: Disk;
  readonly mounts: NetnsMounts;
  settle(): Promise<void>;
  advance(ms: number): Promise<void>;
  /** flanneld has done its work. */
  connectNetwork(): void;
  create(spec: Partial<PodSpec> & { readonly name?: string; readonly uid?: string }): void;
  pod(name?: string): Pod;
  node(): Node;
  /** "reason: message" of what was recorded. */
  events(): string[];
  remove(name: string, seconds: number): void;
  /** The node's process dies: its memory is gone, its disk and the API are not. */
  reboot(): NodeLab;
}

export interface NodeLabOptions {
  readonly network?: boolean;
  readonly api?: FakeApi;
  readonly clock?: VirtualClock;
  readonly disk?: Disk;
  readonly seed?: number;
}

export const container = (name: string, extra: Partial<Container> = {}): Container => ({
  name,
  image: 'nginx',
  ...extra,
});

export function nodeLab(options: NodeLabOptions = {}): NodeLab {
  const clock = options.clock ?? new VirtualClock(Date.UTC(2026, 0, 1));
  const api = options.api ?? new FakeApi();
  const disk = options.disk ?? memoryDisk();
  const kernel = createKernel({ hostname: 'n1', clock, seed: options.seed ?? 1 });
  const fs = new NodeFs({ now: () => clock.epoch + clock.now(), disk });
  const base = testHost([bridge, flannel, hostLocal, loopback, portmap], kernel);
  const mounts = new NetnsMounts(kernel, base.randomHex);
  const host: TestHost = { ...base, fs, netns: (path) => mounts.get(path) };
  const runtime = new FakeRuntime(clock);
  const stack = socketStack(kernel.host, { owner: 'kubelet' });
  const kubelet = new Kubelet({
    facts: {
      name: 'n1',
      address: '192.168.100.11',
      labels: {},
      version: 'v1.32.4',
      maxPods: 110,
      machineID: 'm',
      bootID: 'b',
    },
    api,
    clock,
    log: { info() {}, warn() {}, error() {} },
    cni: host,
    mounts,
    runtime,
    dial: (address, port) => connect(stack, { host: address, port }),
    dns: {
      clusterDNS: '10.96.0.10',
      clusterDomain: 'cluster.local',
      host: { nameservers: ['192.168.100.1'], searches: [], options: [] },
    },
    leaseRenew: 10_000,
    token: async () => 'token',
  });
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 6; ) {
      const worked = kernel.runQueue.pending > 0;
      while (kernel.runQueue.pending > 0) kernel.runQueue.run();
      await new Promise((resolve) => setImmediate(resolve));
      quiet = worked ? 0 : quiet + 1;
    }
  };
  const lab: NodeLab = {
    clock,
    api,
    kernel,
    host,
    runtime,
    kubelet,
    disk,
    mounts,
    settle,
    async advance(ms) {
      await settle();
      const until = clock.now() + ms;
      for (let next = clock.next(); next !== undefined && next <= until; next = clock.next()) {
        clock.advanceTo(next);
        await settle();
      }
      clock.advanceTo(until);
      await settle();
    },
    connectNetwork() {
      fs.write(
        '/run/flannel/subnet.env',
        'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
      );
      fs.write('/etc/cni/net.d/10-flannel.conflist', cniConfList({ bridge: 'cni0', hairpin: true }));
    },
    create({ name = 'web', uid = 'u1', ...spec }) {
      api.set(PODS, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default', uid },
        spec: { containers: [container('a')], nodeName: 'n1', ...spec },
      });
    },
    pod: (name = 'web') => api.peek(PODS, name, 'default')!,
    node: () => api.peek(NODES, 'n1')!,
    events: () =>
      [...api.objects]
        .filter(([key]) => key.startsWith(`${EVENTS.resource} `))
        .map(([, object]) => object as unknown as { reason: string; message: string; count: number })
        .map(({ reason, message }) => `${reason}: ${message}`),
    remove(name, seconds) {
      const old = api.peek(PODS, name, 'default')!;
      api.set(PODS, {
        ...old,
        metadata: {
          ...old.metadata,
          deletionTimestamp: '2026-01-01T00:01:00Z',
          deletionGracePeriodSeconds: seconds,
        },
      });
    },
    reboot() {
      kubelet.stop();
      stack.stop();
      return nodeLab({ ...options, api, clock, disk, seed: (options.seed ?? 1) + 1, network: true });
    },
  };
  if (options.network !== false) lab.connectNetwork();
  kubelet.start();
  return lab;
}
