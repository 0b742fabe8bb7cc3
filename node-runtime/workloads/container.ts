// A container: its files, its main process, and what exec and attach add to it. containerd's task, with a shim's part of the
// streams: the main process's output goes to the log and to whoever is attached.
import type { Kernel } from '../kernel/netns/kernel.ts';
import {
  ContainerError,
  type ContainerExit,
  type ContainerHandle,
  type ContainerSpec,
  type ExecHandle,
  type ExecIo,
} from '../kubelet/runtime.ts';
import { NodeFs } from '../node-fs.ts';
import { ContainerFs } from './container-fs.ts';
import { execIn, terminalOutput } from './exec.ts';
import { commandOf, findImage, type Image } from './images.ts';
import { InputPipe } from './input-pipe.ts';
import { Jobs } from './jobs.ts';
import { isExecutable, launch, NotFound } from './launch.ts';
import { generateProc } from './proc-files.ts';
import { type Place, SIGNAL_NUMBERS, type Signal } from './process.ts';
import type { Shell } from './shell/shell.ts';

export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ContainerOptions {
  readonly kernel: Kernel;
  readonly shell: Shell;
}

const asText = (chunk: string | Uint8Array): string =>
  typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
const asBytes = (chunk: string | Uint8Array): Uint8Array =>
  typeof chunk === 'string' ? Buffer.from(chunk) : chunk;

export class Container implements ContainerHandle {
  readonly ready: Promise<void>;
  readonly exited: Promise<ContainerExit>;
  readonly #shell: Shell;
  readonly #spec: ContainerSpec;
  readonly #place: Place;
  readonly #env: Readonly<Record<string, string>>;
  readonly #aborter = new AbortController();
  /** Commands that exec started: they end with the container. */
  readonly #execs = new Set<AbortController>();
  /** The main process's standard input, where it has one. */
  readonly #input: InputPipe | undefined;
  readonly #attached = new Set<ExecIo>();
  #ended = false;

  constructor({ kernel, shell }: ContainerOptions, spec: ContainerSpec) {
    this.#shell = shell;
    this.#spec = spec;
    this.#input = spec.stdin ? new InputPipe() : undefined;
    const { clock } = kernel;
    const root = new NodeFs({ now: () => clock.epoch + clock.now() });
    // No /bin: a shell that finds one looks there for its commands, and they are in the shell itself.
    for (const dir of ['/tmp', '/root', '/etc', '/var/run', '/var/log']) root.mkdir(dir);
    const image = findImage(spec.image, spec.ports);
    for (const [path, text] of Object.entries(image?.files?.(spec.hostname) ?? {})) root.write(path, text);
    const fs = new ContainerFs(root, spec.nodeFs, spec.mounts);
    generateProc(fs, spec.netns);
    this.#place = { ns: spec.netns, fs, hostname: spec.hostname, isNode: false, jobs: new Jobs() };
    this.#env = { PATH, HOME: '/root', HOSTNAME: spec.hostname, ...image?.env, ...spec.env };
    let isReady!: () => void;
    let failed!: (error: unknown) => void;
    this.ready = new Promise<void>((resolve, reject) => {
      isReady = resolve;
      failed = reject;
    });
    this.ready.catch(() => {});
    this.exited = this.#main(image, isReady, failed);
  }

  async #main(
    image: Image | undefined,
    isReady: () => void,
    failed: (error: unknown) => void,
  ): Promise<ContainerExit> {
    // Not in the caller's turn: a container starts after it was made.
    await Promise.resolve();
    const never = new Promise<never>(() => {});
    if (image === undefined) {
      failed(new ContainerError('InvalidImageName', this.#spec.image));
      return never;
    }
    const argv = this.#argv(image);
    if (argv.length === 0 || !isExecutable(this.#place, argv)) {
      const why = argv.length === 0 ? 'no command specified' : new NotFound(argv[0]!).message;
      failed(
        new ContainerError(
          'RunContainerError',
          `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ${why}: unknown`,
        ),
      );
      return never;
    }
    const { signal } = this.#aborter;
    let lastError = '';
    const err = (chunk: string | Uint8Array): void => {
      lastError = asText(chunk).trim().split('\n').at(-1)!;
      this.#write('stderr', chunk);
    };
    let exitCode: number;
    try {
      exitCode = await launch({
        place: this.#place,
        argv,
        env: this.#env,
        cwd: this.#spec.workingDir ?? image.workingDir ?? '/',
        stdin: this.#input,
        tty: this.#spec.tty ? { columns: 80, rows: 24 } : undefined,
        signal,
        shell: this.#shell,
        out: (chunk) => this.#write('stdout', chunk),
        err,
        ready: isReady,
      });
    } catch (error) {
      exitCode = 1;
      err(`${error instanceof Error ? error.message : error}\n`);
    }
    this.#ended = true;
    this.#input?.end();
    for (const aborter of this.#execs) aborter.abort('SIGKILL');
    this.#place.jobs.stop();
    isReady();
    return {
      exitCode,
      ...(signal.aborted ? { signal: SIGNAL_NUMBERS[signal.reason as Signal] } : {}),
      ...(lastError === '' || exitCode === 0 ? {} : { message: lastError }),
    };
  }

  /** What runs: the spec's command and arguments over the image's. */
  #argv(image: Image): readonly string[] {
    const argv = commandOf(image, this.#spec);
    // A program that only an unknown image has: it is taken for the server that the image is taken for.
    if (!image.known && !isExecutable(this.#place, argv)) return [...image.entrypoint, ...image.cmd];
    return argv;
  }

  #write(stream: 'stdout' | 'stderr', chunk: string | Uint8Array): void {
    if (chunk.length === 0) return;
    const out = this.#spec.tty ? 'stdout' : stream;
    this.#spec.log.write(out, chunk);
    for (const io of this.#attached)
      io[out](this.#spec.tty ? terminalOutput(asBytes(chunk)) : asBytes(chunk));
  }

  stop(graceMs: number): void {
    if (this.#aborter.signal.aborted || this.#ended) return;
    // Everything that runs here ends at the first signal; none is left for SIGKILL after the grace.
    this.#aborter.abort(graceMs > 0 ? 'SIGTERM' : 'SIGKILL');
  }

  exec(argv: readonly string[], io: ExecIo): ExecHandle {
    const aborter = new AbortController();
    this.#execs.add(aborter);
    const exited = execIn({
      shell: this.#shell,
      place: this.#place,
      env: this.#env,
      cwd: this.#spec.workingDir ?? '/',
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

  attach(io: ExecIo): ExecHandle {
    this.#attached.add(io);
    let gone!: (exit: { readonly exitCode: number }) => void;
    const left = new Promise<{ readonly exitCode: number }>((resolve) => {
      gone = resolve;
    });
    const leave = (): void => {
      this.#attached.delete(io);
      gone({ exitCode: 0 });
    };
    if (io.stdin !== undefined && this.#input !== undefined) void this.#input.feed(io.stdin);
    const ended = this.exited.then(({ exitCode }) => {
      this.#attached.delete(io);
      return { exitCode };
    });
    return { exited: Promise.race([ended, left]), resize() {}, kill: leave };
  }
}
