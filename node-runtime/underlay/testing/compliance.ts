// What every kind of Lines promises, as a suite that each implementation runs.
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RealClock } from '../../kernel/clock/real-clock.ts';
import { Nic } from '../../kernel/netdev/nic.ts';
import type { NetDevice } from '../../kernel/netns/device.ts';
import { Kernel } from '../../kernel/netns/kernel.ts';
import { CHECKSUM_PARTIAL, type Skb } from '../../kernel/skb/skb.ts';
import { mac } from '../../kernel/wire/addr.ts';
import { put32, u32 } from '../../kernel/wire/bytes.ts';
import { BATCH_CAPACITY, MAX_FRAME } from '../batch.ts';
import { CREDIT } from '../outbox.ts';
import type { Lines } from '../underlay.ts';

/** One end of the lines under test. */
export interface End {
  readonly kernel: Kernel;
  readonly lines: Lines;
  readonly dev: NetDevice;
  /** Frames that arrived, as [peer, skb], oldest first; the test owns them. */
  readonly got: (readonly [string, Skb])[];
  send(peer: string, bytes: Uint8Array, fields?: Partial<Skb>): void;
  stop(): void;
}

/** A kernel with a NIC that is plugged into nothing, and somebody to call when frames come. */
export function endOf(name: string, make: (kernel: Kernel) => Lines, onStop: () => void = () => {}): End {
  const clock = new RealClock();
  const kernel = new Kernel({ hostname: name, clock, seed: 1 });
  const cable = { plug() {}, send: (skb: Skb) => skb.free(), unplug() {} };
  const dev = kernel.host.register(new Nic(kernel, { name: 'eth0', mac: mac(0x0200c0a8640b), cable }));
  const lines = make(kernel);
  const got: (readonly [string, Skb])[] = [];
  lines.onFrame = (peer, skb) => got.push([peer, skb]);
  return {
    kernel,
    lines,
    dev,
    got,
    send(peer, bytes, fields = {}) {
      const skb = kernel.pool.copyOf(bytes);
      Object.assign(skb, fields);
      lines.send(peer, skb, dev);
    },
    stop() {
      lines.stop();
      clock.stop();
      onStop();
    },
  };
}

/** Lets the event loop turn until `done` holds; the test's own time limit ends a wait in vain. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

/** A frame of `length` bytes that carries its number. */
export function numbered(n: number, length = 60): Uint8Array {
  const bytes = new Uint8Array(length).fill(n & 0xff);
  put32(bytes, 0, n);
  return bytes;
}
const numberOf = (skb: Skb): number => u32(skb.bytes, skb.data);

/** `make` opens the named end; ends made by one world can reach each other once all are made and `patch` was called. */
export interface World {
  make(name: string): Promise<End>;
  patch(): void;
  close(): void;
}

export function linesCompliance(kind: string, newWorld: () => World): void {
  describe(`${kind} lines`, () => {
    let world: World;
    let a: End;
    let b: End;
    beforeEach(async () => {
      world = newWorld();
      a = await world.make('a');
      b = await world.make('b');
      world.patch();
    });
    afterEach(() => {
      a.stop();
      b.stop();
      world.close();
    });

    it('carry a frame with all that the receiving kernel must know', async () => {
      const fields = {
        gsoSize: 1400,
        ipSummed: CHECKSUM_PARTIAL,
        encapsulation: true,
        trace: 513,
        late: 0.125,
      };
      a.send('b', numbered(7, 40_000), fields);
      await until(() => b.got.length === 1);
      const [peer, skb] = b.got[0]!;
      expect(peer).toBe('a');
      expect(skb).toMatchObject(fields);
      expect(skb.view()).toEqual(numbered(7, 40_000));
    });

    it('carry frames of every size, in order', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 14, max: MAX_FRAME }), { maxLength: 12 }),
          async (sizes) => {
            b.got.length = 0;
            sizes.forEach((size, n) => {
              a.send('b', numbered(n, size));
            });
            await until(() => b.got.length === sizes.length);
            expect(b.got.map(([, skb]) => [numberOf(skb), skb.len])).toEqual(
              sizes.map((size, n) => [n, size]),
            );
            for (const [, skb] of b.got) skb.free();
          },
        ),
        { numRuns: 20 },
      );
    });

    it('carry floods both ways at once, though each is many times the credit', async () => {
      a.dev.txQueueLen = b.dev.txQueueLen = 100_000;
      const count = 4000;
      for (let n = 0; n < count; n++) {
        a.send('b', numbered(n, 1514));
        b.send('a', numbered(n, 1514));
      }
      await until(() => a.got.length === count && b.got.length === count);
      for (const end of [a, b]) {
        expect(end.got.every(([, skb], n) => numberOf(skb) === n)).toBe(true);
        expect(end.dev.stats.txDropped).toBe(0);
      }
    });

    it('have at most the credit under way to a peer that stands still, then a queue, then drops that are counted', async () => {
      a.send('b', numbered(0));
      await until(() => b.got.length === 1);
      b.kernel.runQueue.hold();
      a.dev.txQueueLen = 10;
      const count = 1000;
      for (let n = 1; n <= count; n++) a.send('b', numbered(n, 1514));
      const [link] = a.lines.report();
      expect(link!.queued).toBe(10);
      expect(link!.unacked).toBeGreaterThanOrEqual(CREDIT);
      expect(link!.unacked).toBeLessThan(CREDIT + BATCH_CAPACITY);
      const dropped = a.dev.stats.txDropped;
      expect(dropped).toBe(link!.dropped);
      expect(dropped).toBe(count - 10 - Math.ceil(CREDIT / 1530));
      expect(a.kernel.tracer.dropped.get('LINK_QUEUE_FULL')).toBe(dropped);
      b.kernel.runQueue.release();
      await until(() => b.got.length === 1 + count - dropped);
      // The oldest were kept: a full queue refuses what comes.
      expect(numberOf(b.got.at(-1)![1])).toBe(count - dropped);
    });

    it('drop and count what is for nobody', async () => {
      a.send('c', numbered(1));
      await until(() => a.kernel.tracer.dropped.get('LINK_NO_PEER') === 1);
      expect(a.dev.stats.txDropped).toBe(1);
    });

    it('find a peer again that went away and came back', async () => {
      a.send('b', numbered(1));
      await until(() => b.got.length === 1);
      b.send('a', numbered(2));
      await until(() => a.got.length === 1);
      b.stop();
      b = await world.make('b');
      world.patch();
      a.send('b', numbered(3));
      await until(() => b.got.length === 1);
      expect(numberOf(b.got[0]![1])).toBe(3);
      b.send('a', numbered(4));
      await until(() => a.got.length === 2);
    });

    it('hand nothing over any more once they are stopped', async () => {
      a.send('b', numbered(1));
      b.stop();
      await new Promise((resolve) => setImmediate(resolve));
      a.send('b', numbered(2));
      await until(() => a.dev.stats.txDropped >= 1);
      expect(b.got).toEqual([]);
    });
  });
}
