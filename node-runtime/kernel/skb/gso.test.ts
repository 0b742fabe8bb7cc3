import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4, MAC_ZERO } from '../wire/addr.ts';
import { put8, put16 } from '../wire/bytes.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { LINUX_CUTS } from './gso.fixture.ts';
import { completeChecksum, gsoNetworkLen, gsoSegment, gsoSegs, setTunnelChecksum } from './gso.ts';
import { ETHERNET, findLayers } from './layers.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, ETH_P_IP, type Skb, SkbPool } from './skb.ts';

const pool = new SkbPool();
const SRC = ipv4('10.1.0.1');
const DST = ipv4('10.1.0.2');
const payloadByte = (i: number): number => (i * 7 + (i >> 8)) & 255;
const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/** A TCP packet in an Ethernet frame or bare, checksum partial, of `n` payload bytes. */
function tcpSkb(
  n: number,
  options: { flags?: number; gsoSize?: number; mss?: number; bare?: boolean } = {},
): Skb {
  const skb = pool.alloc(n + 200);
  const b = skb.bytes;
  const network = skb.data + (options.bare ? 0 : ethernet.HLEN);
  if (!options.bare) {
    skb.mac = skb.data;
    ethernet.put(b, skb.data, { dst: MAC_ZERO, src: MAC_ZERO, type: ethernet.TYPE_IPV4 });
  }
  skb.network = network;
  const transport = network + ip.MIN_HLEN;
  const tcpOptions = options.mss === undefined ? {} : { mss: options.mss };
  const payload = tcp.put(b, transport, {
    srcPort: 40_000,
    dstPort: 80,
    seq: 0xfffffc00,
    ack: 777,
    flags: options.flags ?? tcp.ACK,
    window: 502,
    options: tcpOptions,
  });
  skb.transport = transport;
  skb.tail = payload + n;
  for (let i = 0; i < n; i++) b[payload + i] = payloadByte(i);
  ip.put(b, network, {
    totalLen: skb.tail - network,
    proto: ip.PROTO_TCP,
    id: 0xfffe,
    df: true,
    src: SRC,
    dst: DST,
  });
  skb.ipSummed = CHECKSUM_PARTIAL;
  tcp.setChecksum(b, transport, pseudoHeader(SRC, DST, ip.PROTO_TCP, skb.tail - transport));
  skb.gsoSize = options.gsoSize ?? 0;
  return skb;
}

function udpSkb(payload: Uint8Array, dstPort = 53): Skb {
  const skb = pool.alloc(payload.length + 100);
  const b = skb.bytes;
  skb.network = skb.data;
  const transport = skb.data + ip.MIN_HLEN;
  const len = udp.HLEN + payload.length;
  ip.put(b, skb.data, { totalLen: ip.MIN_HLEN + len, proto: ip.PROTO_UDP, src: SRC, dst: DST });
  udp.put(b, transport, {
    srcPort: 1,
    dstPort,
    length: len,
    checksum: pseudoHeader(SRC, DST, ip.PROTO_UDP, len),
  });
  b.set(payload, transport + udp.HLEN);
  skb.tail = transport + len;
  skb.ipSummed = CHECKSUM_PARTIAL;
  return skb;
}

type Tunnel = 'vxlan' | 'vxlan-zero-csum' | 'udp' | 'ipip' | 'gre' | 'gre-key-seq';
const TUNNELS: readonly Tunnel[] = ['vxlan', 'vxlan-zero-csum', 'udp', 'ipip', 'gre', 'gre-key-seq'];

