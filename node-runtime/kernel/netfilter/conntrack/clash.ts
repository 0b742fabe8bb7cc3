// Two packets of one flow, both new: nf_ct_resolve_clash (net/netfilter/nf_conntrack_core.c). The second to be confirmed
// finds its tuple taken. Where both would have become the same connection, it joins the first; a datagram whose NAT came
// out differently (two DNS queries from one socket, sent to two endpoints) is kept for its answer alone.
import type { Skb } from '../../skb/skb.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Conntrack } from './conntrack.ts';
import {
  DST,
  INFO_BITS,
  IP_CT_ESTABLISHED,
  IP_CT_NEW,
  IPS_FIXED_TIMEOUT,
  IPS_NAT_CLASH,
  IPS_SEEN_REPLY,
  PORTS,
  PROTO,
  REPLY_TUPLE,
  SRC,
  STATUS,
  TIMEOUT,
} from './entry.ts';

/** Old kernels (before 5.7 or so) lost the second packet: what people know as the five-second DNS lookup. */
export const QUIRK_CT_RACE = 'ct-race';

/** True when the packet may go on. */
export function resolveClash(ct: Conntrack, skb: Skb, loser: number): boolean {
  const { slots } = ct.table;
  const e = slots.chunk(loser);
  const at = slots.base(loser);
  const proto = e[at + PROTO]! & 255;
  const link =
    ct.find(e[at + SRC]!, e[at + DST]!, e[at + PORTS]!, proto) || ct.find(...replyOf(e, at), proto);
  if (link === 0) return false;
  const winner = link >>> 1;
  if (proto === ip.PROTO_TCP || proto === ip.PROTO_SCTP) return false;
  if ((link & 1) === 0 && sameTuples(e, at, slots.chunk(winner), slots.base(winner))) {
    ct.forget(skb);
    const answered = (slots.chunk(winner)[slots.base(winner) + STATUS]! & IPS_SEEN_REPLY) !== 0;
    skb.ct = ct;
    skb.ctinfo = (winner << INFO_BITS) | (answered ? IP_CT_ESTABLISHED : IP_CT_NEW);
    return true;
  }
  if (proto !== ip.PROTO_UDP || ct.ns.kernel.quirks.has(QUIRK_CT_RACE)) return false;
  if (ct.find(...replyOf(e, at), proto) !== 0) return false;
  e[at + STATUS]! |= IPS_FIXED_TIMEOUT | IPS_NAT_CLASH;
  e[at + TIMEOUT] = (ct.now + 1000) | 0;
  ct.table.insert(loser, true);
  return true;
}

const replyOf = (e: Int32Array, at: number): [number, number, number] => [
  e[at + REPLY_TUPLE + SRC]!,
  e[at + REPLY_TUPLE + DST]!,
  e[at + REPLY_TUPLE + PORTS]!,
];

function sameTuples(a: Int32Array, i: number, b: Int32Array, k: number): boolean {
  for (let w = 0; w < 2 * REPLY_TUPLE; w++) if (a[i + w] !== b[k + w]) return false;
  return true;
}
