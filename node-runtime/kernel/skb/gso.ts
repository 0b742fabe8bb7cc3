// Generic segmentation and checksum offload in software: skb_gso_segment, tcp_gso_segment (net/ipv4/tcp_offload.c),
// inet_gso_segment (net/ipv4/af_inet.c), skb_udp_tunnel_segment (net/ipv4/udp_offload.c) and skb_checksum_help
// (net/core/dev.c). Which header the offload state is about, in a tunnel too, is layers.ts.
//
// The cut is the one Linux makes for TCP that came from a local socket: every IPv4 header, outer ones too, counts its id
// up by one per segment; FIN and PSH stay on the last segment, CWR on the first; a tunnel's UDP checksum is made
// for each segment unless the field was 0. Checksums come out complete.

import type { Ipv4 } from '../wire/addr.ts';
import { put16 } from '../wire/bytes.ts';
import { checksum, fold, pseudoHeader, sum } from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { findLayers, type Layers, layersFrom, outerNetwork } from './layers.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, HEADROOM, type Skb, type SkbPool } from './skb.ts';

const TCP_CHECKSUM = 16;
const UDP_CHECKSUM = 6;

/** Where the TCP payload begins. */
const payloadOf = (skb: Skb, layers: Layers): number =>
  layers.transport + tcp.dataOffset(skb.bytes, layers.transport);

/** How many packets `gsoSegment` makes of it: skb_shinfo(skb)->gso_segs. 1 for a packet that is not to be cut. */
export function gsoSegs(skb: Skb): number {
  if (skb.gsoSize === 0) return 1;
  const layers = findLayers(skb);
  if (layers === undefined || layers.proto !== ip.PROTO_TCP) return 1;
  return Math.max(1, Math.ceil((skb.tail - payloadOf(skb, layers)) / skb.gsoSize));
}

/**
 * Length of the largest IP packet that it will be on the wire, counted from the outermost IP header (from `skb.network`
 * where that is known): skb_gso_network_seglen. What an MTU is compared with.
 */
export function gsoNetworkLen(skb: Skb): number {
  const from = skb.network >= 0 && skb.network >= skb.data ? skb.network : undefined;
  if (skb.gsoSize === 0) return skb.tail - (from ?? (skb.network >= 0 ? skb.network : skb.data));
  const layers = findLayers(skb);
  if (layers === undefined || layers.proto !== ip.PROTO_TCP) return skb.tail - (from ?? skb.data);
  const payload = payloadOf(skb, layers);
  return payload + Math.min(skb.gsoSize, skb.tail - payload) - (from ?? layers.levels[0]!.ip);
}

/**
 * Cuts a TCP super-segment into the frames that Linux would put on the wire, in order, each with complete checksums. The
 * packet itself is not changed and stays the caller's. Any packet with gsoSize 0, UDP too, gives one copy of it, completed; a
 * super-segment that is no TCP packet in a known tunnel gives none.
 */
export function gsoSegment(skb: Skb, pool: SkbPool): Skb[] {
  if (skb.gsoSize === 0) {
    const copy = skb.clone();
    completeChecksum(copy);
    return [copy];
  }
  const layers = findLayers(skb);
  if (layers === undefined || layers.proto !== ip.PROTO_TCP) return [];
  const payload = payloadOf(skb, layers);
  const total = skb.tail - payload;
  const segments: Skb[] = [];
  let done = 0;
  do {
    const len = Math.min(skb.gsoSize, total - done);
    const segment = part(skb, pool, layers.start, payload, done, len);
    finish(segment, layers, segments.length, done, done + len === total);
    segments.push(segment);
    done += len;
  } while (done < total);
  return segments;
}

/** A copy of the headers from `start` and of `len` bytes of payload; offsets are the same as in `skb`. */
function part(skb: Skb, pool: SkbPool, start: number, payload: number, from: number, len: number): Skb {
  const end = payload + len;
  const to = pool.alloc(Math.max(0, end - HEADROOM));
  to.bytes.set(skb.bytes.subarray(start, payload), start);
  to.bytes.set(skb.bytes.subarray(payload + from, payload + from + len), payload);
  to.data = skb.data;
  to.tail = end;
  to.mac = skb.mac >= start ? skb.mac : -1;
  to.network = skb.network;
  to.transport = skb.transport;
  to.ipSummed = CHECKSUM_NONE;
  to.encapsulation = skb.encapsulation;
  to.inherit(skb);
  return to;
}

