import { describe, expect, it } from 'vitest';
import { Dummy } from '../netdev/dummy.ts';
import { dropReasons, frame, lab, macOf, recordArrivals, udpPacket, up } from '../netdev/test-kit.ts';
import type { OutputRoute } from '../netns/ipv4-ops.ts';
import { completeChecksum } from '../skb/gso.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, PACKET_OTHERHOST, type Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { ipv4 as address, formatIpv4, MAC_ZERO } from '../wire/addr.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { deliver, fakeIpv4 } from './test-kit.ts';
import { addVxlan, type Vxlan, type VxlanOptions } from './vxlan.ts';

const N1 = address('192.168.100.11');
const N2 = address('192.168.100.12');
const VTEP1 = '02:00:00:00:01:01';
const VTEP2 = '02:00:00:00:02:02';
const INNER = { src: '10.244.1.2', dst: '10.244.2.2' };

function node(local = N1, mac = VTEP1, options: Partial<VxlanOptions> = {}) {
  const { kernel, ns, clock } = lab();
  const eth0 = up(ns, new Dummy(kernel, { name: 'eth0' }));
  const route: OutputRoute = { type: 'UNICAST', dev: eth0, src: local, mtu: 1500, gateway: undefined };
  const ipv4 = fakeIpv4(kernel, () => route);
  const dev = addVxlan(ns, {
    name: 'flannel.1',
    vni: 1,
    local,
    lower: eth0,
    mac: macOf(mac),
    learning: false,
    ...options,
  });
  ns.setUp(dev, true);
  const send = (skb: Skb = inner(kernel)): Skb[] => {
    ipv4.sent.length = 0;
    dev.queueXmit(skb);
    return ipv4.sent;
  };
  return { kernel, ns, clock, eth0, dev, ipv4, route, send, arrived: recordArrivals(kernel) };
}
type Node = ReturnType<typeof node>;
const inner = (kernel: Node['kernel'], packet: Uint8Array = udpPacket(INNER), dst = VTEP2): Skb =>
  frame(kernel, { dst, src: VTEP1, payload: packet });
const knows = (dev: Vxlan) => dev.fdb.replace(macOf(VTEP2), { addr: N2 });

/** Outer headers and inner frame of what was sent. */
function outerOf(skb: Skb) {
  const b = skb.bytes;
  const at = skb.network;
  const l4 = at + ip.ihl(b, at);
  return {
    from: `${formatIpv4(ip.src(b, at))}:${udp.srcPort(b, l4)}`,
    to: `${formatIpv4(ip.dst(b, at))}:${udp.dstPort(b, l4)}`,
    ttl: ip.ttl(b, at),
    tos: ip.tos(b, at),
    df: ip.df(b, at),
    len: ip.totalLen(b, at),
    udpLen: udp.length(b, l4),
    checksum: udp.checksum(b, l4),
    checksumOk: udp.checksumOk(b, l4, ip.src(b, at), ip.dst(b, at)),
    vni: vxlan.vni(b, l4 + 8),
    bad: vxlan.check(b, l4 + 8, skb.tail),
    frame: b.slice(l4 + 16, skb.tail),
  };
}

