// Segments that no full socket sends: resets for strays, ACKs of TIME_WAIT, SYN-ACKs of half-open connections
// (tcp_v4_send_reset, tcp_v4_send_ack, ip_build_and_send_pkt). DF is always set on them.
import type { Netns } from '../../netns/netns.ts';
import { CHECKSUM_PARTIAL, type Skb } from '../../skb/skb.ts';
import { TRACE_REPLY } from '../../trace/event.ts';
import type { Ipv4 } from '../../wire/addr.ts';
import { put16, put32 } from '../../wire/bytes.ts';
import { pseudoHeader } from '../../wire/checksum.ts';
import { PROTO_TCP } from '../../wire/ipv4.ts';
import { ACK, RST } from '../../wire/tcp.ts';
import { pushIpHeader } from '../ip-xmit.ts';
import type { EhashEntry } from './hash.ts';
import type { Segment } from './segment.ts';
import type { TcpNet } from './tcp-net.ts';

/** A packet with a TCP header of `hlen` bytes, options left to the caller; `data` is at the header. */
export function bareSegment(
  ns: Netns,
  tuple: Pick<EhashEntry, 'sport' | 'dport'>,
  seq: number,
  ack: number,
  flags: number,
  window: number,
  hlen: number,
): Skb {
  const skb = ns.kernel.pool.alloc(hlen);
  const at = skb.put(hlen);
  const b = skb.bytes;
  put16(b, at, tuple.sport);
  put16(b, at + 2, tuple.dport);
  put32(b, at + 4, seq);
  put32(b, at + 8, ack);
  b[at + 12] = hlen << 2;
  b[at + 13] = flags;
  put16(b, at + 14, window);
  put16(b, at + 18, 0);
  return skb;
}

/** Checksum, IP header, and out. `trace`: the id of the segment that it answers. */
export function sendBare(net: TcpNet, skb: Skb, src: Ipv4, dst: Ipv4, tos: number, trace: number): void {
  const { ns } = net;
  put16(skb.bytes, skb.data + 16, pseudoHeader(src, dst, PROTO_TCP, skb.len));
  skb.ipSummed = CHECKSUM_PARTIAL;
  net.mib.outSegs++;
  pushIpHeader(skb, PROTO_TCP, src, dst, ns.sysctl.ipv4.ip_default_ttl, tos, true);
  if (trace !== 0) {
    skb.trace = trace | TRACE_REPLY;
    ns.kernel.traceEvent(skb, ns, 'send', 'TCP answers by itself');
  }
  ns.kernel.ipv4.localOut(skb, ns);
}

/** tcp_v4_send_reset: RFC 9293 section 3.10.7.1. Never in answer to a reset, nor to what was not sent to us alone. */
export function sendReset(net: TcpNet, seg: Segment): void {
  if (seg.rst) return;
  const { ns } = net;
  if (seg.skb.pktType !== 0 || ns.kernel.ipv4.addrType(ns, seg.dst) !== 'LOCAL') return;
  net.mib.outRsts++;
  const tuple = { sport: seg.dport, dport: seg.sport };
  const skb = seg.hasAck
    ? bareSegment(ns, tuple, seg.ack, 0, RST, 0, 20)
    : bareSegment(ns, tuple, 0, seg.end, RST | ACK, 0, 20);
  sendBare(net, skb, seg.dst, seg.src, 0, seg.skb.trace);
}

/** tcp_v4_send_ack, with timestamps when `tsval` is given. `window` as it goes into the header. */
export function sendBareAck(
  net: TcpNet,
  entry: EhashEntry,
  seq: number,
  ack: number,
  window: number,
  ts: { readonly val: number; readonly ecr: number } | undefined,
  trace: number,
): void {
  const skb = bareSegment(net.ns, entry, seq, ack, ACK, window, ts === undefined ? 20 : 32);
  if (ts !== undefined) {
    put32(skb.bytes, skb.data + 20, 0x0101080a);
    put32(skb.bytes, skb.data + 24, ts.val);
    put32(skb.bytes, skb.data + 28, ts.ecr);
  }
  sendBare(net, skb, entry.saddr, entry.daddr, 0, trace);
}
