// Data through a bad wire: every byte arrives, once and in order, and recovery does what it is for.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Stream } from '../../netns/dice.ts';
import { Lab } from '../test-kit.ts';
import { tcpClose } from './tcp.ts';

const random = (size: number): Uint8Array => {
  const dice = new Stream(7, 'payload');
  const words = new Uint32Array(Math.ceil(size / 4)).map(() => dice.u32());
  return new Uint8Array(words.buffer, 0, size);
};
const hash = (b: Uint8Array): string => createHash('sha256').update(b).digest('hex');

interface Wire {
  readonly name: string;
  readonly size: number;
  readonly delay: number;
  readonly loss?: number;
  readonly reorder?: number;
  readonly sack?: 0;
  readonly timestamps?: 0;
  /** Seconds of virtual time it may take. */
  readonly within: number;
}

const wires: readonly Wire[] = [
  { name: 'clean, no delay', size: 10 << 20, delay: 0, within: 1 },
  { name: 'clean, 10 ms', size: 10 << 20, delay: 10, within: 3 },
  { name: '1 % loss, 1 ms each way', size: 10 << 20, delay: 1, loss: 0.01, within: 8 },
  { name: '1 % loss, reordering', size: 4 << 20, delay: 1, loss: 0.01, reorder: 0.05, within: 8 },
  { name: '10 % loss', size: 256 << 10, delay: 5, loss: 0.1, within: 120 },
  { name: '1 % loss without SACK', size: 2 << 20, delay: 1, loss: 0.01, sack: 0, within: 30 },
  { name: '1 % loss without timestamps', size: 4 << 20, delay: 1, loss: 0.01, timestamps: 0, within: 8 },
];

describe('ten megabytes and less', () => {
  it.each(wires)('$name', (w) => {
    const lab = new Lab();
    lab.b.sysctl.ipv4.tcp_sack = w.sack ?? 1;
    lab.b.sysctl.ipv4.tcp_timestamps = w.timestamps ?? 1;
    const [client, server] = lab.connected();
    const dice = new Stream(11, w.name);
    const fate = (): number | undefined => {
      if (dice.float() < (w.loss ?? 0)) return undefined;
      return dice.float() < (w.reorder ?? 0) ? 2 * w.delay : 0;
    };
    lab.impair(lab.devA, w.delay, fate);
    lab.impair(lab.devB, w.delay, fate);
    const data = random(w.size);
    const { got, ms } = lab.transfer(client, server, data, 600_000);
    expect(got.length).toBe(data.length);
    expect(hash(got)).toBe(hash(data));
    expect(ms).toBeLessThan(w.within * 1000);
    tcpClose(client);
    tcpClose(server);
    lab.run(300_000);
    expect(client.net.ehash.size + server.net.ehash.size).toBe(0);
  });
});
