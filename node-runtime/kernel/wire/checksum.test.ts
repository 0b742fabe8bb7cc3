import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checksum,
  fold,
  pseudoHeader,
  store,
  sum,
  update16,
  update32,
  updateSum16,
  updateSum32,
  updateUdp16,
  updateUdp32,
  verify,
} from './checksum.ts';

/** The definition, word by word with end-around carry at every step (RFC 1071 section 1). */
function oracle(bytes: Uint8Array): number {
  let acc = 0;
  for (let i = 0; i < bytes.length; i += 2) {
    acc += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
    if (acc > 0xffff) acc -= 0xffff;
  }
  return acc;
}

const word = fc.integer({ min: 0, max: 0xffff });
const words32 = fc.integer({ min: 0, max: 0xffffffff });
const bytesOf = (...ws: number[]) => Uint8Array.from(ws.flatMap((w) => [w >>> 8, w & 255]));

describe('the Internet checksum', () => {
  it("sums RFC 1071's example", () => {
    const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    expect(sum(example, 0, 8)).toBe(0xddf2);
    expect(checksum(example, 0, 8)).toBe(0x220d);
  });

  it('agrees with the definition at every alignment and length, in loops and views', () => {
    const data = fc.uint8Array({ minLength: 0, maxLength: 700 });
    fc.assert(
      fc.property(data, fc.nat(5), fc.nat(3), (bytes, at, tail) => {
        const whole = new Uint8Array(8 + bytes.length).subarray(at & 1);
        whole.set(bytes.subarray(0, whole.length));
        const end = Math.max(at, bytes.length - tail);
        expect(sum(whole, at, end)).toBe(oracle(whole.slice(at, end)));
      }),
    );
  });

  it('does not run over on 64 KiB of ones, nor on more', () => {
    const ones = new Uint8Array(65_537).fill(0xff);
    expect(sum(ones, 0, 65_536)).toBe(0xffff);
    expect(sum(ones, 0, 65_537)).toBe(oracle(ones));
    expect(sum(ones, 1, 65_537)).toBe(0xffff);
    const many = new Uint8Array(400_000).fill(0xff).fill(0xfd, 7, 9);
    expect(sum(many, 0, many.length)).toBe(oracle(many));
    ones.fill(0xfe, 100, 60_001);
    for (const end of [65_535, 65_536, 65_537]) expect(sum(ones, 1, end)).toBe(oracle(ones.slice(1, end)));
  });

  it('has the zero that was never touched and the zero that came round', () => {
    expect(sum(new Uint8Array(200), 0, 200)).toBe(0);
    expect(checksum(new Uint8Array(200), 0, 200)).toBe(0xffff);
    expect(sum(bytesOf(0x0001, 0xfffe), 0, 4)).toBe(0xffff);
    expect(checksum(bytesOf(0x0001, 0xfffe), 0, 4)).toBe(0);
  });

  it('continues a sum of an even number of bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(200), (bytes, cut) => {
        const at = Math.min(cut * 2, bytes.length & ~1);
        expect(sum(bytes, at, bytes.length, sum(bytes, 0, at))).toBe(oracle(bytes));
      }),
    );
  });

  it('stores what verifies, and a flipped bit does not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 300 }), fc.nat(), (bytes, bit) => {
        store(bytes, 2, 0, bytes.length);
        expect(verify(bytes, 0, bytes.length)).toBe(true);
        const i = (bit >>> 3) % bytes.length;
        bytes[i] = bytes[i]! ^ (1 << (bit & 7));
        expect(verify(bytes, 0, bytes.length)).toBe(false);
      }),
    );
  });

  it('sums the pseudo-header as its twelve bytes', () => {
    fc.assert(
      fc.property(words32, words32, fc.nat(255), word, (src, dst, proto, len) => {
        const bytes = bytesOf(src >>> 16, src & 0xffff, dst >>> 16, dst & 0xffff, proto, len);
        expect(pseudoHeader(src, dst, proto, len)).toBe(oracle(bytes));
      }),
    );
  });

  it('folds 32 bits', () => {
    for (const n of [0, 0xffff, 0x10000, 0x1ffff, 0xffffffff, 0xffff0001]) {
      expect(fold(n)).toBe(oracle(bytesOf(n >>> 16, n & 0xffff)));
    }
  });
});

describe('RFC 1624 updates', () => {
  it("computes section 4's example, where equation 2 of RFC 1141 goes wrong", () => {
    expect(update16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000);
  });

  it('equals computing afresh, for any change of a packet that is not all zero', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 4, maxLength: 20 }), word, fc.nat(), (ws, now, pick) => {
        const i = pick % ws.length;
        const rest = [...ws, 0x4500];
        const before = checksum(bytesOf(...rest), 0, 2 * rest.length);
        const after = bytesOf(...rest.with(i, now));
        expect(update16(before, rest[i]!, now)).toBe(checksum(after, 0, after.length));
        expect(updateSum16(~before & 0xffff, rest[i]!, now)).toBe(sum(after, 0, after.length));
      }),
    );
  });

  it('takes 32 bits as two words', () => {
    fc.assert(
      fc.property(word, words32, words32, (check, old, now) => {
        const high = update16(check, old >>> 16, now >>> 16);
        expect(update32(check, old, now)).toBe(update16(high, old & 0xffff, now & 0xffff));
        expect(updateSum32(~check & 0xffff, old, now)).toBe(~update32(check, old, now) & 0xffff);
      }),
    );
  });

  it('leaves an absent UDP checksum absent, and never makes one absent', () => {
    expect(updateUdp16(0, 1, 2)).toBe(0);
    expect(updateUdp32(0, 1, 2)).toBe(0);
    expect(updateUdp16(0xdd2f, 0x5555, 0x3285)).toBe(0xffff);
    expect(updateUdp32(0xdd2f, 0x5555, 0x3285)).toBe(0xffff);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff }), word, word, (check, old, now) => {
        expect(updateUdp16(check, old, now)).toBe(update16(check, old, now) || 0xffff);
      }),
    );
  });
});
