// The headers that a tunnel puts in front: iptunnel_xmit (net/ipv4/ip_tunnel_core.c) and udp_set_csum (net/ipv4/udp.c).
import type { SockInfo } from '../netns/ipv4-ops.ts';
import type { Netns } from '../netns/netns.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, ETH_P_IP, type Skb } from '../skb/skb.ts';
import type { Ipv4 } from '../wire/addr.ts';
import { put16, put32, u16 } from '../wire/bytes.ts';
import { pseudoHeader, sum } from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';

const DF = 0x4000;
const TCP_CHECK = 16;
const UDP_CHECK = 6;

/**
 * iptunnel_xmit: puts the IP header in front of `skb.data` and sends the packet as the namespace's own. `sk` says by which
 * device it must leave, where that matters. Takes the skb.
 */
export function sendOuter(
  ns: Netns,
  skb: Skb,
  proto: number,
  src: Ipv4,
  dst: Ipv4,
  ttl: number,
  tos: number,
  df: boolean,
  sk: SockInfo | undefined,
): void {
  skb.scrub(false);
  skb.transport = skb.data;
  const at = skb.push(ip.MIN_HLEN);
  const b = skb.bytes;
  b[at] = 0x45;
  b[at + 1] = tos;
  put16(b, at + 2, skb.tail - at);
  put16(b, at + 4, 0);
  put16(b, at + 6, df ? DF : 0);
  b[at + 8] = ttl;
  b[at + 9] = proto;
  put16(b, at + 10, 0);
  put32(b, at + 12, src);
  put32(b, at + 16, dst);
  skb.mac = -1;
  skb.network = at;
  skb.protocol = ETH_P_IP;
  skb.sk = sk;
  ns.kernel.ipv4.localOut(skb, ns);
}

/**
 * Puts a UDP header in front of `skb.data`, checksum included. `inner`: offset of the IPv4 packet carried within, or -1 for
 * anything else; its transport checksum may still be unfinished.
 */
export function pushUdp(
  skb: Skb,
  inner: number,
  sport: number,
  dport: number,
  src: Ipv4,
  dst: Ipv4,
  zeroChecksum: boolean,
): void {
  // Nothing but a grown buffer moves offsets, and then by as much as `data` moves beyond the push.
  const before = skb.data;
  const at = skb.push(udp.HLEN);
  inner += inner < 0 ? 0 : at + udp.HLEN - before;
  const b = skb.bytes;
  const len = skb.tail - at;
  put16(b, at, sport);
  put16(b, at + 2, dport);
  put16(b, at + 4, len);
  put16(b, at + 6, 0);
  const partial = skb.ipSummed === CHECKSUM_PARTIAL || skb.gsoSize > 0;
  skb.encapsulation = partial;
  if (!partial) skb.ipSummed = CHECKSUM_NONE;
  if (zeroChecksum) return;
  const pseudo = pseudoHeader(src, dst, ip.PROTO_UDP, len);
  if (skb.gsoSize > 0) {
    // Each segment gets its own when it is cut.
    put16(b, at + 6, pseudo);
    return;
  }
  const total = partial ? localSum(b, at, inner, pseudo) : sum(b, at, skb.tail, pseudo);
  put16(b, at + 6, ~total & 0xffff || 0xffff);
}

/**
 * Local checksum offload (lco_csum): an inner transport segment whose checksum will be right sums up to the complement of
 * its pseudo-header's sum, which is what its checksum field holds now. So only the headers before it are read.
 */
function localSum(b: Uint8Array, at: number, inner: number, acc: number): number {
  const transport = inner + ip.ihl(b, inner);
  const field = transport + (ip.proto(b, inner) === ip.PROTO_TCP ? TCP_CHECK : UDP_CHECK);
  return sum(b, at, transport, acc + (~u16(b, field) & 0xffff));
}
