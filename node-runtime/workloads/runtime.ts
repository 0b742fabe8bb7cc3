// The container runtime: what a real node has containerd and runc for. An image becomes a program or the shell, run in the pod's
// namespace with the container's own files.

import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { procDev } from '../kernel/procfs/devices.ts';
import { procArp, procRoute } from '../kernel/procfs/ip-route.ts';
import { procSockets } from '../kernel/procfs/sockets.ts';
import {
  ContainerError,
  type ContainerExit,
  type ContainerHandle,
  type ContainerRuntime,
  type ContainerSpec,
  type ExecHandle,
  type ExecIo,
} from '../kubelet/runtime.ts';
import { NodeFs } from '../node-fs.ts';
import { ContainerFs } from './container-fs.ts';
import { findImage, imageName } from './images.ts';
import { isSignal, launch } from './launch.ts';
import { type Place, type Process, runProgram, SIGNAL_NUMBERS, type Signal } from './process.ts';
import type { Shell } from './shell/shell.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** /proc/net and /proc/sys of a namespace, as files that are made when they are read. */
export function generateProc(fs: ContainerFs, ns: Netns): void {
  fs.generate('/proc/net/dev', () => procDev(ns));
  fs.generate('/proc/net/arp', () => procArp(ns));
  fs.generate('/proc/net/route', () => procRoute(ns));
  fs.generate('/proc/net/tcp', () => procSockets(ns, 'tcp'));
  fs.generate('/proc/net/udp', () => procSockets(ns, 'udp'));
  for (const name of ['ip_forward', 'ip_local_port_range', 'ip_default_ttl'])
    fs.generate(`/proc/sys/net/ipv4/${name}`, () => `${ns.sysctl.read(`net.ipv4.${name}`)}\n`);
}

export function createContainerRuntime({
  kernel,
  shell,
}: {
  readonly kernel: Kernel;
  readonly shell: Shell;
}): ContainerRuntime {
  return {
    version: 'podwire://0.1.0',
    async pull(reference) {
      if (imageName(reference) === undefined)
        throw new ContainerError(
          'InvalidImageName',
          `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`,
        );
      const known = findImage(reference, [])!.known;
      return {
        imageID: reference,
        ...(known
          ? {}
          : {
              notice: `image ${reference} is not known to Podwire: it listens on its containerPorts and answers with its hostname`,
            }),
      };
    },
    start: (spec) => new Container(kernel, shell, spec),
  };
}

class Container implements ContainerHandle {
  readonly ready: Promise<void>;
  readonly exited: Promise<ContainerExit>;
  readonly #kernel: Kernel;
  readonly #shell: Shell;
  readonly #spec: ContainerSpec;
  readonly #place: Place;
  readonly #env: Readonly<Record<string, string>>;
  readonly #aborter = new AbortController();
  /** Commands that exec started: they end with the container. */
  readonly #execs = new Set<AbortController>();
  #ended = false;

  constructor(kernel: Kernel, shell: Shell, spec: ContainerSpec) {
    this.#kernel = kernel;
    this.#shell = shell;
    this.#spec = spec;
    const { clock } = kernel;
    const root = new NodeFs({ now: () => clock.epoch + clock.now() });
    // No /bin: a shell that finds one looks there for its commands, and they are in the shell itself.
    for (const dir of ['/tmp', '/root', '/etc']) root.mkdir(dir);
    const fs = new ContainerFs(root, spec.nodeFs, spec.mounts);
    generateProc(fs, spec.netns);
    this.#place = { ns: spec.netns, fs, hostname: spec.hostname, isNode: false };
    this.#env = { PATH, HOME: '/root', HOSTNAME: spec.hostname, ...spec.env };
    let isReady!: () => void;
    let failed!: (error: unknown) => void;
    this.ready = new Promise<void>((resolve, reject) => {
      isReady = resolve;
      failed = reject;
    });
    this.ready.catch(() => {});
    this.exited = this.#main(isReady, failed);
  }

