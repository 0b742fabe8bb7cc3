// A message of 100 bytes to a WebSocket server and back: one after the other, or one on each of many new links.
import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import type { Echo, Links } from './messages.ts';

const SIZE = 100;
const open = (url: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/echo`, { perMessageDeflate: false });
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });

/** Round-trip times in milliseconds. */
export async function echo({ url, count, gap }: Echo): Promise<readonly number[]> {
  const socket = await open(url);
  const message = randomBytes(SIZE);
  const times: number[] = [];
  await new Promise<void>((resolve, reject) => {
    let sent = 0;
    socket.once('error', reject);
    socket.on('message', () => {
      times.push(performance.now() - sent);
      if (times.length === count) resolve();
      else if (gap === 0) send();
      else setTimeout(send, gap);
    });
    const send = (): void => {
      sent = performance.now();
      socket.send(message);
    };
    send();
  });
  socket.terminate();
  return times;
}

export async function links({ urls }: Links): Promise<number> {
  const message = randomBytes(SIZE);
  const sockets = await Promise.all(
    urls.map(async (url) => {
      const socket = await open(url);
      await new Promise<void>((resolve, reject) => {
        socket.once('message', () => resolve());
        socket.once('error', reject);
        socket.send(message);
      });
      return socket;
    }),
  );
  for (const socket of sockets) socket.terminate();
  return sockets.length;
}
