// The shell in a worker thread: one per node, started at the first script. A script that will not end when it is told to takes the
// worker with it; others that ran there end too, and the next script gets a new one.
import { Worker } from 'node:worker_threads';
import { Killed, type Signal } from '../process.ts';
import { PROGRAMS } from '../programs.ts';
import type { ScriptOptions, ScriptResult } from './bash.ts';
import { codeOf, type HostCalls, hostCalls } from './host.ts';
import type { Shell, ShellRequest, ShellResult } from './shell.ts';

export type ToWorker =
  | { readonly run: number; readonly options: ScriptOptions }
  | {
      readonly run: number;
      readonly reply: number;
      readonly value?: unknown;
      readonly error?: { readonly code: string; readonly message: string };
    };
export type FromWorker =
  | {
      readonly run: number;
      readonly call: number;
      readonly name: keyof HostCalls;
      readonly args: readonly unknown[];
    }
  | { readonly run: number; readonly result: ScriptResult }
  | { readonly run: number; readonly failed: string };

/** How long a script that was killed may go on before its worker is ended, in milliseconds of the host. */
const PATIENCE = 500;

interface Running {
  readonly calls: HostCalls;
  resolve(result: ShellResult): void;
  reject(error: unknown): void;
}

export function workerShell(entry: string): Shell {
  let worker: Worker | undefined;
  let nextRun = 1;
  const running = new Map<number, Running>();

  const begin = (): Worker => {
    const started = new Worker(entry, { name: 'podwire-userland', execArgv: [] });
    started.unref();
    started.on('message', (message: FromWorker) => void hear(started, message));
    started.on('error', (error) => endAll(error));
    started.on('exit', () => {
      if (worker === started) worker = undefined;
      endAll(new Error('the shell ended'));
    });
    return started;
  };
  const endAll = (error: Error): void => {
    for (const run of running.values()) run.reject(error);
    running.clear();
  };
  async function hear(from: Worker, message: FromWorker): Promise<void> {
    const run = running.get(message.run);
    if (run === undefined) return;
    if ('result' in message) run.resolve(message.result);
    else if ('failed' in message) run.reject(new Error(message.failed));
    else {
      const reply = { run: message.run, reply: message.call };
      try {
        const call = run.calls[message.name] as (...args: readonly unknown[]) => Promise<unknown>;
        from.postMessage({ ...reply, value: await call(...message.args) } satisfies ToWorker);
      } catch (error) {
        from.postMessage({
          ...reply,
          error: { code: codeOf(error), message: (error as Error).message },
        } satisfies ToWorker);
      }
    }
  }

  return {
    run(request: ShellRequest): Promise<ShellResult> {
      worker ??= begin();
      const used = worker;
      const id = nextRun++;
      const { script, env, cwd, signal } = request;
      return new Promise<ShellResult>((resolve, reject) => {
        const finish = (act: () => void): void => {
          signal.removeEventListener('abort', onAbort);
          running.delete(id);
          act();
        };
        const onAbort = (): void => {
          // Its calls fail from now on, so most scripts end by themselves; one that computes has to be stopped.
          const forced = setTimeout(() => void used.terminate(), PATIENCE);
          used.once('exit', () => clearTimeout(forced));
          running.set(id, {
            ...entryOf,
            resolve: () => clearTimeout(forced),
            reject: () => clearTimeout(forced),
          });
          signal.removeEventListener('abort', onAbort);
          reject(new Killed(signal.reason as Signal));
        };
        const entryOf: Running = {
          calls: hostCalls(request),
          resolve: (result) => finish(() => resolve(result)),
          reject: (error) => finish(() => reject(error)),
        };
        running.set(id, entryOf);
        if (signal.aborted) return onAbort();
        signal.addEventListener('abort', onAbort);
        const options: ScriptOptions = {
          script,
          env,
          cwd,
          programs: Object.keys(PROGRAMS),
          hasStdin: request.stdin !== undefined,
        };
        used.postMessage({ run: id, options } satisfies ToWorker);
      });
    },
    stop() {
      void worker?.terminate();
      worker = undefined;
    },
  };
}
