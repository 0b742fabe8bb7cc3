// Finds the transport header that a packet's offload state (gsoSize, CHECKSUM_PARTIAL) is about, from its bytes. Linux
// keeps inner_network_header, inner_transport_header and csum_start in the skb; here the headers are read again, since a
// packet also comes over links that carry nothing but bytes and three facts (skb.gsoSize, ipSummed, encapsulation).
//
// Without `encapsulation` it is the transport header of the outermost IPv4 header. With it, the innermost one behind
// tunnels: IPIP, GRE, and VXLAN or bare IPv4 inside UDP. What begins a UDP payload says which: a VXLAN header's first byte
// is 0x08, an IPv4 header's 0x4.. . An inner UDP datagram whose payload looks like one more tunnel is the target if its
// checksum field holds its pseudo-header's sum.

import { u8, u16 } from '../wire/bytes.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import type { Skb } from './skb.ts';

/** An IPv4 header on the way inwards, and the UDP header of the tunnel right behind it, or -1. */
export interface Level {
  readonly ip: number;
  readonly udp: number;
}

export interface Layers {
  /** Offset of the packet's first header: Ethernet, or IPv4 where `data` is past it or there is none. */
  readonly start: number;
  /** Every IPv4 header, outermost first; the last is the one of `transport`. */
  readonly levels: readonly Level[];
  readonly network: number;
  readonly transport: number;
  /** PROTO_TCP or PROTO_UDP. */
  readonly proto: number;
}

/** More headers than any tunnel of tunnels here has; hostile nesting ends there. */
const MAX_LEVELS = 8;
const GRE_MIN = 4;
/** Transparent Ethernet bridging: an Ethernet frame follows (RFC 7637 section 3.2.1). */
export const ETHERNET = 0x6558;

/** Whether the headers begin with an Ethernet header, at `data`. A MAC offset before `data` may be of an earlier device. */
const atEthernet = (skb: Skb): boolean => skb.mac === skb.data && skb.network !== skb.data;
/** Where the outermost IPv4 header is when not: at `data`, or before it once the packet is up at its transport. */
const ipStart = (skb: Skb): number => (skb.network >= 0 && skb.network <= skb.data ? skb.network : skb.data);

/** Offset of a sound outermost IPv4 header, or -1; without allocation, for packets in no tunnel. */
export function outerNetwork(skb: Skb): number {
  let at = skb.data;
  if (!atEthernet(skb)) at = ipStart(skb);
  else {
    if (ethernet.check(skb.bytes, at, skb.tail) !== undefined) return -1;
    if (ethernet.type(skb.bytes, at) !== ethernet.TYPE_IPV4) return -1;
    at += ethernet.HLEN;
  }
  return ip.checkHeader(skb.bytes, at, skb.tail) === undefined ? at : -1;
}

/** The headers down to the transport header that the offload state is about; undefined for bytes it cannot be about. */
export function findLayers(skb: Skb): Layers | undefined {
  if (atEthernet(skb)) return layersFrom(skb, skb.data, ETHERNET, skb.encapsulation);
  return layersFrom(skb, ipStart(skb), ethernet.TYPE_IPV4, skb.encapsulation);
}

/** As findLayers from the header at `at`, of EtherType IPv4 or an ETHERNET frame; `tunnelled`: look behind tunnels. */
export function layersFrom(skb: Skb, at: number, type: number, tunnelled: boolean): Layers | undefined {
  const b = skb.bytes;
  const end = skb.tail;
  const levels: Level[] = [];
  const start = at;
  while (levels.length < MAX_LEVELS) {
    if (type === ETHERNET) {
      if (ethernet.check(b, at, end) !== undefined) return undefined;
      type = ethernet.type(b, at);
      at += ethernet.HLEN;
    }
    if (type !== ethernet.TYPE_IPV4 || ip.checkHeader(b, at, end) !== undefined) return undefined;
    const network = at;
    const proto = ip.proto(b, at);
    at += ip.ihl(b, at);
    if (proto === ip.PROTO_TCP) {
      if (tcp.check(b, at, end) !== undefined) return undefined;
      levels.push({ ip: network, udp: -1 });
      return { start, levels, network, transport: at, proto };
    }
    if (proto === ip.PROTO_UDP) {
      if (end - at < udp.HLEN) return undefined;
      const next = intoUdp(skb, tunnelled, levels.length, network, at);
      levels.push({ ip: network, udp: next === undefined ? -1 : at });
      if (next === undefined) return { start, levels, network, transport: at, proto };
      ({ at, type } = next);
    } else {
      levels.push({ ip: network, udp: -1 });
      if (proto === ip.PROTO_IPIP) type = ethernet.TYPE_IPV4;
      else if (proto === ip.PROTO_GRE && end - at >= GRE_MIN) {
        type = u16(b, at + 2);
        at += greLength(b, at);
      } else return undefined;
    }
  }
  return undefined;
}

/** RFC 2784 and 2890: checksum, key and sequence number add a word each. */
function greLength(b: Uint8Array, at: number): number {
  const flags = u8(b, at);
  return GRE_MIN + ((flags & 0x80) >> 5) + ((flags & 0x20) >> 3) + ((flags & 0x10) >> 2);
}

/** What a UDP tunnel's header leads to, or undefined if this UDP header is itself the target. */
function intoUdp(
  skb: Skb,
  tunnelled: boolean,
  depth: number,
  network: number,
  at: number,
): { at: number; type: number } | undefined {
  if (!tunnelled && skb.gsoSize === 0) return undefined;
  const b = skb.bytes;
  const payload = at + udp.HLEN;
  if (payload >= skb.tail) return undefined;
  const first = u8(b, payload);
  const inner =
    first === vxlan.FLAG_VNI
      ? { at: payload + vxlan.HLEN, type: ETHERNET }
      : first >>> 4 === 4
        ? { at: payload, type: ethernet.TYPE_IPV4 }
        : undefined;
  if (inner === undefined || depth === 0 || skb.gsoSize > 0) return inner;
  const len = skb.tail - at;
  const partial = pseudoHeader(ip.src(b, network), ip.dst(b, network), ip.PROTO_UDP, len);
  return udp.checksum(b, at) === partial ? undefined : inner;
}
