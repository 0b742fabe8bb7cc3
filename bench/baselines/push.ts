// The quickest way from one Node process to another: 64 KiB messages on a WebSocket, from server to client (never masked),
// uncompressed, with about a megabyte under way.
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Receive, Received } from './messages.ts';

const BATCH = 64 * 1024;
const UNDER_WAY = 1 << 20;
const BATCHES = 16;

/** Sends random batches for as long as the socket is open. */
export function push(socket: WebSocket): void {
  const batches = Array.from({ length: BATCHES }, () => randomBytes(BATCH));
  let next = 0;
  const more = (): void => {
    // So many a turn: a socket that was reset takes all and keeps none until its end has been heard.
    for (let i = 0; i < BATCHES && socket.readyState === WebSocket.OPEN; i++) {
      if (socket.bufferedAmount >= UNDER_WAY) break;
      socket.send(batches[next++ % BATCHES]!);
    }
    if (socket.readyState === WebSocket.OPEN) setImmediate(more);
  };
  more();
}

export function receive({ url, warm, ms }: Receive): Promise<Received> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/push`, { perMessageDeflate: false, maxPayload: BATCH });
    let bytes = 0;
    let since = 0;
    let cpu = process.cpuUsage();
    socket.on('message', (data: Buffer) => {
      bytes += data.length;
    });
    socket.once('error', reject);
    socket.once('open', () => {
      setTimeout(() => {
        bytes = 0;
        cpu = process.cpuUsage();
        since = performance.now();
        setTimeout(() => {
          const took = performance.now() - since;
          const { user, system } = process.cpuUsage(cpu);
          socket.terminate();
          resolve({ bytes, ms: took, cpuMs: (user + system) / 1000 });
        }, ms);
      }, warm);
    });
  });
}
