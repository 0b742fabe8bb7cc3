// The tuple by which a packet is known: nf_ct_get_tuple and nf_ct_invert_tuple (net/netfilter/nf_conntrack_core.c and
// nf_conntrack_proto_*.c). Addresses and ports are signed 32-bit words here, as they lie in the table. Where TCP has its
// two ports, ICMP has id << 16 | type << 8 | code, and protocols without ports have 0.
import { u16, u32 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';

/** One is kept per namespace and filled for each packet. */
export class Tuple {
  src = 0;
  dst = 0;
  ports = 0;
  proto = 0;
  /** Where the transport header begins and where the packet ends. */
  l4 = 0;
  end = 0;
}

export const hasPorts = (proto: number): boolean =>
  proto === ip.PROTO_TCP || proto === ip.PROTO_UDP || proto === ip.PROTO_SCTP;

/** Reads the tuple of the packet whose IP header is at `at`; false when the packet is too short to have one. */
export function readTuple(t: Tuple, b: Uint8Array, at: number, end: number): boolean {
  const l4 = at + ip.ihl(b, at);
  const proto = ip.proto(b, at);
  t.src = u32(b, at + 12) | 0;
  t.dst = u32(b, at + 16) | 0;
  t.proto = proto;
  t.l4 = l4;
  t.end = Math.min(end, at + ip.totalLen(b, at));
  if (hasPorts(proto)) {
    if (l4 + 8 > end) return false;
    t.ports = u32(b, l4) | 0;
  } else if (proto === ip.PROTO_ICMP) {
    if (l4 + 8 > end) return false;
    t.ports = (u16(b, l4 + 4) << 16) | u16(b, l4);
  } else t.ports = 0;
  return true;
}

/** Echo and echo reply, timestamp, information, address mask: the types that come in pairs. */
const ICMP_INVERSE: readonly number[] = (() => {
  const map: number[] = new Array(256).fill(-1);
  for (const [request, reply] of [
    [8, 0],
    [13, 14],
    [15, 16],
    [17, 18],
  ] as const) {
    map[request] = reply;
    map[reply] = request;
  }
  return map;
})();

/** Whether the reply's tuple can be told from this one: false for ICMP types that have no answer. */
export const invertible = (proto: number, ports: number): boolean =>
  proto !== ip.PROTO_ICMP || ICMP_INVERSE[(ports >>> 8) & 255]! >= 0;

/** The PORTS word of the inverse tuple. */
export function invertPorts(proto: number, ports: number): number {
  if (proto === ip.PROTO_ICMP)
    return (ports & 0xffff00ff) | ((ICMP_INVERSE[(ports >>> 8) & 255]! & 255) << 8);
  return (ports << 16) | (ports >>> 16);
}