describe('what leaves the node', () => {
  it('is the frame behind IPv4, UDP and VXLAN headers: TTL 64, DF clear, checksum present', () => {
    const { kernel, dev, send } = node();
    knows(dev);
    const skb = inner(kernel);
    const bytes = skb.bytes.slice(skb.data, skb.tail);
    const [out] = send(skb);
    expect(outerOf(out!)).toMatchObject({
      to: '192.168.100.12:8472',
      ttl: 64,
      tos: 0,
      df: false,
      len: bytes.length + 36,
      udpLen: bytes.length + 16,
      checksumOk: true,
      vni: 1,
      bad: undefined,
      frame: bytes,
    });
    expect(outerOf(out!).from).toMatch(/^192\.168\.100\.11:/);
    expect(outerOf(out!).checksum).not.toBe(0);
    expect(out).toMatchObject({ mac: -1, data: out!.network, encapsulation: false, ipSummed: CHECKSUM_NONE });
  });

  it('keeps the mark, so that a rule on the outer packet sees it, and forgets the connection', () => {
    const { kernel, eth0, dev, send } = node();
    knows(dev);
    const skb = Object.assign(inner(kernel), { mark: 0x4000, ct: {}, dst: {}, trace: 7, physin: 3 });
    expect(send(skb)[0]).toMatchObject({ mark: 0x4000, ct: undefined, dst: undefined, trace: 7, physin: 0 });
    expect(send()[0]!.sk).toEqual({ boundDev: eth0.ifindex });
  });

  it('an unfinished inner checksum stays unfinished; the outer one is right without reading the payload', () => {
    const { kernel, dev, send } = node();
    knows(dev);
    for (const bytes of [0, 1, 400, 1401]) {
      const packet = udpPacket({ ...INNER, bytes });
      const right = packet.slice();
      const pseudo = pseudoHeader(ip.src(packet, 0), ip.dst(packet, 0), ip.PROTO_UDP, packet.length - 20);
      udp.setChecksum(packet, 20, pseudo);
      const skb = inner(kernel, packet);
      skb.ipSummed = CHECKSUM_PARTIAL;
      const [out] = send(skb);
      expect(out).toMatchObject({ ipSummed: CHECKSUM_PARTIAL, encapsulation: true });
      expect(completeChecksum(out!)).toBe(true);
      expect(outerOf(out!)).toMatchObject({ checksumOk: true });
      expect(outerOf(out!).frame.slice(14)).toEqual(right);
    }
  });

  it('a super-segment goes whole, its outer checksum to be made when it is cut', () => {
    const { kernel, dev, send } = node();
    knows(dev);
    const skb = inner(kernel, tcpPacket(4000));
    skb.gsoSize = 1398;
    skb.ipSummed = CHECKSUM_PARTIAL;
    const [out] = send(skb);
    expect(out).toMatchObject({ gsoSize: 1398, encapsulation: true, ipSummed: CHECKSUM_PARTIAL });
    const { checksum, udpLen } = outerOf(out!);
    expect(checksum).toBe(pseudoHeader(N1, N2, ip.PROTO_UDP, udpLen));
  });

  it('one too long for the outer length field is cut before', () => {
    const { kernel, dev, send } = node();
    knows(dev);
    const skb = inner(kernel, tcpPacket(65_480));
    skb.gsoSize = 1398;
    skb.ipSummed = CHECKSUM_PARTIAL;
    const out = send(skb);
    expect(out.length).toBe(Math.ceil(65_480 / 1398));
    expect(out.every((s) => s.len <= 1500 && outerOf(s).checksumOk)).toBe(true);
  });

  it.each([
    { what: 'plain', options: {}, inner: {}, tos: 0, ttl: 64, df: false },
    { what: 'ECT(0) goes along', options: {}, inner: { tos: 0x02 }, tos: 2, ttl: 64, df: false },
    { what: 'CE becomes ECT(0)', options: {}, inner: { tos: 0x2b }, tos: 2, ttl: 64, df: false },
    { what: 'tos inherited', options: { tos: 1 }, inner: { tos: 0x28 }, tos: 0x28, ttl: 64, df: false },
    { what: 'tos and ttl set', options: { tos: 0x10, ttl: 9 }, inner: {}, tos: 0x10, ttl: 9, df: false },
    { what: 'df set', options: { df: 'set' as const }, inner: {}, tos: 0, ttl: 64, df: true },
    {
      what: 'df inherited',
      options: { df: 'inherit' as const },
      inner: { df: true },
      tos: 0,
      ttl: 64,
      df: true,
    },
    { what: 'df unset, inner set', options: {}, inner: { df: true }, tos: 0, ttl: 64, df: false },
  ])('outer header, $what: tos $tos, ttl $ttl, df $df', ({ options, inner: spec, tos, ttl, df }) => {
    const { kernel, dev, send } = node(N1, VTEP1, options);
    knows(dev);
    const packet = udpPacket({ ...INNER, df: 'df' in spec });
    ip.setTos(packet, 0, 'tos' in spec ? spec.tos! : 0);
    ip.updateChecksum(packet, 0);
    expect(outerOf(send(inner(kernel, packet))[0]!)).toMatchObject({ tos, ttl, df });
  });

  it('no entry for the address: dropped; with a default entry: to each of its remotes', () => {
    const { kernel, dev, send } = node();
    expect(send()).toEqual([]);
    expect(dropReasons(kernel)).toEqual(['VXLAN_NO_REMOTE']);
    expect(dev.stats).toMatchObject({ txPackets: 0, txBytes: 0, txDropped: 1 });
    dev.fdb.append(MAC_ZERO, { addr: N2 });
    dev.fdb.append(MAC_ZERO, { addr: address('192.168.100.13'), port: 4789, vni: 5 });
    const to = send().map((s) => `${outerOf(s).to} ${outerOf(s).vni}`);
    expect(to.sort()).toEqual(['192.168.100.12:8472 1', '192.168.100.13:4789 5']);
  });

  it.each([
    { what: 'no route', route: 'ENETUNREACH' as const, reason: 'IP_OUTNOROUTES' },
    { what: 'a route into itself', route: undefined, reason: 'TUNNEL_RECURSION' },
  ])('$what to the remote: $reason', ({ route, reason }) => {
    const n = node();
    knows(n.dev);
    n.ipv4.route = () => route ?? { ...n.route, dev: n.dev };
    expect(n.send()).toEqual([]);
    expect(dropReasons(n.kernel)).toEqual([reason]);
    expect(n.dev.stats).toMatchObject({ txErrors: 1, txPackets: 0, txBytes: 0 });
  });

  it('a packet too long for the path goes all the same, and the inner path MTU is noted', () => {
    const n = node();
    knows(n.dev);
    n.ipv4.route = () => ({ ...n.route, mtu: 1400 });
    n.send(inner(n.kernel, udpPacket({ ...INNER, bytes: 1322 })));
    expect(n.ipv4.pmtus).toEqual([]);
    expect(n.send(inner(n.kernel, udpPacket({ ...INNER, bytes: 1323 })))).toHaveLength(1);
    expect(n.ipv4.pmtus).toEqual([[address(INNER.dst), 1350]]);
  });
});

