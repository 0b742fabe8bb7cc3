// Datagrams from one Node process to another by node:dgram on loopback, as fast as the sender can; what the receiver counts
// is what counts.
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Counted, UdpSend } from './messages.ts';

/** Sends in flight: enough that the thread of the event loop never waits for one. */
const BURST = 64;

let socket: Socket | undefined;
let packets = 0;
let bytes = 0;
let first = 0;
let last = 0;
let cpu = process.cpuUsage();

/** Binds a port, answers with it and counts what comes. */
export function receive(): Promise<number> {
  socket?.close();
  const bound = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket = bound;
  packets = bytes = first = last = 0;
  cpu = process.cpuUsage();
  bound.on('message', (data) => {
    if (packets === 0) first = performance.now();
    last = performance.now();
    packets++;
    bytes += data.length;
  });
  return new Promise((resolve, reject) => {
    bound.once('error', reject);
    bound.bind(0, '127.0.0.1', () => resolve(bound.address().port));
  });
}

export function count(): Counted {
  const { user, system } = process.cpuUsage(cpu);
  socket?.close();
  socket = undefined;
  return { packets, bytes, ms: last - first, cpuMs: (user + system) / 1000 };
}

export function send({ port, size, ms }: UdpSend): Promise<Counted> {
  const from = createSocket('udp4');
  const message = randomBytes(size);
  const before = process.cpuUsage();
  const start = performance.now();
  let sent = 0;
  let waiting = 0;
  return new Promise((resolve, reject) => {
    from.once('error', reject);
    const done = (): void => {
      waiting--;
      if (waiting === 0) more();
    };
    const more = (): void => {
      const took = performance.now() - start;
      if (took >= ms) {
        from.close();
        const { user, system } = process.cpuUsage(before);
        resolve({ packets: sent, bytes: sent * size, ms: took, cpuMs: (user + system) / 1000 });
        return;
      }
      waiting = BURST;
      sent += BURST;
      for (let i = 0; i < BURST; i++) from.send(message, done);
    };
    from.connect(port, '127.0.0.1', more);
  });
}
