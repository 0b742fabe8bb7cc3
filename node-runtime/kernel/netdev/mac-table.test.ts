import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Mac, mac } from '../wire/addr.ts';
import { put48 } from '../wire/bytes.ts';
import { MacTable } from './mac-table.ts';

// Few distinct addresses, so that sets, deletes and collisions meet; some share all but one half.
const address = fc
  .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 40 }))
  .map(([high, low]) => mac((0x0200 + high) * 0x1_0000_0000 + 0xfffffff0 - low));
const step = fc.oneof(
  fc.record({ op: fc.constant('set' as const), key: address, value: fc.integer() }),
  fc.record({ op: fc.constant('delete' as const), key: address }),
);

describe('MacTable', () => {
  it('is a map, whatever is put in and taken out', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const table = new MacTable<number>();
        const model = new Map<Mac, number>();
        for (const s of steps) {
          if (s.op === 'set') {
            table.set(s.key, s.value);
            model.set(s.key, s.value);
          } else expect(table.delete(s.key)).toBe(model.delete(s.key));
        }
        expect(table.size).toBe(model.size);
        expect(new Map(table.entries())).toEqual(model);
        const bytes = new Uint8Array(9);
        for (const s of steps) {
          put48(bytes, 3, s.key);
          expect(table.getAt(bytes, 3)).toBe(model.get(s.key));
          expect(table.get(s.key)).toBe(model.get(s.key));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps every address reachable when its neighbours in the table are taken out, in any order', () => {
    const keys = Array.from({ length: 3000 }, (_, i) => mac(0x0242_0000_0000 + i * 257));
    const table = new MacTable<number>();
    for (const [i, key] of keys.entries()) table.set(key, i);
    for (let i = 0; i < keys.length; i += 2) table.delete(keys[(i * 7) % keys.length]!);
    const gone = new Set(keys.map((_, i) => (i % 2 === 0 ? (i * 7) % keys.length : -1)));
    expect(keys.map((key) => table.get(key))).toEqual(keys.map((_, i) => (gone.has(i) ? undefined : i)));
  });
});
