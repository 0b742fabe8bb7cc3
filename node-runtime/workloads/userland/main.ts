// The userland worker: scripts run here, and ask the node's thread for everything that is not computing.
import { parentPort } from 'node:worker_threads';
import { runScript } from '../shell/bash.ts';
import type { HostCalls } from '../shell/host.ts';
import type { FromWorker, ToWorker } from '../shell/worker.ts';

const port = parentPort!;
const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
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

port.on('message', (message: ToWorker) => {
  if ('reply' in message) {
    const call = pending.get(message.reply);
    pending.delete(message.reply);
    if (message.error === undefined) call?.resolve(message.value);
    else
      call?.reject(
        Object.assign(new Error(`${message.error.code}: ${message.error.message}`), {
          code: message.error.code,
        }),
      );
    return;
  }
  const { run, options } = message;
  runScript(() => import('just-bash'), callsOf(run), options).then(
    (result) => port.postMessage({ run, result } satisfies FromWorker),
    (error: Error) => port.postMessage({ run, failed: error.stack ?? error.message } satisfies FromWorker),
  );
});
