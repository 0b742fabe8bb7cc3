// The shell in a worker thread: one per node, started at the first script and shared by all of them, whose loops let each other
// have their turn. A script that will not end when it is told to takes the worker with it; others that ran there end too, and the
// next script gets a new one.
import { Worker } from 'node:worker_threads';
import { Killed, type Signal } from '../process.ts';
import { PROGRAM_NAMES } from '../program-names.ts';
import type { ScriptOptions } from './bash.ts';
import { codeOf, type HostCalls, hostCalls } from './host.ts';
import type { Shell, ShellRequest } from './shell.ts';

export type ToWorker =
  | { readonly run: number; readonly options: ScriptOptions }
  | { readonly run: number; readonly kill: Signal }
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
  | { readonly run: number; readonly exit: number }
  | { readonly run: number; readonly failed: string };

/** How long a script that was killed may go on before its worker is ended, in milliseconds of the host. */
const PATIENCE = 500;

interface Running {
  readonly worker: Worker;
  readonly calls: HostCalls;
  end(outcome: number | Error): void;
}

export function workerShell(entry: string): Shell {
  let worker: Worker | undefined;
  let nextRun = 1;
  const running = new Map<number, Running>();

  const begin = (): Worker => {
    const started = new Worker(entry, { name: 'podwire-userland', execArgv: [] });
    started.unref();
    started.on('message', (message: FromWorker) => void hear(started, message));
    started.on('error', (error) => endAll(started, error));
    started.on('exit', () => endAll(started, new Error('the shell ended')));
    return started;
  };
  const endAll = (gone: Worker, error: Error): void => {
    if (worker === gone) worker = undefined;
    for (const run of [...running.values()]) if (run.worker === gone) run.end(error);
  };
  async function hear(from: Worker, message: FromWorker): Promise<void> {
    const run = running.get(message.run);
    if (run === undefined) return;
    if ('exit' in message) run.end(message.exit);
    else if ('failed' in message) run.end(new Error(message.failed));
    else {
      const reply = { run: message.run, reply: message.call };
      try {
        const call = run.calls[message.name] as (...args: readonly unknown[]) => Promise<unknown>;
        from.postMessage({ ...reply, value: await call(...message.args) } satisfies ToWorker);
      } catch (error) {
        const why = { code: codeOf(error), message: error instanceof Error ? error.message : String(error) };
        from.postMessage({ ...reply, error: why } satisfies ToWorker);
      }
    }
  }

  return {
    run(request: ShellRequest): Promise<number> {
      worker ??= begin();
      const used = worker;
      const id = nextRun++;
      const { task, env, cwd, signal, stdin, tty } = request;
      return new Promise<number>((resolve, reject) => {
        let forced: NodeJS.Timeout | undefined;
        const end = (outcome: number | Error): void => {
          running.delete(id);
          clearTimeout(forced);
          signal.removeEventListener('abort', onAbort);
          if (signal.aborted) reject(new Killed(signal.reason as Signal));
          else if (typeof outcome === 'number') resolve(outcome);
          else reject(outcome);
        };
        const onAbort = (): void => {
          // It stops at its next statement, and its calls fail; one that computes has to be stopped from outside.
          used.postMessage({ run: id, kill: signal.reason as Signal } satisfies ToWorker);
          forced = setTimeout(() => {
            if (worker === used) worker = undefined;
            void used.terminate();
          }, PATIENCE);
          reject(new Killed(signal.reason as Signal));
        };
        running.set(id, { worker: used, calls: hostCalls(request), end });
        const options: ScriptOptions = {
          task,
          env,
          cwd,
          programs: PROGRAM_NAMES,
          hasStdin: stdin !== undefined,
          tty: tty !== undefined,
        };
        used.postMessage({ run: id, options } satisfies ToWorker);
        if (signal.aborted) onAbort();
        else signal.addEventListener('abort', onAbort);
      });
    },
    stop() {
      void worker?.terminate();
      worker = undefined;
    },
  };
}