/** Puts a tunnel's headers and a new Ethernet header in front, as a tunnel device and its lower device do. */
function encapsulate(skb: Skb, tunnel: Tunnel): Skb {
  const inner = skb.data;
  const ether = skb.data === skb.mac;
  let proto = ip.PROTO_UDP;
  if (tunnel === 'ipip') proto = ip.PROTO_IPIP;
  else if (tunnel.startsWith('gre')) {
    proto = ip.PROTO_GRE;
    const at = skb.push(tunnel === 'gre' ? 4 : 12);
    skb.bytes.fill(0, at, at + 4);
    put8(skb.bytes, at, tunnel === 'gre' ? 0 : 0x30);
    put16(skb.bytes, at + 2, ether ? ETHERNET : ETH_P_IP);
  } else {
    if (tunnel !== 'udp') vxlan.put(skb.bytes, skb.push(vxlan.HLEN), { vni: 5 });
    const at = skb.push(udp.HLEN);
    udp.put(skb.bytes, at, { srcPort: 50_000, dstPort: 8472, length: (skb.tail - at) & 0xffff });
    if (tunnel !== 'vxlan-zero-csum')
      setTunnelChecksum(skb, at, inner, ether ? ETHERNET : ETH_P_IP, DST, SRC);
  }
  const network = skb.push(ip.MIN_HLEN);
  ip.put(skb.bytes, network, { totalLen: (skb.tail - network) & 0xffff, proto, id: 9, src: DST, dst: SRC });
  skb.network = network;
  skb.encapsulation = true;
  skb.mac = skb.push(ethernet.HLEN);
  ethernet.put(skb.bytes, skb.mac, { dst: MAC_ZERO, src: MAC_ZERO, type: ETH_P_IP });
  return skb;
}

/** Which carry Ethernet frames, and which bare IP. */
const carriesEthernet = (tunnel: Tunnel): boolean => tunnel.startsWith('vxlan');
const tunnelled = (n: number, tunnel: Tunnel, gsoSize = 0): Skb =>
  encapsulate(tcpSkb(n, { gsoSize, bare: !carriesEthernet(tunnel) }), tunnel);

/** Every checksum and length of a complete frame, from the outside in; returns the TCP payload. */
function expectSound(skb: Skb): Uint8Array {
  const b = skb.bytes;
  const layers = findLayers(skb)!;
  for (const level of layers.levels) {
    expect(ip.check(b, level.ip, skb.tail)).toBeUndefined();
    expect(ip.totalLen(b, level.ip)).toBe(skb.tail - level.ip);
    if (level.udp < 0) continue;
    expect(udp.check(b, level.udp, skb.tail)).toBeUndefined();
    expect(udp.checksumOk(b, level.udp, ip.src(b, level.ip), ip.dst(b, level.ip))).toBe(true);
  }
  const { network, transport } = layers;
  expect(tcp.checksumOk(b, transport, skb.tail, ip.src(b, network), ip.dst(b, network))).toBe(true);
  return b.slice(transport + tcp.dataOffset(b, transport), skb.tail);
}

