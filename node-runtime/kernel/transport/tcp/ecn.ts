// Explicit congestion notification, RFC 3168: tcp_ecn_* of net/ipv4/tcp_input.c and tcp_output.c. Routers mark rather than
// drop, the receiver echoes the mark until it sees CWR, the sender slows down once a window.
import * as ip from '../../wire/ipv4.ts';
import { CWR, ECE, SYN } from '../../wire/tcp.ts';
import type { Segment } from './segment.ts';
import { before } from './sequence.ts';
import type { TcpSock } from './tcp-sock.ts';

const ECT_0 = 2;
const CE = 3;
const MARK_QUICKACKS = 2;

/** tcp_ecn_create_request: a SYN that asks, and itself says nothing in its IP header. */
export const asksForEcn = (seg: Segment, setting: number): boolean =>
  setting !== 0 && (seg.flags & (ECE | CWR)) === (ECE | CWR) && ip.ecn(seg.skb.bytes, seg.skb.network) === 0;

/** tcp_ecn_send_syn: asks with the first SYN; a repeated one does not, lest something on the way minds (tcp_ecn_fallback). */
export function synFlags(tp: TcpSock, flags: number): number {
  if (flags !== SYN || tp.ns.sysctl.ipv4.tcp_ecn !== 1 || tp.segsOut > 0) return flags;
  tp.ecnAsked = true;
  return flags | ECE | CWR;
}

/** tcp_ecn_rcv_synack. */
export function agreed(tp: TcpSock, seg: Segment): void {
  tp.ecnOk = tp.ecnAsked && (seg.flags & (ECE | CWR)) === ECE;
}

/** tcp_ecn_send: flags of the segment from `seq` with `len` bytes. Only new data may be marked on its way. */
export function dataFlags(tp: TcpSock, seq: number, len: number, flags: number): number {
  if (tp.ecnEcho) flags |= ECE;
  if (len === 0 || before(seq, tp.sndNxt) || !tp.ecnQueueCwr) return flags;
  tp.ecnQueueCwr = false;
  return flags | CWR;
}
export const dataTos = (tp: TcpSock, seq: number, len: number): number =>
  len > 0 && !before(seq, tp.sndNxt) ? tp.tos | ECT_0 : tp.tos;

/** tcp_ecn_accept_cwr and tcp_data_ecn_check: data has come. True: it is to be acknowledged quickly. */
export function received(tp: TcpSock, seg: Segment): boolean {
  if ((seg.flags & CWR) !== 0) {
    tp.ecnEcho = false;
    if (seg.dataLen > 0) tp.ackNow = true;
  }
  const mark = ip.ecn(seg.skb.bytes, seg.skb.network);
  // Without a mark from one who marks: most likely a retransmission.
  if (mark === 0) return tp.ecnSeen;
  tp.ecnSeen = true;
  if (mark !== CE || tp.ecnEcho) return false;
  tp.ecnEcho = true;
  return true;
}
export { MARK_QUICKACKS };

/** tcp_ecn_rcv_ecn_echo. */
export const echoes = (tp: TcpSock, seg: Segment): boolean => tp.ecnOk && (seg.flags & (ECE | SYN)) === ECE;
