import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4 } from '../../wire/addr.ts';
import { NfLab } from '../test-kit.ts';
import { IpsetError, ipsets } from './ipset.ts';

const ip = (text: string): number => ipv4(text);
const tcp = (port: number): number => (6 << 16) | port;

describe('sets', () => {
  it('hash:ip', () => {
    const set = ipsets(new NfLab().ns).create('a', 'hash:ip');
    set.add('10.0.0.1');
    expect([set.test(ip('10.0.0.1'), 0, 0), set.test(ip('10.0.0.2'), 0, 0), set.size]).toEqual([
      true,
      false,
      1,
    ]);
    expect(() => set.add('10.0.0.1')).toThrow("Element cannot be added to the set: it's already added");
    set.add('10.0.0.1', { exist: true });
    set.delete('10.0.0.1');
    expect(() => set.delete('10.0.0.1')).toThrow("Element cannot be deleted from the set: it's not added");
    expect(set.size).toBe(0);
  });
  it('hash:ip,port,net: the longest network decides', () => {
    const set = ipsets(new NfLab().ns).create('a', 'hash:ip,port,net');
    set.add('10.0.0.1,tcp:80,10.244.0.0/16');
    set.add('10.0.0.1,tcp:80,10.244.9.0/24', { nomatch: true });
    const test = (from: string): boolean => set.test(ip('10.0.0.1'), tcp(80), ip(from));
    expect([test('10.244.1.1'), test('10.244.9.1'), test('10.245.0.1')]).toEqual([true, false, false]);
    expect(set.members().sort()).toEqual([
      '10.0.0.1,tcp:80,10.244.0.0/16',
      '10.0.0.1,tcp:80,10.244.9.0/24 nomatch',
    ]);
  });
  it('bitmap:port has no protocol', () => {
    const set = ipsets(new NfLab().ns).create('a', 'bitmap:port');
    set.add('30080');
    expect([set.test(30_080, 0, 0), set.members()]).toEqual([true, ['30080']]);
  });
  it('elements with a timeout go', () => {
    const l = new NfLab();
    const set = ipsets(l.ns).create('a', 'hash:ip', { timeout: 10 });
    set.add('10.0.0.1');
    set.add('10.0.0.2', { timeout: 0 });
    l.clock.advance(4000);
    expect(set.members().sort()).toEqual(['10.0.0.1 timeout 6', '10.0.0.2 timeout 0']);
    l.clock.advance(7000);
    expect([set.test(ip('10.0.0.1'), 0, 0), set.size]).toEqual([false, 1]);
  });
  it('a full set refuses, a swap exchanges, a set in use stays', () => {
    const l = new NfLab();
    const a = ipsets(l.ns).create('a', 'hash:ip', { maxelem: 2 });
    const b = ipsets(l.ns).create('b', 'hash:ip');
    a.add('10.0.0.1');
    a.add('10.0.0.2');
    expect(() => a.add('10.0.0.3')).toThrow('Hash is full, cannot add more elements');
    a.swap(b);
    expect([a.size, b.size]).toEqual([0, 2]);
    expect(() => ipsets(l.ns).destroy('a', true)).toThrow('it is in use by a kernel component');
    ipsets(l.ns).destroy('a', false);
    expect([...ipsets(l.ns).sets.keys()]).toEqual(['b']);
  });
  it('agree with a list of networks', () => {
    const net = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 24, max: 32 }));
    fc.assert(
      fc.property(fc.array(net), fc.array(fc.integer({ min: 0, max: 255 })), (nets, hosts) => {
        const set = ipsets(new NfLab().ns).create('a', 'hash:net');
        for (const [host, len] of nets) set.add(`10.0.0.${host}/${len}`, { exist: true });
        const plain = (h: number): boolean => nets.some(([n, len]) => n >> (32 - len) === h >> (32 - len));
        return hosts.every((h) => set.test(ip(`10.0.0.${h}`), 0, 0) === plain(h));
      }),
    );
  });
  it('hostile elements are refused, never half added', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const set = ipsets(new NfLab().ns).create('a', 'hash:ip,port');
        try {
          set.add(text);
        } catch (error) {
          return error instanceof IpsetError && set.size === 0;
        }
        return set.size === 1;
      }),
    );
  });
});