/** Makes the headers true for segment number `n`, whose payload is `done` bytes into the whole. */
function finish(segment: Skb, layers: Layers, n: number, done: number, last: boolean): void {
  const b = segment.bytes;
  const { network, transport } = layers;
  tcp.setSeq(b, transport, tcp.seq(b, transport) + done);
  let flags = tcp.flags(b, transport);
  if (n > 0) flags &= ~tcp.CWR;
  if (!last) flags &= ~(tcp.FIN | tcp.PSH);
  tcp.setFlags(b, transport, flags);
  for (const level of layers.levels) {
    ip.setId(b, level.ip, ip.id(b, level.ip) + n);
    ip.setTotalLen(b, level.ip, segment.tail - level.ip);
    ip.updateChecksum(b, level.ip);
  }
  tcp.updateChecksum(b, transport, segment.tail, ip.src(b, network), ip.dst(b, network));
  // From the inside out: an outer checksum covers the inner one.
  for (let i = layers.levels.length - 2; i >= 0; i--) {
    const level = layers.levels[i]!;
    if (level.udp < 0) continue;
    udp.setLength(b, level.udp, segment.tail - level.udp);
    if (udp.checksum(b, level.udp) === 0) continue;
    udp.updateChecksum(b, level.udp, segment.tail, ip.src(b, level.ip), ip.dst(b, level.ip));
  }
}

/** The end of the IP packet, before any padding of the frame. */
const packetEnd = (skb: Skb, network: number): number =>
  Math.min(skb.tail, network + ip.totalLen(skb.bytes, network));

/**
 * Completes a CHECKSUM_PARTIAL packet's checksum, the inner one of a tunnel packet, and marks the packet CHECKSUM_NONE; any
 * other packet is left alone. A checksum of 0 is written as 0xffff, for TCP too, as skb_checksum_help does. Returns
 * false where the bytes hold no transport header to complete.
 */
export function completeChecksum(skb: Skb): boolean {
  if (skb.ipSummed !== CHECKSUM_PARTIAL) return true;
  if (skb.encapsulation) {
    const layers = findLayers(skb);
    return layers !== undefined && complete(skb, layers.network);
  }
  const network = outerNetwork(skb);
  return network >= 0 && complete(skb, network);
}

/** Completes the transport checksum of the packet whose sound IPv4 header is at `network`. */
function complete(skb: Skb, network: number): boolean {
  const b = skb.bytes;
  const proto = ip.proto(b, network);
  const transport = network + ip.ihl(b, network);
  const end = packetEnd(skb, network);
  if (proto !== ip.PROTO_TCP && proto !== ip.PROTO_UDP) return false;
  if (end - transport < (proto === ip.PROTO_TCP ? tcp.MIN_HLEN : udp.HLEN)) return false;
  const field = transport + (proto === ip.PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM);
  const pseudo = pseudoHeader(ip.src(b, network), ip.dst(b, network), proto, end - transport);
  put16(b, field, 0);
  put16(b, field, checksum(b, transport, end, pseudo) || 0xffff);
  skb.ipSummed = CHECKSUM_NONE;
  return true;
}

/** Sum of the inner packet bytes[at..tail) as they will be once its checksum is completed: lco_csum. */
function completedSum(skb: Skb, at: number, type: number): number {
  const layers = skb.ipSummed === CHECKSUM_PARTIAL ? layersFrom(skb, at, type, skb.encapsulation) : undefined;
  if (layers === undefined) return sum(skb.bytes, at, skb.tail);
  const b = skb.bytes;
  const { network, transport, proto } = layers;
  const end = packetEnd(skb, network);
  // A segment whose checksum is right sums with its pseudo-header to zero, so alone to the complement of that.
  const segment = ~pseudoHeader(ip.src(b, network), ip.dst(b, network), proto, end - transport) & 0xffff;
  const padding = sum(b, end, skb.tail);
  const odd = ((end - at) & 1) === 1;
  return fold(sum(b, at, transport) + segment + (odd ? ((padding & 0xff) << 8) | (padding >>> 8) : padding));
}

/**
 * Fills in the checksum of a tunnel's UDP header at `at`: udp_set_csum. `inner` is where the packet it carries begins,
 * `type` ETHERNET or ETH_P_IP. Over a super-segment the field gets the pseudo-header's sum, for `gsoSegment` to complete;
 * over a CHECKSUM_PARTIAL packet it comes out as it will be right once the inner one is (local checksum offload). To be
 * called before `skb.encapsulation` is set for this tunnel, since until then it speaks of the inner packet.
 */
export function setTunnelChecksum(
  skb: Skb,
  at: number,
  inner: number,
  type: number,
  src: Ipv4,
  dst: Ipv4,
): void {
  const pseudo = pseudoHeader(src, dst, ip.PROTO_UDP, skb.tail - at);
  udp.setChecksum(skb.bytes, at, 0);
  if (skb.gsoSize > 0) {
    udp.setChecksum(skb.bytes, at, pseudo);
    return;
  }
  const covered = sum(skb.bytes, at, inner, fold(pseudo + completedSum(skb, inner, type)));
  udp.setChecksum(skb.bytes, at, ~covered & 0xffff || 0xffff);
}