describe('source port', () => {
  const port = (packet: Uint8Array): number => {
    const { kernel, dev, send } = node();
    knows(dev);
    return Number(outerOf(send(inner(kernel, packet))[0]!).from.split(':')[1]);
  };
  const reversed = (packet: Uint8Array): Uint8Array => {
    const p = packet.slice();
    const [src, dst] = [ip.src(p, 0), ip.dst(p, 0)];
    ip.setSrc(p, 0, dst);
    ip.setDst(p, 0, src);
    if (ip.proto(p, 0) === ip.PROTO_ICMP) return p;
    const [sport, dport] = [udp.srcPort(p, 20), udp.dstPort(p, 20)];
    udp.setSrcPort(p, 20, dport);
    udp.setDstPort(p, 20, sport);
    return p;
  };
  const icmp = (): Uint8Array => {
    const p = udpPacket(INNER);
    ip.setProto(p, 0, ip.PROTO_ICMP);
    ip.updateChecksum(p, 0);
    return p;
  };

  it.each([
    { what: 'ICMP', packet: icmp(), same: true },
    { what: 'UDP', packet: udpPacket(INNER), same: true },
    { what: 'TCP', packet: tcpPacket(10), same: false },
  ])('$what: the same both ways: $same', ({ packet, same }) => {
    expect(port(packet) === port(reversed(packet))).toBe(same);
    expect(port(packet)).toBe(port(packet));
  });

  it('is in ip_local_port_range and differs by flow', () => {
    const ports = new Set<number>();
    for (let sport = 1; sport <= 200; sport++) ports.add(port(udpPacket({ ...INNER, sport })));
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(32_768);
    expect(Math.max(...ports)).toBeLessThan(60_999);
    expect(ports.size).toBeGreaterThan(190);
  });

  it('fragments of one packet share it', () => {
    const first = udpPacket({ ...INNER, sport: 1 });
    ip.setMf(first, 0, true);
    const later = udpPacket({ ...INNER, sport: 999 });
    ip.setFragOffset(later, 0, 1480);
    expect(port(first)).toBe(port(later));
  });
});

