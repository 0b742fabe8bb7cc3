import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as gre from './gre.ts';

const fields = fc.record({
  protocol: fc.integer({ min: 0, max: 0xffff }),
  checksum: fc.boolean(),
  key: fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined }),
  seq: fc.option(fc.integer({ min: 0, max: 0xffffffff }), { nil: undefined }),
});

describe('gre', () => {
  it.each([
    {
      what: 'plain IPv4',
      f: { protocol: 0x0800, checksum: false, key: undefined, seq: undefined },
      hex: '00000800',
    },
    {
      what: 'keyed',
      f: { protocol: 0x6558, checksum: false, key: 0x01020304, seq: undefined },
      hex: '2000655801020304',
    },
    {
      what: 'all three, in the order of RFC 2890',
      f: { protocol: 0x0800, checksum: true, key: 1, seq: 2 },
      hex: 'b000080047fc00000000000100000002',
    },
  ])('$what', ({ f, hex }) => {
    const b = new Uint8Array(hex.length / 2);
    expect(gre.put(b, 0, b.length, f)).toBe(b.length);
    expect(Buffer.from(b).toString('hex')).toBe(hex);
  });

  it('what is put is parsed; cut short it is refused', () => {
    fc.assert(
      fc.property(fields, fc.uint8Array({ maxLength: 40 }), (f, payload) => {
        const hlen = gre.hlenOf(f.checksum, f.key !== undefined, f.seq !== undefined);
        const b = new Uint8Array(3 + hlen + payload.length);
        b.set(payload, 3 + hlen);
        expect(gre.put(b, 3, b.length, f)).toBe(3 + hlen);
        expect(gre.check(b, 3, b.length)).toBeUndefined();
        expect(gre.parse(b, 3, b.length)).toEqual(f);
        for (let end = 3; end < 3 + hlen; end++) {
          expect(gre.check(b, 3, end)).toBeDefined();
          expect(gre.parse(b, 3, end)).toBeUndefined();
        }
        if (!f.checksum) return;
        b[b.length - 1] = b[b.length - 1]! ^ 1;
        expect(gre.check(b, 3, b.length)).toBe('gre: checksum is wrong');
      }),
    );
  });

  it.each(['40000800', '00010800'])('another version or routing, %s: refused', (hex) => {
    const b = Uint8Array.from(Buffer.from(hex, 'hex'));
    expect(gre.check(b, 0, 4)).toBeDefined();
    expect(gre.parse(b, 0, 4)).toBeUndefined();
  });
});
