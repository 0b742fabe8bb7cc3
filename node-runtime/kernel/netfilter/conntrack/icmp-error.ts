// ICMP errors belong to the connection of the packet they quote: nf_conntrack_icmpv4_error and nf_conntrack_inet_error
// (net/netfilter/nf_conntrack_proto_icmp.c). Such a packet is RELATED; NAT translates both its headers.
import { CHECKSUM_NONE, type Skb } from '../../skb/skb.ts';
import { verify } from '../../wire/checksum.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Conntrack } from './conntrack.ts';
import { DST, INFO_BITS, IP_CT_RELATED, IP_CT_RELATED_REPLY, REPLY_TUPLE } from './entry.ts';
import { invertible, invertPorts, readTuple } from './tuple.ts';

export const isIcmpError = (type: number): boolean =>
  type === icmp.DEST_UNREACH ||
  type === icmp.SOURCE_QUENCH ||
  type === icmp.REDIRECT ||
  type === icmp.TIME_EXCEEDED ||
  type === icmp.PARAMETER_PROBLEM;

/** Ties the error to its connection; false when it is invalid (`ct.why` says how). */
export function icmpError(ct: Conntrack, skb: Skb, verifySums: boolean): boolean {
  const t = ct.tuple;
  const b = skb.bytes;
  const { l4, end } = t;
  const outerDst = t.dst;
  if (verifySums && skb.ipSummed === CHECKSUM_NONE && !verify(b, l4, end)) {
    ct.why = 'bad ICMP checksum';
    return false;
  }
  const inner = l4 + icmp.HLEN;
  ct.why = 'the ICMP error quotes too little';
  if (ip.checkHeader(b, inner, end) !== undefined || ip.fragOffset(b, inner) !== 0) return false;
  if (!readTuple(t, b, inner, end) || !invertible(t.proto, t.ports)) return false;
  const link = ct.find(t.dst, t.src, invertPorts(t.proto, t.ports), t.proto);
  if (link === 0) {
    ct.why = 'the ICMP error quotes a packet of no known connection';
    return false;
  }
  const slot = link >>> 1;
  const e = ct.table.slots.chunk(slot);
  const at = ct.table.slots.base(slot);
  if (e[at + (link & 1) * REPLY_TUPLE + DST] !== outerDst) {
    ct.why = 'the ICMP error is not addressed to the sender of what it quotes';
    return false;
  }
  skb.ct = ct;
  skb.ctinfo = (slot << INFO_BITS) | ((link & 1) !== 0 ? IP_CT_RELATED_REPLY : IP_CT_RELATED);
  return true;
}
