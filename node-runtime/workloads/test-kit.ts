// What tests of programs are built from: two pods, joined by a veth pair, under a clock that moves only while somebody waits.
import { createKernel } from '../kernel/boot.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { addVethPair } from '../kernel/netdev/veth.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { broadcastOf, prefix } from '../kernel/wire/addr.ts';
import { ContainerLog } from '../kubelet/container-log.ts';
import type { ContainerHandle, ContainerPort, ContainerSpec, Mount } from '../kubelet/runtime.ts';
import { NodeFs } from '../node-fs.ts';
// Loaded here, so that no time passes while a program's code is read.
import './programs.ts';
import { createContainerRuntime } from './runtime.ts';
import { directShell } from './shell/direct.ts';
import type { Shell } from './shell/shell.ts';

/** Turns of the event loop in which nothing happens before time moves: streams and promises need a few. */
const TURNS = 6;

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Pod {
  readonly ns: Netns;
  readonly address: string;
  readonly name: string;
}

export class PodLab {
  readonly clock = new VirtualClock(Date.UTC(2026, 10, 23));
  readonly kernel: Kernel;
  readonly files: NodeFs;
  readonly shell: Shell;
  readonly a: Pod;
  readonly b: Pod;
  /** How many reasons there are for time to stand still. */
  #held = 0;

  constructor() {
    this.kernel = createKernel({ hostname: 'n1', clock: this.clock, seed: 1 });
    this.files = new NodeFs({ now: () => this.clock.epoch + this.clock.now() });
    this.shell = directShell(() => {
      this.#held++;
      let over = false;
      return () => {
        if (!over) this.#held--;
        over = true;
      };
    });
    this.a = this.#pod('a', '10.0.0.1');
    this.b = this.#pod('b', '10.0.0.2');
    const [x, y] = addVethPair(this.a.ns, { name: 'eth0' }, this.b.ns, { name: 'eth0' });
    for (const [dev, { address }] of [
      [x, this.a],
      [y, this.b],
    ] as const) {
      dev.ns.setUp(dev, true);
      const p = prefix(`${address}/24`);
      dev.ns.addAddr(dev, {
        addr: p.addr,
        prefixLen: p.len,
        broadcast: broadcastOf(p),
        scope: 'global',
        label: 'eth0',
      });
    }
    this.files.write('/pods/hosts', '127.0.0.1 localhost\n10.0.0.1 a\n10.0.0.2 b web\n');
  }

  #pod(name: string, address: string): Pod {
    const ns = this.kernel.addNetns(name);
    ns.setUp(ns.device('lo')!, true);
    return { ns, address, name };
  }

  /** Starts a container in a pod; its log is `log`. */
  start(
    pod: Pod,
    image: string,
    options: Partial<ContainerSpec> = {},
  ): { handle: ContainerHandle; log: ContainerLog } {
    const log = new ContainerLog(() => this.clock.epoch + this.clock.now());
    const mounts: Mount[] = [{ target: '/etc/hosts', source: '/pods/hosts', readOnly: false }];
    const handle = createContainerRuntime(this).start({
      id: '0'.repeat(64),
      name: 'main',
      pod: undefined,
      image,
      command: [],
      args: [],
      env: {},
      workingDir: undefined,
      ports: [],
      netns: pod.ns,
      hostNetwork: false,
      hostname: pod.name,
      nodeFs: this.files,
      mounts,
      stdin: false,
      tty: false,
      log,
      ...options,
    });
    return { handle, log };
  }

  /** Starts a container that is a server and waits until it listens. */
  async serve(pod: Pod, image: string, options: Partial<ContainerSpec> = {}) {
    const started = this.start(pod, image, options);
    await this.until(started.handle.ready);
    return started;
  }

  /** Runs a command in a pod to its end. */
  async run(pod: Pod, argv: readonly string[], stdin?: string): Promise<Ran> {
    const { handle } = this.start(pod, 'pause');
    await handle.ready;
    return this.exec(handle, argv, stdin);
  }

  async exec(handle: ContainerHandle, argv: readonly string[], stdin?: string): Promise<Ran> {
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    const { exited } = handle.exec(argv, {
      stdin: stdin === undefined ? undefined : chunks(stdin),
      stdout: (chunk) => out.push(chunk),
      stderr: (chunk) => err.push(chunk),
    });
    const { exitCode } = await this.until(exited);
    return {
      code: exitCode,
      out: Buffer.concat(out).toString('utf8'),
      err: Buffer.concat(err).toString('utf8'),
    };
  }

  /** Lets things happen, and time pass, until `promise` settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const end = (): void => {
      settled = true;
    };
    promise.then(end, end);
    while (!settled) {
      for (let i = 0; i < TURNS && !settled; i++) await new Promise((resolve) => setImmediate(resolve));
      const next = this.clock.next();
      if (settled || this.#held > 0) continue;
      if (next === undefined) await new Promise((resolve) => setImmediate(resolve));
      else this.clock.advanceTo(next);
    }
    return promise;
  }

  /** So much time passes. */
  async pass(ms: number): Promise<void> {
    await this.until(new Promise<void>((resolve) => this.clock.after(ms, resolve)));
  }
}

async function* chunks(text: string): AsyncGenerator<Uint8Array> {
  if (text !== '') yield Buffer.from(text);
}

export const tcp = (containerPort: number): ContainerPort => ({ name: '', containerPort, protocol: 'TCP' });
export const udp = (containerPort: number): ContainerPort => ({ name: '', containerPort, protocol: 'UDP' });
