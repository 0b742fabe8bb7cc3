import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Skb } from '../skb/skb.ts';
import { ipv4 } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';
import { fragmentSkb } from './fragment.ts';
import { ipv4Net } from './net.ts';
import { defrag } from './reassemble.ts';
import { drops, Lab } from './test-kit.ts';

function setup() {
  const lab = new Lab();
  const a = lab.netns('a');
  lab.link(a, 'eth0', '10.0.0.1/24', lab.netns('b'), 'eth0', '10.0.0.2/24');
  return { lab, a, net: ipv4Net(a) };
}

function packet(
  lab: Lab,
  len: number,
  more: { df?: boolean; id?: number; tos?: number; options?: Uint8Array } = {},
): Skb {
  const hlen = 20 + (more.options?.length ?? 0);
  const skb = lab.kernel.pool.alloc(hlen + len);
  const at = skb.put(hlen + len);
  for (let i = 0; i < len; i++) skb.bytes[at + hlen + i] = (i * 31 + (i >> 8)) & 0xff;
  ip.put(skb.bytes, at, {
    totalLen: hlen + len,
    proto: 17,
    id: more.id ?? 77,
    src: ipv4('10.0.0.9'),
    dst: ipv4('10.0.0.1'),
    df: more.df ?? false,
    tos: more.tos ?? 0,
    ...(more.options === undefined ? {} : { options: more.options }),
  });
  skb.network = at;
  skb.protocol = 0x0800;
  return skb;
}

/** One fragment: data from `from` to `to` of a packet of zeros. */
function piece(
  lab: Lab,
  from: number,
  to: number,
  more: boolean,
  extra: { id?: number; tos?: number } = {},
): Skb {
  const skb = packet(lab, to - from, extra);
  ip.setFragOffset(skb.bytes, skb.data, from);
  ip.setMf(skb.bytes, skb.data, more);
  ip.updateChecksum(skb.bytes, skb.data);
  return skb;
}

describe('cutting and joining', () => {
  it('any packet cut to any MTU, in any order, is whole again, byte by byte', () => {
    const { lab, net } = setup();
    fc.assert(
      fc.property(
        fc.integer({ min: 9, max: 9000 }),
        fc.integer({ min: 68, max: 2000 }),
        fc.boolean(),
        fc.infiniteStream(fc.nat()),
        (len, mtu, df, order) => {
          const whole = packet(lab, len, { df });
          const before = whole.view().slice();
          const parts = fragmentSkb(whole, mtu, lab.kernel.pool);
          for (const part of parts) {
            expect(part.len).toBeLessThanOrEqual(mtu);
            expect(ip.check(part.bytes, part.data, part.tail)).toBeUndefined();
            if (ip.mf(part.bytes, part.data)) expect((part.len - 20) % 8).toBe(0);
          }
          const largest = Math.max(...parts.map((p) => p.len));
          const shuffled = parts
            .map((part) => ({ part, key: order.next().value }))
            .sort((x, y) => x.key - y.key);
          if (parts.length === 1) return;
          const results = shuffled.map(({ part }) => defrag(net, part, 'local'));
          expect(results.slice(0, -1).every((r) => r === undefined)).toBe(true);
          const joined = results[results.length - 1]!;
          ip.setDf(joined.bytes, joined.data, df);
          ip.updateChecksum(joined.bytes, joined.data);
          expect(joined.view()).toEqual(before);
          expect(joined.fragMaxSize).toBe(largest);
          joined.free();
        },
      ),
      { numRuns: 60 },
    );
    expect(net.frags.memory).toBe(0);
    expect(net.frags.size).toBe(0);
  });

  it('a packet put together is cut again as it came', () => {
    const { lab, net } = setup();
    const parts = fragmentSkb(packet(lab, 3000), 1004, lab.kernel.pool);
    const sizes = parts.map((p) => p.len);
    const whole = parts.map((p) => defrag(net, p, 'in')).pop()!;
    expect(whole.fragMaxSize).toBe(1004);
    expect(fragmentSkb(whole, 1500, lab.kernel.pool).map((p) => p.len)).toEqual(sizes);
  });

  it('DF on all fragments is kept on the whole and on what it is cut into', () => {
    const { lab, net } = setup();
    const parts = fragmentSkb(packet(lab, 3000), 1004, lab.kernel.pool);
    for (const p of parts) {
      ip.setDf(p.bytes, p.data, true);
      ip.updateChecksum(p.bytes, p.data);
    }
    const whole = parts.map((p) => defrag(net, p, 'in')).pop()!;
    expect(ip.df(whole.bytes, whole.data)).toBe(true);
    const again = fragmentSkb(whole, 1500, lab.kernel.pool);
    expect(again.every((p) => ip.df(p.bytes, p.data))).toBe(true);
  });

  it('options that are not copied stay in the first fragment only', () => {
    const { lab } = setup();
    // Record route (7, not copied), then a strict source route (137, copied), padded.
    const options = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 137, 7, 4, 1, 2, 3, 4, 1, 0);
    const parts = fragmentSkb(packet(lab, 200, { options }), 116, lab.kernel.pool);
    expect(parts.map((p) => [...p.bytes.subarray(p.data + 20, p.data + 36)])).toEqual([
      [...options],
      [1, 1, 1, 1, 1, 1, 1, 137, 7, 4, 1, 2, 3, 4, 1, 0],
      [1, 1, 1, 1, 1, 1, 1, 137, 7, 4, 1, 2, 3, 4, 1, 0],
    ]);
  });
});