describe('what comes in', () => {
  /** Two nodes; what the first sends the second is handed. */
  function pair(options: Partial<VxlanOptions> = {}) {
    const a = node();
    const b = node(N2, VTEP2, options);
    knows(a.dev);
    const cross = (skb: Skb = inner(a.kernel)): void => {
      for (const out of a.send(skb)) deliver(b.ns, out);
      b.kernel.runQueue.run();
    };
    return { a, b, cross };
  }

  it('arrives on the other device as the frame that was sent', () => {
    const { a, b, cross } = pair();
    const skb = inner(a.kernel);
    const bytes = skb.bytes.slice(skb.data, skb.tail);
    cross(skb);
    expect(b.arrived).toMatchObject([{ dev: 'flannel.1', bytes, skb: { ipSummed: CHECKSUM_NONE } }]);
    expect(b.dev.stats).toMatchObject({ rxPackets: 1, rxBytes: bytes.length - 14 });
    expect(a.dev.stats).toMatchObject({ txPackets: 1, txBytes: bytes.length - 14 });
  });

  it('a super-segment with an unfinished checksum arrives as one', () => {
    const { a, b, cross } = pair();
    const skb = Object.assign(inner(a.kernel, tcpPacket(4000)), {
      gsoSize: 1398,
      ipSummed: CHECKSUM_PARTIAL,
    });
    cross(skb);
    expect(b.arrived[0]!.skb).toMatchObject({
      gsoSize: 1398,
      ipSummed: CHECKSUM_PARTIAL,
      encapsulation: false,
    });
  });

  it('with another VNI: no such device', () => {
    const { b, cross } = pair({ vni: 2 });
    cross();
    expect(dropReasons(b.kernel)).toEqual(['VXLAN_VNI_NOT_FOUND']);
  });

  it("to a MAC that is not the device's: reaches it and dies there", () => {
    const { a, b, cross } = pair();
    a.dev.fdb.replace(macOf('02:00:00:00:09:09'), { addr: N2 });
    const types: number[] = [];
    b.dev.taps.add((skb) => types.push(skb.pktType));
    cross(inner(a.kernel, udpPacket(INNER), '02:00:00:00:09:09'));
    expect([types, dropReasons(b.kernel)]).toEqual([[PACKET_OTHERHOST], ['OTHERHOST']]);
  });

  it.each([
    { what: 'a reserved bit', reason: 'VXLAN_INVALID_HDR', spoil: (s: Skb) => (s.bytes[s.network + 29] = 1) },
    { what: 'no VNI flag', reason: 'VXLAN_INVALID_HDR', spoil: (s: Skb) => (s.bytes[s.network + 28] = 0) },
    { what: 'half an inner header', reason: 'PKT_TOO_SMALL', spoil: (s: Skb) => (s.tail = s.network + 40) },
    { what: 'no VXLAN header', reason: 'VXLAN_INVALID_HDR', spoil: (s: Skb) => (s.tail = s.network + 30) },
    {
      what: 'outer CE on a not-ECT packet',
      reason: 'IP_TUNNEL_ECN',
      spoil: (s: Skb) => ip.setTos(s.bytes, s.network, 3),
    },
  ])('with $what: $reason', ({ reason, spoil }) => {
    const { a, b } = pair();
    const [out] = a.send();
    spoil(out!);
    deliver(b.ns, out!);
    b.kernel.runQueue.run();
    expect(dropReasons(b.kernel)).toEqual([reason]);
  });

  it('from its own MAC: a loop', () => {
    const { a, b, cross } = pair();
    cross(frame(a.kernel, { dst: VTEP2, src: VTEP2, payload: udpPacket(INNER) }));
    expect(dropReasons(b.kernel)).toEqual(['VXLAN_LOOP']);
  });

  it('learning: the sender’s MAC is behind the outer source, until 300 s pass', () => {
    const { b, cross } = pair({ learning: true });
    cross();
    expect(b.dev.fdb.get(macOf(VTEP1))?.remotes[0]?.addr).toBe(N1);
    b.clock.advance(299_000);
    expect(b.dev.fdb.get(macOf(VTEP1))).toBeDefined();
    b.clock.advance(11_000);
    expect(b.dev.fdb.get(macOf(VTEP1))).toBeUndefined();
    expect(b.clock.next()).toBeUndefined();
  });

  it('down, the port is closed', () => {
    const { b, cross } = pair();
    b.ns.setUp(b.dev, false);
    cross();
    expect(b.arrived).toEqual([]);
    expect(dropReasons(b.kernel)).toEqual([]);
  });

  it('tells in the trace how it was wrapped and unwrapped', () => {
    const { a, b, cross } = pair({ learning: true });
    const texts: string[] = [];
    const sink = (e: TraceEvent) => (e.stage === 'encap' || e.stage === 'decap') && texts.push(e.text);
    a.kernel.tracer.sink = sink;
    b.kernel.tracer.sink = sink;
    cross(Object.assign(inner(a.kernel), { trace: 1 }));
    expect(texts[0]).toMatch(
      /^wrapped in VXLAN: 192\.168\.100\.11:\d+ > 192\.168\.100\.12:8472, VNI 1, frame of 60 bytes in a packet of 96$/,
    );
    expect(texts[1]).toBe(
      `unwrapped: VXLAN from 192.168.100.11, VNI 1, frame of 60 bytes; learned: ${VTEP1} is behind it`,
    );
  });
});

