// What a script may ask of the node: files of its container, the cluster's clock, and programs of ours on the pod's stack. Plain
// messages in and out, so that the script may run in another thread.
import { FsError } from '../../node-fs.ts';
import { ReadOnlyError } from '../container-fs.ts';
import { describeError } from '../errors.ts';
import { Killed, nextInput, readAll, SIGNAL_NUMBERS, type Signal, sleep } from '../process.ts';
import type { ShellRequest } from './shell.ts';

/** Calls by name; each answers with plain data or throws an error with a `code`. */
export type HostCalls = ReturnType<typeof hostCalls>;

/** How a program's output is dealt with: gathered for the script, or written to the shell's own. */
export interface RunOptions {
  readonly live: boolean;
  readonly ownStdin: boolean;
  readonly mergeStderr: boolean;
}

export interface RunResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}
const bytesOf = (chunk: string | Uint8Array): Uint8Array =>
  typeof chunk === 'string' ? Buffer.from(chunk) : chunk;

export function hostCalls(request: ShellRequest) {
  const { place, signal } = request;
  const { fs, jobs } = place;
  const input = request.stdin?.[Symbol.asyncIterator]();
  /** The shell's own input for a program that the script runs; what the program leaves is the next one's. */
  const ownStdin: AsyncIterable<Uint8Array> | undefined =
    input === undefined ? undefined : { [Symbol.asyncIterator]: () => ({ next: () => input.next() }) };
  return {
    read: async (path: string): Promise<Uint8Array> => fs.read(path),
    write: async (path: string, bytes: Uint8Array): Promise<void> => fs.write(path, bytes),
    append: async (path: string, bytes: Uint8Array): Promise<void> => fs.append(path, bytes),
    /** Why a file cannot be written, in words. */
    whyNotWrite: async (path: string): Promise<string | undefined> => {
      const code = fs.whyNotWrite(path);
      return code === undefined ? undefined : describeError(code);
    },
    exists: async (path: string): Promise<boolean> => fs.exists(path),
    stat: async (path: string) => fs.stat(path),
    list: async (path: string): Promise<string[]> => fs.list(path),
    mkdir: async (path: string, recursive: boolean): Promise<void> => fs.mkdir(path, recursive),
    remove: async (path: string, recursive: boolean): Promise<void> => fs.remove(path, recursive),
    chmod: async (path: string, mode: number): Promise<void> => fs.chmod(path, mode),
    sleep: async (ms: number): Promise<void> => sleep({ signal, ns: place.ns }, ms),
    /** All of standard input, and a piece of it; undefined at its end. */
    stdin: async (): Promise<Uint8Array> => readAll(ownStdin),
    input: async (): Promise<Uint8Array | undefined> =>
      input === undefined ? undefined : nextInput({ signal }, input),
    output: async (fd: 1 | 2, bytes: Uint8Array): Promise<void> => {
      if (signal.aborted) throw new Killed(signal.reason as Signal);
      if (bytes.length > 0) request[fd === 1 ? 'out' : 'err'](bytes);
    },
    /** Runs a program to its end. */
    run: async (
      argv: readonly string[],
      env: Readonly<Record<string, string>>,
      cwd: string,
      stdin: Uint8Array,
      options: RunOptions,
    ): Promise<RunResult> => {
      const out: Uint8Array[] = [];
      const err: Uint8Array[] = [];
      const { live } = options;
      const code = await request.spawn(argv, {
        env,
        cwd,
        stdin: options.ownStdin ? ownStdin : once(stdin),
        out: (c) => (live ? request.out(bytesOf(c)) : out.push(bytesOf(c))),
        err: (c) =>
          live
            ? options.mergeStderr
              ? request.out(bytesOf(c))
              : request.err(bytesOf(c))
            : err.push(bytesOf(c)),
      });
      return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err) };
    },
    job: async (script: string, env: Readonly<Record<string, string>>, cwd: string): Promise<number> =>
      request.background(script, env, cwd),
    waitJob: async (pid: number): Promise<number | undefined> => jobs.wait(pid),
    killJob: async (pid: number, name: string): Promise<boolean> =>
      jobs.kill(pid, Object.hasOwn(SIGNAL_NUMBERS, name) ? (name as Signal) : 'SIGTERM'),
  };
}

/** The errno of what a call threw. */
export function codeOf(error: unknown): string {
  if (error instanceof FsError || error instanceof ReadOnlyError) return error.code;
  if (error instanceof Killed) return 'EINTR';
  return 'EIO';
}
