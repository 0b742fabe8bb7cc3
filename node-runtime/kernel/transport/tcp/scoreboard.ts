// The marks on what is in flight and their sums: tcp_mark_skb_lost, tcp_fragment, tcp_adjust_pcount
// (net/ipv4/tcp_input.c, tcp_output.c; RFC 6675's scoreboard).
import { pcountOf } from './mss.ts';
import { LOST, RETRANS, SACKED, type TxSeg } from './rtx-queue.ts';
import { before, seqAdd, seqDiff } from './sequence.ts';
import type { TcpSock } from './tcp-sock.ts';

/** tcp_mark_skb_lost. */
export function markLost(tp: TcpSock, seg: TxSeg): void {
  if ((seg.sacked & SACKED) !== 0) return;
  if (tp.retransHint === undefined || before(seg.seq, tp.retransHint.seq)) tp.retransHint = seg;
  if ((seg.sacked & LOST) !== 0) {
    if ((seg.sacked & RETRANS) === 0) return;
    // The retransmission was lost too.
    seg.sacked &= ~RETRANS;
    tp.retransOut -= seg.pcount;
    tp.lost += seg.pcount;
  } else {
    tp.lostOut += seg.pcount;
    tp.lost += seg.pcount;
    seg.sacked |= LOST;
  }
}

/** tcp_fragment with tcp_adjust_pcount: cuts `seg` behind `len` bytes. */
export function fragment(tp: TcpSock, seg: TxSeg, len: number, mss: number): TxSeg {
  const old = seg.pcount;
  const rest = tp.rtx.split(seg, seqAdd(seg.seq, len));
  seg.pcount = pcountOf(len, mss);
  rest.pcount = pcountOf(seqDiff(rest.end, rest.seq), mss);
  adjustPcount(tp, seg.sacked, old - seg.pcount - rest.pcount);
  if (tp.highestSack === seg && (seg.sacked & SACKED) !== 0) tp.highestSack = rest;
  return rest;
}

/** tcp_adjust_pcount: packets are counted anew when segments are cut otherwise than they were sent. */
export function adjustPcount(tp: TcpSock, sacked: number, less: number): void {
  tp.packetsOut -= less;
  if ((sacked & SACKED) !== 0) tp.sackedOut -= less;
  if ((sacked & RETRANS) !== 0) tp.retransOut -= less;
  if ((sacked & LOST) !== 0) tp.lostOut -= less;
}