  async #main(isReady: () => void, failed: (error: unknown) => void): Promise<ContainerExit> {
    const spec = this.#spec;
    // Not in the caller's turn: a container starts after it was made.
    await Promise.resolve();
    const image = findImage(spec.image, spec.ports);
    if (image === undefined) {
      failed(new ContainerError('InvalidImageName', spec.image));
      return new Promise(() => {});
    }
    const entrypoint = spec.command.length > 0 ? spec.command : image.entrypoint;
    const args = spec.args.length > 0 ? spec.args : spec.command.length > 0 ? [] : image.cmd;
    const argv = [...entrypoint, ...args];
    const { signal } = this.#aborter;
    const io = {
      out: (chunk: string | Uint8Array) => spec.log.write('stdout', chunk),
      err: (chunk: string | Uint8Array) => spec.log.write('stderr', chunk),
    };
    let message: string | undefined;
    const err = (chunk: string | Uint8Array): void => {
      message = (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))
        .trim()
        .split('\n')
        .at(-1);
      io.err(chunk);
    };
    let exitCode: number;
    try {
      if (image.program !== undefined && spec.command.length === 0 && spec.args.length === 0)
        exitCode = await runProgram(image.program, [], this.#process(io.out, err, isReady));
      else if (argv.length === 0) {
        failed(new ContainerError('RunContainerError', 'no command specified'));
        return await new Promise(() => {});
      } else
        exitCode = await launch({
          place: this.#place,
          argv,
          env: this.#env,
          cwd: spec.workingDir ?? '/',
          stdin: undefined,
          signal,
          shell: this.#shell,
          out: io.out,
          err,
          ready: isReady,
        });
    } catch (error) {
      exitCode = 1;
      err(`${error instanceof Error ? error.message : error}\n`);
    }
    this.#ended = true;
    for (const aborter of this.#execs) aborter.abort('SIGKILL');
    isReady();
    const killed = signal.aborted ? { signal: SIGNAL_NUMBERS[signal.reason as Signal] } : {};
    return { exitCode, ...killed, ...(message === undefined || exitCode === 0 ? {} : { message }) };
  }

  #process(out: Process['out'], err: Process['err'], ready: () => void): Process {
    const { signal } = this.#aborter;
    return {
      ...this.#place,
      env: this.#env,
      cwd: '/',
      stdin: undefined,
      tty: undefined,
      signal,
      out,
      err,
      ready,
      spawn: async () => 127,
    };
  }

  stop(graceMs: number): void {
    if (this.#aborter.signal.aborted || this.#ended) return;
    // Our programs end at the first signal; the grace is for scripts that will not.
    this.#aborter.abort(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  }

  exec(argv: readonly string[], io: ExecIo): ExecHandle {
    const aborter = new AbortController();
    this.#execs.add(aborter);
    const exited = execIn({
      kernel: this.#kernel,
      shell: this.#shell,
      place: this.#place,
      env: this.#env,
      argv,
      io,
      signal: aborter.signal,
    }).finally(() => this.#execs.delete(aborter));
    if (this.#ended) aborter.abort('SIGKILL');
    return {
      exited: exited.then((exitCode) => ({ exitCode })),
      resize() {},
      kill: () => aborter.abort('SIGKILL'),
    };
  }
}

interface ExecOptions {
  readonly kernel: Kernel;
  readonly shell: Shell;
  readonly place: Place;
  readonly env: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
  readonly io: ExecIo;
  readonly signal: AbortSignal;
}

/** A command in a place, from its input to its exit code. */
export async function execIn({ shell, place, env, argv, io, signal }: ExecOptions): Promise<number> {
  const bytes = (chunk: string | Uint8Array): Uint8Array =>
    typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  const out = (chunk: string | Uint8Array): void => {
    if (chunk.length > 0) io.stdout(bytes(chunk));
  };
  const err = (chunk: string | Uint8Array): void => {
    if (chunk.length > 0) (io.tty === undefined ? io.stderr : io.stdout).call(io, bytes(chunk));
  };
  try {
    return await launch({
      place,
      argv,
      env,
      cwd: '/',
      stdin: io.stdin,
      tty: io.tty,
      signal,
      shell,
      out,
      err,
    });
  } catch (error) {
    err(`${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

/** The node itself as a place: its own files, and all its namespaces to see. */
export function nodePlace(
  kernel: Kernel,
  files: NodeFs,
): { readonly place: Place; readonly env: Readonly<Record<string, string>> } {
  const fs = new ContainerFs(files);
  generateProc(fs, kernel.host);
  return {
    place: { ns: kernel.host, fs, hostname: kernel.hostname, isNode: true },
    env: { PATH, HOME: '/root', HOSTNAME: kernel.hostname },
  };
}

export const signalOf = (name: string): Signal => (isSignal(name) ? name : 'SIGKILL');