describe('gsoSegment', () => {
  it.each(LINUX_CUTS)('cuts as Linux does: $name', ({ headers, payload, gsoSize, frames }) => {
    const first = Buffer.from(frames[0]!, 'hex');
    // The outer headers that Linux chose (source port, id) are taken from its first frame.
    const outer = first.subarray(0, first.length - headers.length / 2);
    const whole = Buffer.concat([outer, Buffer.from(headers, 'hex'), Buffer.alloc(payload)]);
    for (let i = 0; i < payload; i++) whole[whole.length - payload + i] = payloadByte(i);
    const skb = pool.copyOf(whole);
    skb.mac = skb.data;
    skb.network = skb.data + ethernet.HLEN;
    skb.gsoSize = gsoSize;
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.encapsulation = outer.length > 0;
    const cut = gsoSegment(skb, pool);
    let at = 0;
    const heads = cut.map((s) => {
      const n = Math.min(gsoSize, payload - at);
      expect([...s.bytes.subarray(s.tail - n, s.tail)]).toEqual(
        Array.from({ length: n }, (_, i) => payloadByte(at + i)),
      );
      at += n;
      return hex(s.bytes.subarray(s.data, s.tail - n));
    });
    expect(heads).toEqual(frames);
    expect(hex(skb.view())).toBe(whole.toString('hex'));
  });

  it.each(TUNNELS)('makes sound frames of any super-segment in %s, and loses no byte', (tunnel) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 88, max: 3000 }), (n, gsoSize) => {
        const skb = tunnelled(n, tunnel, gsoSize);
        const whole = Uint8Array.from({ length: n }, (_, i) => payloadByte(i));
        const cut = gsoSegment(skb, pool);
        expect(cut.length).toBe(gsoSegs(skb));
        expect(Buffer.concat(cut.map(expectSound)).equals(whole)).toBe(true);
        const lens = cut.map((s) => s.tail - s.network);
        expect(Math.max(...lens)).toBe(gsoNetworkLen(skb));
        cut.forEach((s, i) => {
          const { levels, transport } = findLayers(s)!;
          expect(levels.map((l) => ip.id(s.bytes, l.ip))).toEqual([9 + i, (0xfffe + i) & 0xffff]);
          expect(tcp.seq(s.bytes, transport)).toBe((0xfffffc00 + i * gsoSize) % 2 ** 32);
          expect([s.gsoSize, s.ipSummed, s.data, s.mac, s.network]).toEqual([
            0,
            CHECKSUM_NONE,
            skb.data,
            skb.mac,
            skb.network,
          ]);
          s.free();
        });
        skb.free();
      }),
      { numRuns: 15 },
    );
  });

  it('cuts through two tunnels, and 64 KiB whose outer lengths have run over', () => {
    const nested = encapsulate(encapsulate(tcpSkb(5000, { gsoSize: 1000 }), 'vxlan'), 'vxlan');
    expect(Buffer.concat(gsoSegment(nested, pool).map(expectSound)).length).toBe(5000);
    const huge = tunnelled(65_400, 'vxlan', 1398);
    const cut = gsoSegment(huge, pool);
    expect(cut.length).toBe(47);
    expect(Buffer.concat(cut.map(expectSound)).length).toBe(65_400);
  });

  it('cuts a packet that is at its network header, and keeps its marks', () => {
    const skb = tcpSkb(3000, { gsoSize: 1400, bare: true });
    skb.mac = 20; // of a device it once came in by
    skb.mark = 0x4000;
    skb.trace = 7;
    const cut = gsoSegment(skb, pool);
    expect(cut.map((s) => [s.data === s.network, s.mac, s.mark, s.trace, s.len])).toEqual([
      [true, -1, 0x4000, 7, 1440],
      [true, -1, 0x4000, 7, 1440],
      [true, -1, 0x4000, 7, 240],
    ]);
  });

  it('gives one copy of what needs no cutting', () => {
    for (const skb of [tcpSkb(0), tcpSkb(100, { gsoSize: 100 }), tcpSkb(100)]) {
      const cut = gsoSegment(skb, pool);
      expect(cut.length).toBe(1);
      expectSound(cut[0]!);
      expect(gsoSegs(skb)).toBe(1);
      expect(gsoNetworkLen(skb)).toBe(skb.tail - skb.network);
    }
    const datagram = gsoSegment(udpSkb(new Uint8Array(100)), pool);
    expect(datagram.map((s) => udp.checksumOk(s.bytes, s.data + 20, SRC, DST))).toEqual([true]);
    const arp = pool.copyOf(new Uint8Array(42).fill(1));
    expect(gsoSegment(arp, pool).map((s) => hex(s.view()))).toEqual([hex(arp.view())]);
  });

  it('gives nothing of bytes that are not TCP in a tunnel it knows, and never throws', () => {
    const notTcp = udpSkb(new Uint8Array(100));
    notTcp.gsoSize = 50;
    expect(gsoSegment(notTcp, pool)).toEqual([]);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.nat(140),
        fc.nat(255),
        fc.boolean(),
        (bytes, at, value, own) => {
          const skb = own ? tunnelled(50, 'vxlan', 10) : pool.copyOf(bytes);
          skb.gsoSize = 10;
          skb.mac = own ? skb.mac : skb.data;
          if (own) put8(skb.bytes, skb.data + at, value);
          for (const s of gsoSegment(skb, pool)) s.free();
          gsoNetworkLen(skb);
          gsoSegs(skb);
          skb.gsoSize = 0;
          skb.ipSummed = CHECKSUM_PARTIAL;
          completeChecksum(skb);
        },
      ),
    );
  });
});

