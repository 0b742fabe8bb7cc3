import { describe, expect, it } from 'vitest';
import type { Skb } from '../skb/skb.ts';
import { ipv4 } from '../wire/addr.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { formatOptions, type Ipv4Option, parseOptions } from '../wire/ipv4-options.ts';
import { drops, Lab } from './test-kit.ts';

// Record route and faults are compared with Linux in test/kernel; here is what depends on the time of day.
function ask(option: Ipv4Option | Uint8Array) {
  const lab = new Lab();
  const a = lab.netns('a');
  lab.link(a, 'eth0', '10.0.0.1/24', lab.netns('b'), 'eth0', '10.0.0.2/24');
  lab.clock.advance(3_600_000);
  const got: Ipv4Option[][] = [];
  lab.kernel.pingRcv = (skb: Skb) => {
    const hlen = ip.ihl(skb.bytes, skb.network);
    got.push(parseOptions(skb.bytes, skb.network + 20, skb.network + hlen));
    skb.free();
  };
  const options = option instanceof Uint8Array ? option : formatOptions([option]);
  const skb = lab.kernel.pool.alloc(100);
  const at = skb.put(28 + options.length);
  const totalLen = 28 + options.length;
  const body = ip.put(skb.bytes, at, {
    totalLen,
    proto: 1,
    src: ipv4('10.0.0.1'),
    dst: ipv4('10.0.0.2'),
    options,
  });
  icmp.put(skb.bytes, body, { type: 'echo', code: 0, id: 1, seq: 1, body: new Uint8Array(0) });
  lab.kernel.ipv4.localOut(skb, a);
  lab.run();
  return { lab, got };
}

const timestamp = (flag: number, words: readonly number[], pointer = 5, overflow = 0): Ipv4Option => ({
  kind: 'timestamp',
  pointer,
  overflow,
  flag,
  words,
});
const HOUR = 3_600_000;

describe('timestamps (RFC 791 page 22), milliseconds since midnight UT', () => {
  it.each<[string, Ipv4Option, Ipv4Option]>([
    [
      'only: asked, answering and received',
      timestamp(0, [0, 0, 0, 0]),
      timestamp(0, [HOUR, HOUR, HOUR, 0], 17),
    ],
    [
      'with addresses',
      timestamp(1, [0, 0, 0, 0, 0, 0]),
      timestamp(1, [ipv4('10.0.0.2'), HOUR, ipv4('10.0.0.2'), HOUR, ipv4('10.0.0.1'), HOUR], 29),
    ],
    [
      'prespecified: only the one that is named',
      timestamp(3, [ipv4('10.0.0.2'), 0, ipv4('9.9.9.9'), 0]),
      timestamp(3, [ipv4('10.0.0.2'), HOUR, ipv4('9.9.9.9'), 0], 13),
    ],
    ['full: the stations without room are counted', timestamp(0, [7], 9), timestamp(0, [7], 9, 2)],
  ])('%s', (_name, asked, answered) => {
    const { got } = ask(asked);
    expect(got).toHaveLength(1);
    expect(got[0]![0]).toEqual(answered);
  });

  it('hostile options never throw and are counted', () => {
    for (let fill = 0; fill < 256; fill++) {
      const { lab, got } = ask(new Uint8Array(12).fill(fill));
      if (got.length === 0) expect(drops(lab).length).toBeGreaterThan(0);
    }
  });
});
