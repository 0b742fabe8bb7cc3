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

const kept = new Map<string, WebSocket>();

/** The round trip in milliseconds. */
export async function echo({ url }: Echo): Promise<number> {
  const socket = kept.get(url) ?? (await open(url));
  kept.set(url, socket);
  const message = randomBytes(SIZE);
  return await new Promise<number>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('message', () => {
      const took = performance.now() - sent;
      socket.off('error', reject);
      resolve(took);
    });
    const sent = performance.now();
    socket.send(message);
  });
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
