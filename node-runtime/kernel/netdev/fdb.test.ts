import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../clock/virtual-clock.ts';
import { mac } from '../wire/addr.ts';
import { put48 } from '../wire/bytes.ts';
import { Fdb } from './fdb.ts';

const A = mac(0x02_00_00_00_00_0a);
const B = mac(0x02_00_00_00_00_0b);
const at = (address: number): Uint8Array => {
  const bytes = new Uint8Array(6);
  put48(bytes, 0, address);
  return bytes;
};

function table() {
  const clock = new VirtualClock();
  return { clock, fdb: new Fdb<string>(clock) };
}

describe('Fdb', () => {
  it('learns, refreshes and moves', () => {
    const { fdb } = table();
    expect(fdb.learn(at(A), 0, 'p1')).toBe('new');
    expect(fdb.learn(at(A), 0, 'p1')).toBe('known');
    expect(fdb.learn(at(A), 0, 'p2')).toBe('moved');
    expect(fdb.get(A)?.port).toBe('p2');
  });

  it('forgets 300 s after the last frame, to the millisecond, and then leaves no timer', () => {
    const { clock, fdb } = table();
    fdb.learn(at(A), 0, 'p1');
    clock.advance(100_000);
    fdb.learn(at(A), 0, 'p1');
    fdb.learn(at(B), 0, 'p1');
    clock.advance(299_999);
    expect(fdb.size).toBe(2);
    fdb.learn(at(B), 0, 'p1');
    clock.advance(1);
    expect([...fdb.entries()].map((e) => e.mac)).toEqual([B]);
    clock.advance(299_999);
    expect(fdb.size).toBe(0);
    expect(clock.next()).toBeUndefined();
  });

  it.each([
    { what: 'a static entry', kind: {}, learned: 'moved', port: 'p2' },
    { what: 'a sticky entry', kind: { sticky: true }, learned: 'known', port: 'p1' },
    { what: 'a local entry', kind: { local: true }, learned: 'own', port: 'p1' },
  ])('$what seen on another port: $learned, and it stays for ever', ({ kind, learned, port }) => {
    const { clock, fdb } = table();
    fdb.set(A, 'p1', kind);
    expect(fdb.learn(at(A), 0, 'p2')).toBe(learned);
    clock.advance(1_000_000);
    expect(fdb.get(A)?.port).toBe(port);
  });

  it('learns no more than its bound, counted in learned entries only', () => {
    const { fdb } = table();
    fdb.maxLearned = 2;
    fdb.set(mac(1), 'p1');
    expect([2, 3, 4].map((n) => fdb.learn(at(n), 0, 'p1'))).toEqual(['new', 'new', 'full']);
    fdb.delete(mac(2));
    expect(fdb.learn(at(4), 0, 'p1')).toBe('new');
  });

  it('with an ageing time of 0 learns nothing', () => {
    const { fdb } = table();
    fdb.ageingTime = 0;
    expect(fdb.learn(at(A), 0, 'p1')).toBe('off');
    expect(fdb.size).toBe(0);
  });

  it('flushes what a port had, static entries only when all must go', () => {
    const { fdb } = table();
    fdb.learn(at(A), 0, 'p1');
    fdb.set(B, 'p1');
    fdb.flushPort('p1', false);
    expect([...fdb.entries()].map((e) => e.mac)).toEqual([B]);
    fdb.flushPort('p1', true);
    expect(fdb.size).toBe(0);
  });
});
