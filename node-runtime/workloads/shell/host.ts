// What a script may ask of the node: files of its container, the cluster's clock, and programs of ours on the pod's stack. Plain
// messages in and out, so that the script may run in another thread.
import { FsError } from '../../node-fs.ts';
import { ReadOnlyError } from '../container-fs.ts';
import { Killed, readAll, sleep } from '../process.ts';
import type { ShellRequest } from './shell.ts';

/** Calls by name; each answers with plain data or throws an error with a `code`. */
export type HostCalls = {
  [K in keyof ReturnType<typeof hostCalls>]: ReturnType<typeof hostCalls>[K];
};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

export function hostCalls(request: ShellRequest) {
  const { place, signal } = request;
  const { fs } = place;
  return {
    read: async (path: string): Promise<Uint8Array> => fs.read(path),
    write: async (path: string, bytes: Uint8Array): Promise<void> => fs.write(path, bytes),
    append: async (path: string, bytes: Uint8Array): Promise<void> => fs.append(path, bytes),
    exists: async (path: string): Promise<boolean> => fs.exists(path),
    stat: async (path: string) => fs.stat(path),
    list: async (path: string): Promise<string[]> => fs.list(path),
    mkdir: async (path: string, recursive: boolean): Promise<void> => fs.mkdir(path, recursive),
    remove: async (path: string, recursive: boolean): Promise<void> => fs.remove(path, recursive),
    chmod: async (path: string, mode: number): Promise<void> => fs.chmod(path, mode),
    sleep: async (ms: number): Promise<void> => sleep({ signal, ns: place.ns }, ms),
    stdin: async (): Promise<Uint8Array> => readAll(request.stdin),
    /** Runs a program to its end. */
    run: async (
      argv: readonly string[],
      env: Record<string, string>,
      stdin: Uint8Array,
    ): Promise<{ code: number; stdout: Uint8Array; stderr: Uint8Array }> => {
      const out: Uint8Array[] = [];
      const err: Uint8Array[] = [];
      const bytes = (chunk: string | Uint8Array): Uint8Array =>
        typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const code = await request.spawn(argv, {
        env,
        stdin: once(stdin),
        out: (c) => out.push(bytes(c)),
        err: (c) => err.push(bytes(c)),
      });
      return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err) };
    },
  };
}

/** The errno of what a call threw. */
export function codeOf(error: unknown): string {
  if (error instanceof FsError || error instanceof ReadOnlyError) return error.code;
  if (error instanceof Killed) return 'EINTR';
  return 'EIO';
}
