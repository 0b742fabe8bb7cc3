// Sound frames of every kind that the node's devices take, to be bent: one function each, of the dice, so that addresses
// and ports are those that the node knows more often than not.
import type { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import {
  type Ipv4,
  ipv4,
  MAC_BROADCAST,
  MAC_ZERO,
  type Mac,
  mac,
} from '../../node-runtime/kernel/wire/addr.ts';
import * as arp from '../../node-runtime/kernel/wire/arp.ts';
import { put16, put32 } from '../../node-runtime/kernel/wire/bytes.ts';
import * as ethernet from '../../node-runtime/kernel/wire/ethernet.ts';
import * as gre from '../../node-runtime/kernel/wire/gre.ts';
import * as icmp from '../../node-runtime/kernel/wire/icmp.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import * as tcp from '../../node-runtime/kernel/wire/tcp.ts';
import * as udp from '../../node-runtime/kernel/wire/udp.ts';
import * as vxlan from '../../node-runtime/kernel/wire/vxlan.ts';
import { NODE, PEER } from './frame-world.ts';
import { once, pick } from './scale.ts';

const ADDRS: readonly Ipv4[] = [
  '192.168.100.11',
  '192.168.100.12',
  '192.168.100.1',
  '192.168.100.99',
  '10.244.1.1',
  '10.244.1.2',
  '10.244.1.3',
  '10.244.1.200',
  '10.244.2.2',
  '10.245.3.4',
  '10.246.0.9',
  '10.247.0.9',
  '10.96.0.10',
  '10.96.0.11',
  '172.17.0.1',
  '172.17.0.2',
  '203.0.113.7',
  '198.51.100.3',
  '127.0.0.1',
  '0.0.0.0',
  '255.255.255.255',
  '224.0.0.1',
  '10.244.1.255',
].map(ipv4);
const PORTS = [0, 7, 53, 67, 80, 81, 90, 179, 443, 4789, 8080, 8472, 30_000, 30_010, 32_768, 40_000, 65_535];

export const address = (dice: Stream): Ipv4 =>
  once(dice, 8) ? ((dice.u32() >>> 0) as Ipv4) : pick(dice, ADDRS);
export const port = (dice: Stream): number => (once(dice, 8) ? dice.below(65_536) : pick(dice, PORTS));

const bytes = (dice: Stream, n: number): Uint8Array => {
  const b = new Uint8Array(n);
  for (let i = 0; i + 4 <= n; i += 4) put32(b, i, dice.u32());
  return b;
};
const size = (dice: Stream): number => (once(dice, 12) ? dice.below(3000) : dice.below(64));

type Body = readonly [proto: number, body: Uint8Array];

function tcpBody(dice: Stream, src: Ipv4, dst: Ipv4): Body {
  const options = once(dice, 2) ? 4 * dice.below(11) : 0;
  const b = bytes(dice, tcp.MIN_HLEN + options + size(dice));
  const flags = pick(dice, [
    tcp.SYN,
    tcp.ACK,
    tcp.ACK | tcp.PSH,
    tcp.FIN | tcp.ACK,
    tcp.RST,
    tcp.SYN | tcp.ACK,
  ]);
  tcp.put(b, 0, {
    srcPort: port(dice),
    dstPort: port(dice),
    seq: dice.u32(),
    ack: dice.u32(),
    flags,
    window: dice.below(65_536),
  });
  tcp.setDataOffset(b, 0, tcp.MIN_HLEN + options);
  if (options >= 12) b.set([2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10].slice(0, options), tcp.MIN_HLEN);
  tcp.updateChecksum(b, 0, b.length, src, dst);
  return [ip.PROTO_TCP, b];
}

function udpBody(
  dice: Stream,
  src: Ipv4,
  dst: Ipv4,
  payload = bytes(dice, size(dice)),
  to = port(dice),
): Body {
  const b = new Uint8Array(udp.HLEN + payload.length);
  b.set(payload, udp.HLEN);
  udp.put(b, 0, { srcPort: port(dice), dstPort: to, length: b.length });
  if (!once(dice, 4)) udp.updateChecksum(b, 0, b.length, src, dst);
  return [ip.PROTO_UDP, b];
}

function icmpBody(dice: Stream): Body {
  const type = pick(dice, [0, 8, 8, 13, 14, 17, 9]);
  const b = bytes(dice, icmp.HLEN + size(dice));
  b[0] = type;
  b[1] = 0;
  put16(b, 4, pick(dice, [7, 7, dice.below(65_536)]));
  icmp.updateChecksum(b, 0, b.length);
  return [ip.PROTO_ICMP, b];
}

/** An ICMP error that quotes `about`, as much of it as one likes. */
export function icmpErrorBody(dice: Stream, about: Uint8Array): Body {
  const quote = about.subarray(
    0,
    Math.min(about.length, once(dice, 3) ? dice.below(80) : 20 + dice.below(560)),
  );
  const b = new Uint8Array(icmp.HLEN + quote.length);
  b[0] = pick(dice, [3, 3, 3, 4, 5, 11, 12]);
  b[1] = once(dice, 4) ? dice.below(256) : dice.below(5);
  put32(b, 4, pick(dice, [0, 68, 576, 1400, 1500, 65_535, dice.u32()]));
  b.set(quote, icmp.HLEN);
  icmp.updateChecksum(b, 0, b.length);
  return [ip.PROTO_ICMP, b];
}

const OPTIONS: readonly (readonly number[])[] = [
  [1, 1, 1, 1],
  [7, 7, 4, 0, 0, 0, 0, 0],
  [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  [68, 12, 5, 1, 10, 244, 1, 1, 0, 0, 0, 0],
  [131, 7, 4, 10, 244, 1, 2, 0],
  [137, 7, 4, 192, 168, 100, 12, 0],
  [148, 4, 0, 0],
  [134, 8, 0, 0, 0, 1, 1, 2],
];

/** An IPv4 packet around a body. */
export function packet(dice: Stream, [proto, body]: Body, src: Ipv4, dst: Ipv4): Uint8Array {
  const options = once(dice, 16) ? Uint8Array.from(pick(dice, OPTIONS)) : new Uint8Array(0);
  const hlen = ip.MIN_HLEN + options.length;
  const b = new Uint8Array(hlen + body.length);
  const frag = once(dice, 24) ? pick(dice, [0x2000, 0x2001, 0x0001, 0x0002, 0x2003, 0x1fff]) : 0;
  ip.put(b, 0, {
    totalLen: b.length,
    proto,
    src,
    dst,
    options,
    ttl: once(dice, 12) ? dice.below(3) : 64,
    id: dice.below(once(dice, 2) ? 4 : 65_536),
    df: once(dice, 3),
    tos: once(dice, 6) ? dice.below(256) : 0,
  });
  if (frag !== 0) ip.setFragField(b, 0, frag);
  ip.updateChecksum(b, 0);
  b.set(body, hlen);
  return b;
}

function anyBody(dice: Stream, src: Ipv4, dst: Ipv4, depth: number): Body {
  const kind = dice.below(depth > 2 ? 5 : 10);
  switch (kind) {
    case 0:
    case 1:
      return tcpBody(dice, src, dst);
    case 2:
      return udpBody(dice, src, dst);
    case 3:
      return icmpBody(dice);
    case 4:
      return [once(dice, 2) ? ip.PROTO_SCTP : dice.below(256), bytes(dice, size(dice))];
    case 5:
      return icmpErrorBody(dice, anyPacket(dice, depth + 1, dst, once(dice, 3) ? address(dice) : src));
    case 6:
    case 7: {
      const inner = anyFrame(dice, depth + 1);
      const b = new Uint8Array(vxlan.HLEN + inner.length);
      vxlan.put(b, 0, { vni: once(dice, 6) ? dice.below(1 << 24) : pick(dice, [1, 5]) });
      b.set(inner, vxlan.HLEN);
      return udpBody(dice, src, dst, b, pick(dice, [8472, 4789]));
    }
    case 8: {
      const inner = anyPacket(dice, depth + 1);
      const hlen = gre.hlenOf(true, true, false);
      const b = new Uint8Array(hlen + inner.length);
      b.set(inner, hlen);
      gre.put(b, 0, b.length, {
        protocol: 0x0800,
        checksum: true,
        key: once(dice, 8) ? 8 : 7,
        seq: undefined,
      });
      return [ip.PROTO_GRE, b];
    }
    default:
      return [ip.PROTO_IPIP, anyPacket(dice, depth + 1)];
  }
}

export function anyPacket(dice: Stream, depth = 0, src = address(dice), dst = address(dice)): Uint8Array {
  // A tunnel's packets come from its other end.
  const [from, to] = depth === 0 && once(dice, 3) ? [PEER, NODE] : [src, dst];
  return packet(dice, anyBody(dice, from, to, depth), from, to);
}

const MACS: readonly Mac[] = [
  MAC_BROADCAST,
  MAC_ZERO,
  mac(0x0200c0a8640b),
  mac(0x0200c0a8640c),
  mac(0x020000000200),
  mac(0x01005e000001),
  mac(0x0180c2000000),
  mac(0x0180c2000001),
];

export function anyFrame(
  dice: Stream,
  depth = 0,
  to = pick(dice, MACS),
  from = mac(0x020000000000 + dice.below(64)),
): Uint8Array {
  const isArp = once(dice, 10);
  const body = isArp ? arpPacket(dice, from) : anyPacket(dice, depth);
  const b = new Uint8Array(ethernet.HLEN + body.length);
  const type = isArp
    ? ethernet.TYPE_ARP
    : once(dice, 60)
      ? pick(dice, [0x86dd, 0x8100, 0x0026, dice.below(65_536)])
      : ethernet.TYPE_IPV4;
  ethernet.put(b, 0, { dst: to, src: once(dice, 40) ? pick(dice, MACS) : from, type });
  b.set(body, ethernet.HLEN);
  return b;
}

function arpPacket(dice: Stream, sha: Mac): Uint8Array {
  const b = new Uint8Array(arp.HLEN);
  arp.put(b, 0, {
    op: once(dice, 12) ? dice.below(65_536) : pick(dice, [arp.REQUEST, arp.REPLY]),
    sha: once(dice, 8) ? pick(dice, MACS) : sha,
    spa: address(dice),
    tha: pick(dice, MACS),
    tpa: address(dice),
  });
  return b;
}
