import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEADROOM, Skb, SkbPool } from '../kernel/skb/skb.ts';
import {
  BATCH_CAPACITY,
  BATCH_HEADER,
  eachFrame,
  FRAME_HEADER,
  MAX_FRAME,
  parseHeader,
  putFrame,
  putHeader,
} from './batch.ts';

const pool = new SkbPool();
const frame = fc.record({
  bytes: fc.uint8Array({ minLength: 14, maxLength: 200 }),
  ipSummed: fc.constantFrom(0, 1, 3),
  encapsulation: fc.boolean(),
  gsoSize: fc.nat(0xffff),
  trace: fc.nat(0xffff),
  late: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 3_599_999, noNaN: true })),
});
type Frame = typeof frame extends fc.Arbitrary<infer T> ? T : never;

function batchOf(frames: readonly Frame[]): Uint8Array {
  const b = new Uint8Array(BATCH_CAPACITY).fill(0xee);
  putHeader(b, 1, 2, 3);
  let end = BATCH_HEADER;
  for (const { bytes, ...fields } of frames)
    end = putFrame(b, end, Object.assign(pool.copyOf(bytes), fields));
  return b.slice(0, end);
}
function framesOf(batch: Uint8Array): { frames: Frame[]; count: number } {
  const frames: Frame[] = [];
  const count = eachFrame(batch, pool, ({ ipSummed, encapsulation, gsoSize, trace, late, ...skb }) => {
    const bytes = skb.bytes.slice(skb.data, skb.tail);
    frames.push({ bytes, ipSummed: ipSummed as Frame['ipSummed'], encapsulation, gsoSize, trace, late });
  });
  return { frames, count };
}

describe('a batch', () => {
  it('gives back the frames that were put in it', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), (frames) => {
        const read = framesOf(batchOf(frames));
        expect(read.count).toBe(frames.length);
        expect(read.frames).toEqual(frames);
      }),
    );
  });

  it('lies as documented, byte for byte', () => {
    const bytes = Uint8Array.from({ length: 14 }, (_, i) => i + 1);
    const batch = batchOf([
      { bytes, ipSummed: 3, encapsulation: true, gsoSize: 1410, trace: 0x8102, late: -0 },
    ]);
    expect(Buffer.from(batch).toString('hex')).toBe(
      [
        '01000001',
        '00020000',
        '00000003',
        '00000e07',
        '05828102',
        '0000000000000000',
        '0102030405060708090a0b0c0d0e',
      ].join(''),
    );
    expect(parseHeader(batch)).toEqual({ session: 1, ackSession: 2, acked: 3 });
  });

  it('cut anywhere is known for cut, and what stood before the cut is handed over', () => {
    const frames = fc.sample(frame, { numRuns: 3, seed: 1 });
    const whole = batchOf(frames);
    const ends = [BATCH_HEADER];
    for (const { bytes } of frames) ends.push(ends.at(-1)! + FRAME_HEADER + bytes.length);
    for (let end = 0; end < whole.length; end++) {
      const part = whole.subarray(0, end);
      if (end < BATCH_HEADER) {
        expect(parseHeader(part)).toBe(undefined);
        continue;
      }
      const complete = ends.filter((e) => e <= end).length - 1;
      const { frames: got, count } = framesOf(part);
      expect(got).toEqual(frames.slice(0, complete));
      expect(count).toBe(ends.includes(end) ? complete : -1);
    }
  });

  it('of any bytes never throws, never reads outside of itself and gives no frame that is none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const { frames, count } = framesOf(bytes);
        expect(count === -1 || count === frames.length).toBe(true);
        for (const { bytes: got, late } of frames) {
          expect(got.length).toBeGreaterThanOrEqual(14);
          expect(late).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('has room for the longest frame', () => {
    const skb = new Skb(new Uint8Array(HEADROOM + MAX_FRAME), undefined);
    skb.put(MAX_FRAME);
    const b = new Uint8Array(BATCH_CAPACITY);
    putHeader(b, 1, 0, 0);
    expect(putFrame(b, BATCH_HEADER, skb)).toBe(BATCH_CAPACITY);
    expect(framesOf(b).count).toBe(1);
  });
});