describe('settings', () => {
  it('MTU: the lower device’s less 50; a larger one is cut at creation and refused later', () => {
    expect(node().dev.mtu).toBe(1450);
    const { dev } = node(N1, VTEP1, { mtu: 1500 });
    expect(dev.mtu).toBe(1450);
    expect(() => dev.setMtu(1451)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    dev.setMtu(1400);
    expect(dev.mtu).toBe(1400);
  });

  it('one device per VNI and port', () => {
    const { ns } = node();
    expect(() => addVxlan(ns, { name: 'twin', vni: 1 })).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(addVxlan(ns, { name: 'other', vni: 2 }).vni).toBe(2);
    expect(addVxlan(ns, { name: 'third', vni: 1, dstPort: 4789 }).dstPort).toBe(4789);
  });

  it('the table answers as `bridge fdb add, append, replace, del` do (Linux)', () => {
    const { fdb } = node().dev;
    const mac = macOf(VTEP2);
    const at = (m: typeof mac) => fdb.get(m)?.remotes.map((r) => formatIpv4(r.addr));
    fdb.add(mac, { addr: N2 });
    expect(() => fdb.add(mac, { addr: N1 })).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    fdb.append(mac, { addr: N1 });
    expect(at(mac)).toEqual(['192.168.100.12']);
    for (const addr of [N1, N1, N2]) fdb.append(MAC_ZERO, { addr });
    expect(at(MAC_ZERO)).toEqual(['192.168.100.11', '192.168.100.12']);
    fdb.del(MAC_ZERO, N1);
    fdb.del(mac, N1);
    expect([at(MAC_ZERO), at(mac)]).toEqual([['192.168.100.12'], ['192.168.100.12']]);
    fdb.replace(mac, { addr: N1 });
    expect(at(mac)).toEqual(['192.168.100.11']);
    fdb.del(mac);
    expect(() => fdb.del(mac)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

function tcpPacket(payload: number): Uint8Array {
  const p = new Uint8Array(40 + payload);
  ip.put(p, 0, {
    totalLen: p.length,
    proto: ip.PROTO_TCP,
    src: address(INNER.src),
    dst: address(INNER.dst),
    df: true,
  });
  p.set([0x9c, 0x40, 0, 80], 20);
  p[32] = 0x50;
  p[33] = 0x10;
  const pseudo = pseudoHeader(ip.src(p, 0), ip.dst(p, 0), ip.PROTO_TCP, p.length - 20);
  p[36] = pseudo >>> 8;
  p[37] = pseudo & 255;
  return p;
}
