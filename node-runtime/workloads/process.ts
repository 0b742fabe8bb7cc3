// A process in a container or on a node: what a program is given instead of a C library (execve(2), environ(7), file
// descriptors 0 to 2, signals). Programs are functions: the servers of known images and the commands of the shell are of
// one kind, as on a real system, so each can be a container's entrypoint as well as an exec'd command.
import type { Netns } from '../kernel/netns/netns.ts';
import type { ContainerFs } from './container-fs.ts';
import type { Jobs } from './jobs.ts';

export type Signal = 'SIGHUP' | 'SIGINT' | 'SIGKILL' | 'SIGTERM';
export const SIGNAL_NUMBERS: Readonly<Record<Signal, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** Where a process lives: shared by all processes of a container. */
export interface Place {
  readonly ns: Netns;
  readonly fs: ContainerFs;
  /** uname -n. */
  readonly hostname: string;
  /** True on the node itself, where commands see all namespaces and may change them. */
  readonly isNode: boolean;
  readonly jobs: Jobs;
}

export interface Process extends Place {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Undefined: /dev/null. */
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly tty: { readonly columns: number; readonly rows: number } | undefined;
  out(chunk: string | Uint8Array): void;
  err(chunk: string | Uint8Array): void;
  /** Aborted with a Signal as its reason when the process is told to end. */
  readonly signal: AbortSignal;
  /** A server says that its sockets listen. Others never call it. */
  ready(): void;
  /** Runs another program in the same place: what a shell or `ip netns exec` does. */
  spawn(argv: readonly string[], change: SpawnChange): Promise<number>;
}

export interface SpawnChange {
  readonly ns?: Netns;
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  out?(chunk: string | Uint8Array): void;
  err?(chunk: string | Uint8Array): void;
}

/** Takes its arguments without its own name; answers its exit code. */
export type Program = (args: readonly string[], proc: Process) => number | Promise<number>;

/** Thrown through a program by whatever it was waiting in when a signal came. */
export class Killed extends Error {
  readonly signal: Signal;
  constructor(signal: Signal) {
    super(signal);
    this.signal = signal;
  }
}

/** A program's way out from anywhere: exit(3). `message` is the last line on standard error. */
export class ExitError extends Error {
  readonly code: number;
  constructor(code: number, message = '') {
    super(message);
    this.code = code;
  }
}

/** Runs a program to its end, whatever that is. */
export async function runProgram(program: Program, args: readonly string[], proc: Process): Promise<number> {
  try {
    throwIfKilled(proc);
    return await program(args, proc);
  } catch (error) {
    if (error instanceof Killed) return 128 + SIGNAL_NUMBERS[error.signal];
    if (error instanceof ExitError) {
      if (error.message !== '') proc.err(`${error.message}\n`);
      return error.code;
    }
    throw error;
  }
}

export function throwIfKilled(proc: Pick<Process, 'signal'>): void {
  if (proc.signal.aborted) throw new Killed(proc.signal.reason as Signal);
}

/**
 * Waits for something that answers by calling `resolve`; `start` returns how to stop waiting for it, which is called in
 * every case. Rejects with Killed when a signal comes first.
 */
export function waitFor<T>(
  proc: Pick<Process, 'signal'>,
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    throwIfKilled(proc);
    let stop: (() => void) | undefined;
    let over = false;
    const finish = (act: () => void): void => {
      if (over) return;
      over = true;
      proc.signal.removeEventListener('abort', onAbort);
      stop?.();
      act();
    };
    const onAbort = (): void => finish(() => reject(new Killed(proc.signal.reason as Signal)));
    proc.signal.addEventListener('abort', onAbort);
    stop = start(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error)),
    );
    if (over) stop();
  });
}

/** sleep(3) on the cluster's clock, in milliseconds. */
export function sleep(proc: Pick<Process, 'signal' | 'ns'>, ms: number): Promise<void> {
  return waitFor<void>(proc, (resolve) => {
    const timer = proc.ns.kernel.clock.after(ms, resolve);
    return () => timer.cancel();
  });
}

/** Waits until the process is told to end: pause(2). */
export const forever = (proc: Pick<Process, 'signal'>): Promise<never> =>
  waitFor<never>(proc, () => () => {});

/** The wall clock in milliseconds since 1970, as this node has it. */
export function wallClock(proc: Pick<Process, 'ns'>): number {
  const { clock } = proc.ns.kernel;
  return clock.epoch + clock.now();
}

/** All of standard input. */
export async function readAll(stdin: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  if (stdin !== undefined) for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The next piece of standard input, or undefined at its end. Rejects with Killed when a signal comes first. */
export function nextInput(
  proc: Pick<Process, 'signal'>,
  input: AsyncIterator<Uint8Array>,
): Promise<Uint8Array | undefined> {
  return waitFor<Uint8Array | undefined>(proc, (resolve, reject) => {
    input.next().then((item) => resolve(item.done === true ? undefined : item.value), reject);
    return () => {};
  });
}
