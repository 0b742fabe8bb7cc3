// Tracking of UDP, ICMP echo and everything else: nf_conntrack_proto_{udp,icmp,generic}.c. None has states of its own;
// what differs is how long a flow is remembered.
import { CHECKSUM_NONE, type Skb } from '../../skb/skb.ts';
import { u16 } from '../../wire/bytes.ts';
import { pseudoHeader, verify } from '../../wire/checksum.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Conntrack } from './conntrack.ts';
import { IPS_ASSURED, IPS_CONFIRMED, IPS_NAT_CLASH, IPS_SEEN_REPLY, STATUS, UDP_STREAM_TS } from './entry.ts';
import { CT_ACCEPT, CT_INVALID, type CtResult } from './result.ts';

function udpError(ct: Conntrack, skb: Skb, verifySums: boolean): boolean {
  const { l4, end, src, dst } = ct.tuple;
  const b = skb.bytes;
  const len = u16(b, l4 + 4);
  if (len < 8 || len > end - l4) return true;
  if (!verifySums || skb.ipSummed !== CHECKSUM_NONE || u16(b, l4 + 6) === 0) return false;
  return !verify(b, l4, l4 + len, pseudoHeader(src >>> 0, dst >>> 0, ip.PROTO_UDP, len));
}

export function udpPacket(ct: Conntrack, skb: Skb, slot: number, verifySums: boolean): CtResult {
  ct.why = 'bad UDP length or checksum';
  // A super-datagram has the length of its first piece.
  if (skb.gsoSize === 0 && udpError(ct, skb, verifySums)) return CT_INVALID;
  const e = ct.table.slots.chunk(slot);
  const at = ct.table.slots.base(slot);
  const s = ct.ns.sysctl.netfilter;
  const status = e[at + STATUS]!;
  if ((status & IPS_CONFIRMED) === 0) e[at + UDP_STREAM_TS] = (ct.now + 2000) | 0;
  if ((status & IPS_SEEN_REPLY) === 0) {
    ct.refresh(e, at, s.nf_conntrack_udp_timeout * 1000);
    return CT_ACCEPT;
  }
  // Answered, and alive after two seconds: a stream.
  const stream = ((ct.now - e[at + UDP_STREAM_TS]!) | 0) > 0;
  ct.refresh(e, at, (stream ? s.nf_conntrack_udp_timeout_stream : s.nf_conntrack_udp_timeout) * 1000);
  if (stream && (status & (IPS_ASSURED | IPS_NAT_CLASH)) === 0) {
    e[at + STATUS]! |= IPS_ASSURED;
    ct.changed();
  }
  return CT_ACCEPT;
}

/** Echo, timestamp, information and address requests begin a flow; an answer nobody asked for does not. */
export function icmpPacket(ct: Conntrack, slot: number): CtResult {
  const e = ct.table.slots.chunk(slot);
  const at = ct.table.slots.base(slot);
  if ((e[at + STATUS]! & IPS_CONFIRMED) === 0) {
    const type = (ct.tuple.ports >>> 8) & 255;
    if (type !== 8 && type !== 13 && type !== 15 && type !== 17) {
      ct.why = 'an ICMP answer to nothing';
      return CT_INVALID;
    }
  }
  ct.refresh(e, at, ct.ns.sysctl.netfilter.nf_conntrack_icmp_timeout * 1000);
  return CT_ACCEPT;
}

export function genericPacket(ct: Conntrack, slot: number): CtResult {
  const { slots } = ct.table;
  ct.refresh(slots.chunk(slot), slots.base(slot), ct.ns.sysctl.netfilter.nf_conntrack_generic_timeout * 1000);
  return CT_ACCEPT;
}
