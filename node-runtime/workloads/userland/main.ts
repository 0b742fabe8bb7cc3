// The userland worker: scripts run here, and ask the node's thread for everything that is not computing.
import { parentPort } from 'node:worker_threads';
import { runScript } from '../shell/bash.ts';
import type { HostCalls } from '../shell/host.ts';
import type { FromWorker, ToWorker } from '../shell/worker.ts';

const port = parentPort!;
const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
const aborters = new Map<number, AbortController>();
let nextCall = 1;

const callsOf = (run: number): HostCalls =>
  new Proxy({} as HostCalls, {
    get:
      (_, name: string) =>
      (...args: readonly unknown[]) =>
        new Promise((resolve, reject) => {
          const call = nextCall++;
          pending.set(call, { resolve, reject });
          port.postMessage({ run, call, name: name as keyof HostCalls, args } satisfies FromWorker);
        }),
  });

function answered({ reply, value, error }: Extract<ToWorker, { readonly reply: number }>): void {
  const call = pending.get(reply);
  pending.delete(reply);
  if (error === undefined) call?.resolve(value);
  else call?.reject(Object.assign(new Error(`${error.code}: ${error.message}`), { code: error.code }));
}

port.on('message', (message: ToWorker) => {
  if ('reply' in message) return answered(message);
  if ('kill' in message) return aborters.get(message.run)?.abort();
  const { run, options } = message;
  const aborter = new AbortController();
  aborters.set(run, aborter);
  runScript(() => import('just-bash'), callsOf(run), options, aborter.signal)
    .then(
      (exit) => port.postMessage({ run, exit } satisfies FromWorker),
      (error: Error) => port.postMessage({ run, failed: error.stack ?? error.message } satisfies FromWorker),
    )
    .finally(() => aborters.delete(run));
});
