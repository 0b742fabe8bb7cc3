// A hash over the flow of the packet that a tunnel carries: skb_get_hash (net/core/flow_dissector.c) and
// udp_flow_src_port (include/net/udp.h). The outer UDP source port is made of it, so that networks which spread
// load by ports keep a flow together.
//
// Linux's hash is the same for both directions of a flow (flow_hash_from_keys sorts the addresses), but TCP brings its
// socket's own (sk_txhash), which differs by direction. Here TCP's is taken over the addresses and ports unsorted, and
// the secret is the cluster's seed: the same on all nodes, so that a run can be repeated.
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import { u16, u32 } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';

function mix(h: number, k: number): number {
  h = Math.imul(h ^ Math.imul(k, 0xcc9e2d51), 0x85ebca6b);
  return h ^ (h >>> 13);
}
function finish(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** 32 bits, not zero, for the Ethernet frame at `skb.data`. */
export function flowHash(skb: Skb, secret: number): number {
  const b = skb.bytes;
  const network = skb.data + ethernet.HLEN;
  const type = ethernet.type(b, skb.data);
  const hash =
    type === ETH_P_IP && ip.checkHeader(b, network, skb.tail) === undefined
      ? ipFlow(b, network, skb.tail, secret)
      : finish(
          mix(mix(mix(mix(secret, u32(b, skb.data)), u32(b, skb.data + 4)), u32(b, skb.data + 8)), type),
        );
  return hash || 1;
}

/** The same for the IPv4 packet at `at`, whose header is sound. */
export function ipFlow(b: Uint8Array, at: number, end: number, secret: number): number {
  const src = ip.src(b, at);
  const dst = ip.dst(b, at);
  const proto = ip.proto(b, at);
  const l4 = at + ip.ihl(b, at);
  // A fragment has no ports that all fragments share; ICMP echo has its identifier.
  const whole = !ip.isFragment(b, at) && end - l4 >= 8;
  if (proto === ip.PROTO_TCP)
    return finish(mix(mix(mix(mix(secret, src), dst), proto), whole ? u32(b, l4) : 0));
  let ports = 0;
  if (whole && (proto === ip.PROTO_UDP || proto === ip.PROTO_SCTP)) {
    const sport = u16(b, l4);
    const dport = u16(b, l4 + 2);
    ports = sport < dport ? (sport << 16) | dport : (dport << 16) | sport;
  } else if (whole && proto === ip.PROTO_ICMP) ports = u16(b, l4 + 4);
  const low = Math.min(src, dst);
  const high = Math.max(src, dst);
  return finish(mix(mix(mix(mix(secret, low), high), proto), ports));
}

/** udp_flow_src_port: a port in [min, max) made of the hash. */
export function flowPort(hash: number, min: number, max: number): number {
  hash = (hash ^ (hash << 16)) >>> 0;
  return Math.floor((hash * (max - min)) / 0x1_0000_0000) + min;
}
