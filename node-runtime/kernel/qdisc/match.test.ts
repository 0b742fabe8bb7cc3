import { describe, expect, it } from 'vitest';
import { dropReasons, frame, macOf } from '../netdev/test-kit.ts';
import type { Skb } from '../skb/skb.ts';
import { ipv4 as address, prefix } from '../wire/addr.ts';
import * as arp from '../wire/arp.ts';
import * as ip from '../wire/ipv4.ts';
import { qdiscText } from './default.ts';
import { setQdisc } from './impairment.ts';
import { linkTo, type Match, MatchQdisc, matches } from './match.ts';
import { link, OWN, PEER } from './test-kit.ts';

const OTHER = '02:00:00:00:00:03';

function arpFor(t: ReturnType<typeof link>, target: string): Skb {
  const payload = new Uint8Array(arp.HLEN);
  arp.put(payload, 0, {
    op: arp.REQUEST,
    sha: macOf(OWN),
    spa: address('10.0.0.1'),
    tha: macOf('00:00:00:00:00:00'),
    tpa: address(target),
  });
  return frame(t.kernel, { dst: 'ff:ff:ff:ff:ff:ff', src: OWN, type: 0x0806, payload });
}

describe('matches', () => {
  const t = link();
  const udp = t.packet(4000, { dst: '10.1.2.3', dport: 53 });
  const later = t.packet(4000, { dst: '10.1.2.3', dport: 53 });
  ip.setFragOffset(later.bytes, later.data + 14, 1480);
  const ask = arpFor(t, '10.1.2.3');
  it.each<[string, Match, Skb, boolean]>([
    ['everything', {}, udp, true],
    ['its MAC', { dstMac: macOf(PEER) }, udp, true],
    ['another MAC', { dstMac: macOf(OTHER) }, udp, false],
    ['a prefix', { dst: [prefix('10.9.0.0/16'), prefix('10.1.0.0/16')] }, udp, true],
    ['another prefix', { dst: [prefix('10.9.0.0/16')] }, udp, false],
    ['the source', { src: [prefix('10.0.0.1/32')] }, udp, true],
    ['all of several', { dst: [prefix('10.1.2.3/32')], proto: 17, port: 53 }, udp, true],
    ['its source port', { port: 4000 }, udp, true],
    ['another port', { port: 54 }, udp, false],
    ['another protocol', { proto: 6 }, udp, false],
    ['the port of a later fragment', { port: 53 }, later, false],
    ['ARP by target', { dst: [prefix('10.1.2.3/32')] }, ask, true],
    ['ARP by another target', { dst: [prefix('10.1.2.4/32')] }, ask, false],
    ['ARP by sender', { src: [prefix('10.0.0.1/32')] }, ask, true],
    ['ARP when a port is asked for', { port: 53 }, ask, false],
    ['only ARP', { arp: true }, ask, true],
    ['only ARP', { arp: true }, udp, false],
  ])('%s', (_, match, skb, yes) => expect(matches(match, skb, true)).toBe(yes));

  it('frames cut short match nothing that they do not hold', () => {
    const short = t.packet(1);
    short.tail = short.data + 20;
    expect(matches({ dst: [prefix('0.0.0.0/0')] }, short, true)).toBe(false);
    short.tail = short.data + 10;
    expect(matches({}, short, true)).toBe(false);
  });

  it('an IP packet without a link header has no MAC', () => {
    const bare = t.packet(4000, { dst: '10.1.2.3' });
    bare.pull(14);
    expect(matches({ dst: [prefix('10.1.2.3/32')] }, bare, false)).toBe(true);
    expect(matches({ dstMac: macOf(PEER) }, bare, false)).toBe(false);
  });
});

describe('MatchQdisc', () => {
  const peer = linkTo(macOf(PEER), address('10.0.0.2'));

  it('impairs one peer and leaves the others alone', () => {
    const t = link();
    setQdisc(
      t.dev,
      new MatchQdisc(t.dev, [{ name: 'peer', match: peer, impairment: { netem: { delay: 20 } } }]),
    );
    t.dev.queueXmit(t.packet(1));
    t.dev.queueXmit(t.packet(2, { mac: OTHER, dst: '10.0.0.3' }));
    expect(t.dev.left.map((l) => l.port)).toEqual([2]);
    t.clock.advance(20);
    expect(t.dev.left.map((l) => l.port)).toEqual([2, 1]);
  });

  it('a partition also swallows ARP that asks for the peer', () => {
    const t = link();
    setQdisc(t.dev, new MatchQdisc(t.dev, [{ name: 'cut', match: peer, impairment: { partition: true } }]));
    t.dev.queueXmit(t.packet(1));
    t.dev.queueXmit(arpFor(t, '10.0.0.2'));
    t.dev.queueXmit(arpFor(t, '10.0.0.3'));
    expect(t.dev.left.length).toBe(1);
    expect(dropReasons(t.kernel)).toEqual(['NETEM_PARTITION', 'NETEM_PARTITION']);
    expect(t.dev.stats.txDropped).toBe(2);
  });

  it('the first rule that matches decides; the default band takes the rest; netem hands on to tbf', () => {
    const t = link();
    const root = new MatchQdisc(
      t.dev,
      [
        {
          name: 'dns',
          match: [{ port: 53 }],
          impairment: { netem: { delay: 5 }, tbf: { rate: 1_136_000, burst: 142, limit: 9000 } },
        },
        { name: 'peer', match: peer, impairment: { netem: { delay: 50 } } },
      ],
      { netem: { delay: 1 } },
    );
    setQdisc(t.dev, root);
    t.dev.queueXmit(t.packet(1, { dport: 53 }));
    t.dev.queueXmit(t.packet(2, { dport: 53 }));
    t.dev.queueXmit(t.packet(3));
    t.dev.queueXmit(t.packet(4, { mac: OTHER, dst: '10.0.0.3' }));
    t.clock.advance(100);
    expect(t.dev.left.map((l) => [l.port, l.time])).toEqual([
      [4, 1],
      [1, 5],
      [2, 6],
      [3, 50],
    ]);
    expect(root.text).toBe('prio bands 3 priomap 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2 2');
    expect(root.children).toEqual([
      'netem limit 1000 delay 5ms',
      'netem limit 1000 delay 50ms',
      'netem limit 1000 delay 1ms',
    ]);
    setQdisc(t.dev, undefined);
    expect(qdiscText(t.dev)).toBe('pfifo_fast bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1');
  });

  it('when one link’s rule comes or goes, the other link’s queue and dice go on', () => {
    const rules = (delay: number) => [
      { name: 'other', match: [{ dstMac: macOf(OTHER) }], impairment: { netem: { delay } } },
      {
        name: 'peer',
        match: peer,
        impairment: { netem: { delay: 20, loss: { model: 'random', share: 0.5 } as const } },
      },
    ];
    const run = (change: boolean): string => {
      const t = link();
      setQdisc(t.dev, new MatchQdisc(t.dev, rules(5)));
      for (let i = 0; i < 40; i++) {
        t.dev.queueXmit(t.packet(1));
        t.clock.advance(1);
        if (change && i % 10 === 5) setQdisc(t.dev, new MatchQdisc(t.dev, rules(i)));
      }
      t.clock.advance(50);
      return t.dev.left.map((l) => l.time).join(' ');
    };
    expect(run(true)).toBe(run(false));
  });
});
