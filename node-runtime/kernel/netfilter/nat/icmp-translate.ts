// An ICMP error about a translated packet: nf_nat_icmp_reply_translation (net/netfilter/nf_nat_proto.c). The quoted packet
// is put back as its sender wrote it, then the outer header follows the connection like any other packet.
import type { HookState } from '../../netns/hooks.ts';
import { CHECKSUM_PARTIAL, type Skb } from '../../skb/skb.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import {
  DST,
  dirOf,
  IPS_DST_NAT,
  IPS_NAT_DONE_MASK,
  IPS_NAT_MASK,
  IPS_SRC_NAT,
  PORTS,
  PROTO,
  REPLY_TUPLE,
  SRC,
  STATUS,
  slotOf,
} from '../conntrack/entry.ts';
import { manglePacket } from './mangle.ts';
import { type Manip, NF_NAT_MANIP_SRC } from './range.ts';
import { traceNat } from './trace.ts';

/** False: the packet must be dropped. */
export function translateIcmpError(ct: Conntrack, skb: Skb, state: HookState, manip: Manip): boolean {
  const b = skb.bytes;
  const at = skb.network;
  const l4 = at + ip.ihl(b, at);
  const end = Math.min(skb.tail, at + ip.totalLen(b, at));
  if (l4 + icmp.HLEN + ip.MIN_HLEN > end) return false;
  const slot = slotOf(skb.ctinfo);
  const e = ct.table.slots.chunk(slot);
  const entry = ct.table.slots.base(slot);
  const status = e[entry + STATUS]!;
  // A redirect would name a gateway that the sender cannot use.
  if (icmp.type(b, l4) === icmp.REDIRECT)
    if ((status & IPS_NAT_DONE_MASK) !== IPS_NAT_DONE_MASK || (status & IPS_NAT_MASK) !== 0) return false;

  const dir = dirOf(skb.ctinfo);
  const source = manip === NF_NAT_MANIP_SRC;
  let bit = source ? IPS_SRC_NAT : IPS_DST_NAT;
  if (dir === 1) bit ^= IPS_NAT_MASK;
  if ((status & bit) === 0) return true;

  const t = entry + (1 - dir) * REPLY_TUPLE;
  const addr = source ? e[t + DST]! : e[t + SRC]!;
  const ports = e[t + PORTS]!;
  const isIcmp = (e[entry + PROTO]! & 255) === ip.PROTO_ICMP;
  const port = source && !isIcmp ? ports & 0xffff : ports >>> 16;
  manglePacket(b, l4 + icmp.HLEN, end, !source, addr, port, false);
  if (skb.ipSummed !== CHECKSUM_PARTIAL) icmp.updateChecksum(b, l4, end);
  if (skb.trace !== 0) traceNat(skb, state, source, dir, addr, port);
  manglePacket(b, at, end, source, addr, 0, false);
  return true;
}