describe('what does not fit together', () => {
  const feed = (pieces: (lab: Lab) => Skb[]) => {
    const { lab, net } = setup();
    const results = pieces(lab).map((p) => defrag(net, p, 'local')?.len ?? '-');
    return { results, lab, net };
  };

  it.each<[string, (lab: Lab) => Skb[], (number | string)[], string[]]>([
    [
      'an exact duplicate is dropped',
      (l) => [piece(l, 0, 800, true), piece(l, 0, 800, true), piece(l, 800, 1000, false)],
      ['-', '-', 1020],
      ['FRAG_REASM_OVERLAP: 1'],
    ],
    [
      'a part of what is here is dropped',
      (l) => [piece(l, 0, 800, true), piece(l, 80, 160, true), piece(l, 800, 1000, false)],
      ['-', '-', 1020],
      ['FRAG_REASM_OVERLAP: 1'],
    ],
    [
      'an overlap kills the packet',
      (l) => [piece(l, 0, 800, true), piece(l, 400, 1000, false)],
      ['-', '-'],
      ['FRAG_REASM_OVERLAP: 2'],
    ],
    [
      'a second end that differs kills it',
      (l) => [piece(l, 800, 1000, false), piece(l, 800, 1100, false)],
      ['-', '-'],
      ['FRAG_REASM_OVERLAP: 2'],
    ],
    [
      'bytes beyond the end kill it',
      (l) => [piece(l, 800, 1000, false), piece(l, 1000, 1200, true)],
      ['-', '-'],
      ['FRAG_REASM_OVERLAP: 2'],
    ],
    [
      'more than 64 KiB (ping of death)',
      (l) => [piece(l, 0, 1400, true), ...range(1400, 65_528, 1424, l), piece(l, 65_528, 65_600, false)],
      [...Array(46).fill('-'), '-', '-'],
      [],
    ],
    [
      'ECN-capable and not',
      (l) => [piece(l, 0, 800, true, { tos: 2 }), piece(l, 800, 1000, false, { tos: 0 })],
      ['-', '-'],
      ['FRAG_REASM_OVERLAP: 2'],
    ],
    [
      'different packets do not mix',
      (l) => [piece(l, 0, 800, true), piece(l, 800, 1000, false, { id: 78 })],
      ['-', '-'],
      [],
    ],
  ])('%s', (_name, pieces, expected, dropped) => {
    const { results, lab } = feed(pieces);
    if (expected.length === results.length) expect(results).toEqual(expected);
    else expect(results.every((r) => r === '-')).toBe(true);
    if (dropped.length > 0) expect(drops(lab)).toEqual(dropped);
  });

  it('those who ask do not share fragments', () => {
    const { lab, net } = setup();
    expect(defrag(net, piece(lab, 0, 800, true), 'local')).toBeUndefined();
    expect(defrag(net, piece(lab, 800, 1000, false), 'conntrack-in')).toBeUndefined();
    expect(net.frags.size).toBe(2);
  });

  it('congestion met by one fragment was met by the packet', () => {
    const { lab, net } = setup();
    defrag(net, piece(lab, 0, 800, true, { tos: 2 }), 'local');
    const whole = defrag(net, piece(lab, 800, 1000, false, { tos: 3 }), 'local')!;
    expect(ip.ecn(whole.bytes, whole.data)).toBe(3);
  });

  it('what is never completed goes after 30 s, and the sender is told by the end host', () => {
    const { lab, a, net } = setup();
    const skb = piece(lab, 0, 800, true);
    skb.iif = a.device('eth0')!.ifindex;
    defrag(net, skb, 'local');
    defrag(net, piece(lab, 1600, 2400, true), 'local');
    lab.run(29_999);
    expect(net.ip.ReasmTimeout).toBe(0);
    lab.run(1);
    expect([net.ip.ReasmTimeout, net.icmp.outTypes[11], net.frags.memory]).toEqual([1, 1, 0]);
    expect(drops(lab)).toEqual(['FRAG_REASM_TIMEOUT: 2']);
  });

  it('without the first fragment nobody is told', () => {
    const { lab, net } = setup();
    defrag(net, piece(lab, 800, 1600, true), 'local');
    lab.run(30_000);
    expect([net.ip.ReasmTimeout, net.icmp.outTypes[11]]).toEqual([1, 0]);
  });

  it('memory is bounded by ipfrag_high_thresh', () => {
    const { lab, net } = setup();
    for (let id = 0; id < 5000; id++) defrag(net, piece(lab, 0, 1400, true, { id }), 'local');
    expect(net.frags.memory).toBeLessThan(4_194_304 + 2000);
    expect(drops(lab)[0]).toMatch(/^FRAG_TOO_FAR: 2/);
  });

  it('a fragment that comes after 64 others of its source begins anew', () => {
    const { lab, net } = setup();
    defrag(net, piece(lab, 0, 800, true), 'local');
    for (let id = 1000; id < 1100; id++) defrag(net, piece(lab, 0, 8, true, { id }), 'local');
    expect(defrag(net, piece(lab, 800, 1000, false), 'local')).toBeUndefined();
    expect(drops(lab)).toEqual(['FRAG_TOO_FAR: 1']);
  });
});

function range(from: number, to: number, step: number, lab: Lab): Skb[] {
  const pieces: Skb[] = [];
  for (let at = from; at < to; at += step) pieces.push(piece(lab, at, Math.min(at + step, to), true));
  return pieces;
}