describe('completeChecksum', () => {
  it('completes TCP at the network header, in a frame and in every tunnel, whose own checksum then holds', () => {
    const skbs = [tcpSkb(33), tcpSkb(1460, { bare: true }), ...TUNNELS.map((t) => tunnelled(201, t))];
    for (const skb of skbs) {
      expect(completeChecksum(skb)).toBe(true);
      expect(skb.ipSummed).toBe(CHECKSUM_NONE);
      expectSound(skb);
    }
  });

  it('leaves the padding of a short frame out', () => {
    const skb = tcpSkb(1);
    const end = skb.tail;
    skb.bytes.fill(0xaa, end, end + 5);
    skb.tail += 5;
    completeChecksum(skb);
    expect(tcp.checksumOk(skb.bytes, skb.transport, end, SRC, DST)).toBe(true);
  });

  it("counts an inner frame's padding in the tunnel's own checksum only", () => {
    for (const n of [1, 2]) {
      const skb = tcpSkb(n);
      const end = skb.tail;
      skb.bytes.fill(0xa5, end, end + 5);
      skb.tail += 5;
      encapsulate(skb, 'vxlan');
      completeChecksum(skb);
      const { levels, network, transport } = findLayers(skb)!;
      expect(udp.checksumOk(skb.bytes, levels[0]!.udp, DST, SRC)).toBe(true);
      const inner = network + ip.totalLen(skb.bytes, network);
      expect(tcp.checksumOk(skb.bytes, transport, inner, SRC, DST)).toBe(true);
    }
  });

  it('never makes a UDP checksum 0', () => {
    const payload = new Uint8Array(2);
    const probe = udpSkb(payload);
    completeChecksum(probe);
    put16(payload, 0, udp.checksum(probe.bytes, probe.data + 20));
    const skb = udpSkb(payload);
    completeChecksum(skb);
    expect(udp.checksum(skb.bytes, skb.data + 20)).toBe(0xffff);
  });

  it('takes a daemon’s datagram for what it is: the packet in it is payload', () => {
    const inner = udpSkb(Uint8Array.of(1, 2, 3));
    const before = hex(inner.view());
    const skb = udpSkb(inner.view().slice(), 8285);
    completeChecksum(skb);
    expect(udp.checksumOk(skb.bytes, skb.data + 20, SRC, DST)).toBe(true);
    expect(hex(skb.bytes.subarray(skb.data + 28, skb.tail))).toBe(before);
    // The same datagram inside a tunnel of the kernel's.
    const deep = encapsulate(udpSkb(inner.view().slice(), 8285), 'ipip');
    completeChecksum(deep);
    const transport = deep.network + 40;
    expect(udp.checksumOk(deep.bytes, transport, SRC, DST)).toBe(true);
    expect(hex(deep.bytes.subarray(transport + 8, deep.tail))).toBe(before);
  });

  it('touches nothing that is not partial, and refuses what it cannot read', () => {
    const skb = tcpSkb(10);
    skb.ipSummed = CHECKSUM_UNNECESSARY;
    const before = hex(skb.view());
    expect(completeChecksum(skb)).toBe(true);
    expect(hex(skb.view())).toBe(before);
    skb.ipSummed = CHECKSUM_PARTIAL;
    skb.tail = skb.transport + 7;
    expect(completeChecksum(skb)).toBe(false);
  });
});
