// A node in a worker thread of this process: starts in a third of the time, and is reached as a process is, by its own
// loopback port.
import { Worker } from 'node:worker_threads';
import { type Announcement, announcement } from '../protocol/boot.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { Exit, Placement } from './placement.ts';
import { dialSupervise } from './socket-port.ts';

export function threadPlacement(options: { readonly entry: string }): Placement {
  return {
    kind: 'thread',
    async start(boot) {
      const worker = new Worker(options.entry, {
        workerData: boot,
        name: `node-runtime ${boot.name}`,
        execArgv: [],
      });
      let failure = '';
      const exited = new Promise<Exit>((resolve) => {
        worker.on('error', (error) => {
          failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
        });
        worker.once('exit', (code) => resolve({ code, signal: undefined, stderr: failure }));
      });
      const { url } = await new Promise<Announcement>((resolve, reject) => {
        worker.once('message', (value: unknown) => {
          const wrong = announcement(value, '');
          if (wrong === undefined) resolve(value as Announcement);
          else reject(new ProtocolError('E_START', `${boot.name}: ${wrong}`));
        });
        void exited.then(({ code, stderr }) =>
          reject(new ProtocolError('E_START', `${boot.name} ended with ${code}. ${stderr}`)),
        );
      });
      /** While a thread is paused it waits for this word to change. */
      let word: Int32Array | undefined;
      const resume = (): void => {
        if (word === undefined) return;
        Atomics.store(word, 0, 1);
        Atomics.notify(word, 0);
        word = undefined;
      };
      return {
        pid: process.pid,
        startTime: 0,
        url,
        connect: () => dialSupervise(url, boot.name, boot.secret),
        kill() {
          resume();
          void worker.terminate();
        },
        pause() {
          if (word !== undefined) return;
          word = new Int32Array(new SharedArrayBuffer(4));
          worker.postMessage(word.buffer);
        },
        resume,
        exited,
        release: () => worker.unref(),
      };
    },
  };
}
