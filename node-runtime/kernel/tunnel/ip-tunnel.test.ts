import { describe, expect, it } from 'vitest';
import { Dummy } from '../netdev/dummy.ts';
import { dropReasons, lab, recordArrivals, udpPacket, up } from '../netdev/test-kit.ts';
import type { OutputRoute } from '../netns/ipv4-ops.ts';
import { completeChecksum, gsoSegment } from '../skb/gso.ts';
import { CHECKSUM_PARTIAL, type Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { ipv4 as address, formatIpv4 } from '../wire/addr.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import { addGre, type GreOptions } from './gre.ts';
import { addIpip } from './ipip.ts';
import { deliver, fakeIpv4 } from './test-kit.ts';

const N1 = address('192.168.100.11');
const N2 = address('192.168.100.12');
const N3 = address('192.168.100.13');
const INNER = { src: '10.244.1.2', dst: '10.244.2.2' };

function node(kind: 'ipip' | 'gre', local = N1, options: Partial<GreOptions> = { remote: N2 }) {
  const { kernel, ns } = lab();
  const eth0 = up(ns, new Dummy(kernel, { name: 'eth0' }));
  const route: OutputRoute = { type: 'UNICAST', dev: eth0, src: local, mtu: 1500, gateway: undefined };
  const ipv4 = fakeIpv4(kernel, () => route);
  const icmp: string[] = [];
  kernel.ipv4.icmpSend = (_skb, _ns, type, code, info) => icmp.push(`${type}/${code} ${info ?? ''}`.trim());
  const dev = (kind === 'ipip' ? addIpip : addGre)(ns, { name: 'tun1', local, ...options });
  ns.setUp(dev, true);
  const packet = (bytes = udpPacket(INNER)): Skb => {
    const skb = kernel.pool.copyOf(bytes);
    skb.network = skb.data;
    return skb;
  };
  const send = (skb: Skb = packet()): Skb[] => {
    ipv4.sent.length = 0;
    dev.queueXmit(skb);
    return ipv4.sent;
  };
  return { kernel, ns, dev, ipv4, route, packet, send, icmp, arrived: recordArrivals(kernel) };
}
const ends = (skb: Skb): string =>
  `${formatIpv4(ip.src(skb.bytes, skb.network))} > ${formatIpv4(ip.dst(skb.bytes, skb.network))}`;

const KINDS = [
  { kind: 'ipip' as const, options: {}, hlen: 0, mtu: 1480 },
  { kind: 'gre' as const, options: {}, hlen: 4, mtu: 1476 },
  { kind: 'gre' as const, options: { key: 7 }, hlen: 8, mtu: 1472 },
  { kind: 'gre' as const, options: { csum: true, key: 7, seq: true }, hlen: 16, mtu: 1464 },
];

describe.each(KINDS)('$kind $options', ({ kind, options, hlen, mtu }) => {
  const pair = () => {
    const a = node(kind, N1, { remote: N2, ...options });
    const b = node(kind, N2, { remote: N1, ...options });
    const cross = (skb?: Skb): void => {
      for (const out of a.send(skb)) deliver(b.ns, out);
      b.kernel.runQueue.run();
    };
    return { a, b, cross };
  };

  it(`has MTU ${mtu}, and carries a packet across unchanged`, () => {
    const { a, b, cross } = pair();
    expect(a.dev.mtu).toBe(mtu);
    cross();
    expect(a.ipv4.sent.map(ends)).toEqual(['192.168.100.11 > 192.168.100.12']);
    const [out] = a.ipv4.sent;
    const len = udpPacket(INNER).length;
    expect(ip.totalLen(out!.bytes, out!.network)).toBe(20 + hlen + len);
    expect(b.arrived.map((x) => [x.dev, x.bytes])).toEqual([['tun1', udpPacket(INNER)]]);
    expect([a.dev.stats.txBytes, b.dev.stats.rxBytes]).toEqual([len, len]);
  });

  it('a super-segment crosses, whole or cut, with every checksum right at last', () => {
    const { a, b, cross } = pair();
    const skb = a.packet(tcpPacket(4000));
    skb.gsoSize = 1300;
    skb.ipSummed = CHECKSUM_PARTIAL;
    cross(skb);
    const whole = options.csum !== true;
    expect(a.ipv4.sent.length).toBe(whole ? 1 : 4);
    const frames = whole ? gsoSegment(b.arrived[0]!.skb, b.kernel.pool) : b.arrived.map((x) => x.skb);
    expect(frames.map((f) => f.tail - f.data)).toEqual([1340, 1340, 1340, 140]);
    for (const f of frames) expect(tcpSumOk(f)).toBe(true);
  });

  it('an unfinished checksum is finished inside', () => {
    const { a, b, cross } = pair();
    const skb = a.packet(tcpPacket(100));
    skb.ipSummed = CHECKSUM_PARTIAL;
    cross(skb);
    const got = b.arrived[0]!.skb;
    got.network = got.data;
    expect(completeChecksum(got)).toBe(true);
    expect(tcpSumOk(got)).toBe(true);
  });

  it('from addresses that no device has: refused with port unreachable', () => {
    const { a, b } = pair();
    const [out] = a.send();
    ip.setSrc(out!.bytes, out!.network, N3);
    deliver(b.ns, out!);
    expect([b.icmp, dropReasons(b.kernel)]).toEqual([['3/3'], ['TUNNEL_NOT_FOUND']]);
  });
});

describe('outer header', () => {
  it.each([
    {
      what: 'DF always, TTL of the inner packet',
      options: {},
      df: false,
      out: { df: true, ttl: 64, tos: 0 },
    },
    {
      what: 'nopmtudisc: DF of the inner packet',
      options: { pmtudisc: false },
      df: false,
      out: { df: false },
    },
    { what: 'nopmtudisc, inner DF', options: { pmtudisc: false }, df: true, out: { df: true } },
    { what: 'ttl and tos set', options: { ttl: 9, tos: 0x10 }, df: false, out: { ttl: 9, tos: 0x12 } },
    { what: 'tos inherited', options: { tos: 1 }, df: false, out: { tos: 0x2a } },
  ])('$what', ({ options, df, out }) => {
    const n = node('ipip', N1, { remote: N2, ...options });
    const bytes = udpPacket({ ...INNER, df });
    if (!('tos' in out) || out.tos !== 0) ip.setTos(bytes, 0, 0x2a);
    ip.updateChecksum(bytes, 0);
    const [skb] = n.send(n.packet(bytes));
    const b = skb!.bytes;
    const at = skb!.network;
    expect({
      df: ip.df(b, at),
      ttl: ip.ttl(b, at),
      tos: ip.tos(b, at),
      proto: ip.proto(b, at),
    }).toMatchObject(out);
  });

  it('without a remote, to the gateway of the packet’s route, or to the inner destination', () => {
    const n = node('ipip', N1, {});
    const skb = n.packet();
    skb.dst = { gateway: N3 };
    expect(n.send(skb).map(ends)).toEqual(['192.168.100.11 > 192.168.100.13']);
    expect(n.send().map(ends)).toEqual(['192.168.100.11 > 10.244.2.2']);
  });

  it.each([
    { what: 'no route', route: 'ENETUNREACH' as const, reason: 'IP_OUTNOROUTES' },
    { what: 'a route into itself', route: undefined, reason: 'TUNNEL_RECURSION' },
  ])('$what: $reason', ({ route, reason }) => {
    const n = node('ipip');
    n.ipv4.route = () => route ?? { ...n.route, dev: n.dev };
    expect(n.send()).toEqual([]);
    expect([dropReasons(n.kernel), n.dev.stats.txPackets]).toEqual([[reason], 0]);
  });

  it.each([
    { what: 'inner DF: refused, its sender told', df: true, icmp: ['3/4 1380'], sent: 0 },
    { what: 'no inner DF: sent all the same', df: false, icmp: [], sent: 1 },
  ])('too long for the path, $what', ({ df, icmp, sent }) => {
    const n = node('ipip');
    n.ipv4.route = () => ({ ...n.route, mtu: 1400 });
    expect(n.send(n.packet(udpPacket({ ...INNER, df, bytes: 1353 }))).length).toBe(sent);
    expect(n.icmp).toEqual(icmp);
    expect(n.ipv4.pmtus).toEqual([[address(INNER.dst), 1380]]);
    expect(n.send(n.packet(udpPacket({ ...INNER, df, bytes: 1352 }))).length).toBe(1);
  });
});

describe('whose packet it is', () => {
  it.each([
    { what: 'both addresses', devices: ['any', 'local', 'both', 'remote'] },
    { what: 'the remote before the local', devices: ['any', 'local', 'remote'] },
    { what: 'the local before any', devices: ['any', 'local'] },
  ])('$what', ({ devices }) => {
    const a = node('ipip');
    const { kernel, ns } = lab();
    fakeIpv4(kernel, () => 'ENETUNREACH');
    const arrived = recordArrivals(kernel);
    const named = { any: {}, local: { local: N2 }, remote: { remote: N1 }, both: { local: N2, remote: N1 } };
    for (const name of devices) up(ns, addIpip(ns, { name, ...named[name as keyof typeof named] }));
    deliver(ns, a.send()[0]!);
    kernel.runQueue.run();
    expect(arrived.map((x) => x.dev)).toEqual([devices.includes('both') ? 'both' : devices.at(-1)]);
  });

  it('GRE by key', () => {
    const a = node('gre', N1, { remote: N2, key: 2 });
    const b = node('gre', N2, { remote: N1, key: 1 });
    deliver(b.ns, a.send()[0]!);
    expect(dropReasons(b.kernel)).toEqual(['TUNNEL_NOT_FOUND']);
    up(b.ns, addGre(b.ns, { name: 'two', local: N2, remote: N1, key: 2 }));
    deliver(b.ns, a.send()[0]!);
    b.kernel.runQueue.run();
    expect(b.arrived.map((x) => x.dev)).toEqual(['two']);
  });
});

describe('GRE checks', () => {
  const pair = (there: Partial<GreOptions>, here: Partial<GreOptions> = there) => ({
    a: node('gre', N1, { remote: N2, ...there }),
    b: node('gre', N2, { remote: N1, ...here }),
  });

  it('numbers must not go back', () => {
    const { a, b } = pair({ seq: true });
    const [first, second] = [a.send()[0]!, a.send()[0]!];
    for (const skb of [second, first, second, a.send()[0]!]) deliver(b.ns, skb);
    b.kernel.runQueue.run();
    expect([b.arrived.length, dropReasons(b.kernel)]).toEqual([2, ['MALFORMED', 'MALFORMED']]);
  });

  it.each([
    { what: 'a checksum that is wrong', there: { csum: true }, here: { csum: true }, spoil: true },
    { what: 'a checksum nobody expects', there: { csum: true }, here: {}, spoil: false },
    { what: 'none where one is expected', there: {}, here: { csum: true }, spoil: false },
    { what: 'no number where one is expected', there: {}, here: { seq: true }, spoil: false },
  ])('$what: dropped', ({ there, here, spoil }) => {
    const { a, b } = pair(there, here);
    const [out] = a.send();
    if (spoil) out!.bytes[out!.tail - 1]! ^= 1;
    deliver(b.ns, out!);
    b.kernel.runQueue.run();
    expect([b.arrived.length, dropReasons(b.kernel)]).toEqual([0, ['MALFORMED']]);
  });
});

it('tells in the trace how it was wrapped and unwrapped', () => {
  const a = node('gre', N1, { remote: N2, key: 5 });
  const b = node('gre', N2, { remote: N1, key: 5 });
  const texts: string[] = [];
  const sink = (e: TraceEvent) => texts.push(e.text);
  a.kernel.tracer.sink = sink;
  b.kernel.tracer.sink = sink;
  deliver(b.ns, a.send(Object.assign(a.packet(), { trace: 1 }))[0]!);
  expect(texts).toEqual([
    'wrapped in GRE key 5: 192.168.100.11 > 192.168.100.12, packet of 46 bytes in one of 74',
    'unwrapped: GRE key 5 from 192.168.100.11, packet of 46 bytes',
  ]);
});

function tcpPacket(payload: number): Uint8Array {
  const p = new Uint8Array(40 + payload);
  const [src, dst] = [address(INNER.src), address(INNER.dst)];
  ip.put(p, 0, { totalLen: p.length, proto: ip.PROTO_TCP, src, dst });
  p[32] = 0x50;
  p[33] = 0x10;
  const sum = pseudoHeader(src, dst, ip.PROTO_TCP, p.length - 20);
  p[36] = sum >>> 8;
  p[37] = sum & 255;
  return p;
}

function tcpSumOk(skb: Skb): boolean {
  const end = skb.tail;
  let acc = pseudoHeader(address(INNER.src), address(INNER.dst), ip.PROTO_TCP, end - skb.data - 20);
  for (let i = skb.data + 20; i < end; i += 2)
    acc += (skb.bytes[i]! << 8) | (i + 1 < end ? skb.bytes[i + 1]! : 0);
  while (acc > 0xffff) acc = (acc & 0xffff) + (acc >>> 16);
  return acc === 0xffff;
}
