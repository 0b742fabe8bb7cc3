// Sending again, and the congestion states that losses lead to: tcp_retransmit_skb, tcp_enter_loss, tcp_enter_recovery and PRR (net/ipv4/tcp_input.c, tcp_output.c; RFC 6937).
import { ACK, FIN, PSH, SYN } from '../../wire/tcp.ts';
import { currentMss, gsoSegs, pcountOf } from './mss.ts';
import { transmit, transmitSyn } from './output.ts';
import { rackTimeoutOf } from './rack.ts';
import { setRtoTimer } from './rearm.ts';
import { EVER_RETRANS, LOST, RETRANS, SACKED, type TxSeg } from './rtx-queue.ts';
import { adjustPcount, fragment, markLost } from './scoreboard.ts';
import { after, seqAdd, seqDiff } from './sequence.ts';
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_RECOVERY, TCP_INFINITE_SSTHRESH, TCP_SYN_RECV } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { initUndo } from './undo.ts';

const dataLen = (seg: TxSeg): number => seqDiff(seg.end, seg.seq) - (seg.control !== 0 ? 1 : 0);

/** __tcp_retransmit_skb: up to `segs` packets of `seg`. False when the window has no room for any. */
export function retransmit(tp: TcpSock, seg: TxSeg, segs: number): boolean {
  if (seg.control === SYN) {
    transmitSyn(tp, tp.state === TCP_SYN_RECV ? SYN | ACK : SYN);
    retransmitted(tp, seg);
    return true;
  }
  const mss = currentMss(tp);
  let room = seqDiff(seqAdd(tp.sndUna, tp.sndWnd), seg.seq);
  if (room <= 0) {
    if (seg.seq !== tp.sndUna) return false;
    room = mss; // a closed window is probed with the segment itself
  }
  let len = Math.min(mss * segs, mss * gsoSegs(mss));
  if (len > room) len = room > mss ? room - (room % mss) : room;
  const whole = dataLen(seg);
  if (whole > len) fragment(tp, seg, len, mss);
  else {
    const pcount = pcountOf(whole, mss);
    if (pcount !== seg.pcount) {
      adjustPcount(tp, seg.sacked, seg.pcount - pcount);
      seg.pcount = pcount;
    }
  }
  const n = dataLen(seg);
  const fin = seg.control === FIN ? FIN : 0;
  const push = n > 0 && seqAdd(seg.seq, n) === tp.ring.end ? PSH : 0;
  transmit(tp, seg.seq, n, ACK | fin | push, mss);
  tp.bytesRetrans += n;
  retransmitted(tp, seg);
  return true;
}

/** tcp_retransmit_skb's accounts. */
function retransmitted(tp: TcpSock, seg: TxSeg): void {
  const now = tp.now();
  tp.rtx.sent(seg, now, tp.delivered);
  if ((seg.sacked & RETRANS) === 0) tp.retransOut += seg.pcount;
  seg.sacked |= RETRANS | EVER_RETRANS;
  if (tp.retransStamp === 0) tp.retransStamp = Math.max(now, 1e-9);
  if (tp.undoRetrans < 0) tp.undoRetrans = 0;
  tp.undoRetrans += seg.pcount;
  tp.totalRetrans += seg.pcount;
  tp.net.mib.retransSegs += seg.pcount;
}

/** tcp_xmit_retransmit_queue: what is marked lost, as far as the congestion window allows. */
export function retransmitQueue(tp: TcpSock): void {
  if (tp.lostOut <= tp.retransOut && (tp.lostOut === 0 || tp.retransHint === undefined)) return;
  const head = tp.rtx.head;
  const most = gsoSegs(tp.mss);
  let rearm = false;
  for (let seg = tp.retransHint ?? head; seg !== undefined; seg = seg.next) {
    const segs = Math.min(tp.cwnd - tp.inFlight, most);
    if (segs <= 0) break;
    tp.retransHint = seg;
    if ((seg.sacked & LOST) === 0 || (seg.sacked & (SACKED | RETRANS)) !== 0) continue;
    if (!retransmit(tp, seg, segs)) break;
    if (tp.ca === CA_LOSS) tp.net.mib.slowStartRetrans++;
    else tp.net.mib.fastRetrans++;
    if (tp.ca === CA_CWR || tp.ca === CA_RECOVERY) tp.prrOut += seg.pcount;
    if (seg === head && tp.rtoEvent !== 'reorder') rearm = true;
  }
  if (rearm) setRtoTimer(tp, 'retransmit', tp.rto);
}

/** tcp_init_cwnd_reduction. */
export function initCwndReduction(tp: TcpSock): void {
  tp.highSeq = tp.sndNxt;
  tp.tlpOn = false;
  tp.cwndCnt = 0;
  tp.priorCwnd = tp.cwnd;
  tp.prrDelivered = 0;
  tp.prrOut = 0;
  tp.ssthresh = tp.cc.newSsthresh(tp);
  tp.ecnQueueCwr = tp.ecnOk;
}

/** tcp_cwnd_reduction: proportional rate reduction, with the reduction bound when less is in flight than wanted. */
export function cwndReduction(tp: TcpSock, acked: number, lost: number, advanced: boolean): void {
  if (acked <= 0 || tp.priorCwnd === 0) return;
  const delta = tp.ssthresh - tp.inFlight;
  tp.prrDelivered += acked;
  let send: number;
  if (delta < 0)
    send = Math.floor((tp.ssthresh * tp.prrDelivered + tp.priorCwnd - 1) / tp.priorCwnd) - tp.prrOut;
  else {
    send = Math.max(tp.prrDelivered - tp.prrOut, acked);
    if (advanced && lost === 0) send++;
    send = Math.min(delta, send);
  }
  // Forces a fast retransmit upon entering.
  send = Math.max(send, tp.prrOut > 0 ? 0 : 1);
  tp.cwnd = tp.inFlight + send;
}

/** tcp_end_cwnd_reduction. */
export function endCwndReduction(tp: TcpSock): void {
  if (tp.ssthresh < TCP_INFINITE_SSTHRESH && (tp.ca === CA_CWR || tp.hasUndoMarker)) {
    tp.cwnd = tp.ssthresh;
    tp.cwndStamp = tp.now();
  }
}

/** tcp_current_ssthresh. */
function currentSsthresh(tp: TcpSock): number {
  if (tp.ca === CA_CWR || tp.ca === CA_RECOVERY) return tp.ssthresh;
  return Math.max(tp.ssthresh, (tp.cwnd >> 1) + (tp.cwnd >> 2));
}

/** tcp_enter_recovery. */
export function enterRecovery(tp: TcpSock): void {
  if (tp.sackOk) tp.net.mib.sackRecovery++;
  else tp.net.mib.renoRecovery++;
  tp.priorSsthresh = 0;
  initUndo(tp);
  if (tp.ca !== CA_CWR && tp.ca !== CA_RECOVERY) {
    tp.priorSsthresh = currentSsthresh(tp);
    initCwndReduction(tp);
  }
  tp.ca = CA_RECOVERY;
}

/** tcp_timeout_mark_lost and tcp_enter_loss (RFC 6298 5.4, RFC 5681 3.1, F-RTO of RFC 5682). */
export function enterLoss(tp: TcpSock): void {
  const head = tp.rtx.head;
  const reneged = head !== undefined && (head.sacked & SACKED) !== 0;
  if (reneged) {
    tp.net.mib.sackReneging++;
    tp.sackedOut = 0;
    tp.highestSack = undefined;
    tp.sackCached = 0;
  } else if (!tp.sackOk) tp.sackedOut = 0;
  const now = tp.now();
  for (let seg = head; seg !== undefined; seg = seg.next) {
    if (reneged) seg.sacked &= ~SACKED;
    // What was sent a moment ago has not had its time yet.
    else if (tp.sackOk && seg !== head && rackTimeoutOf(tp, seg, 0, now) > 0) continue;
    markLost(tp, seg);
  }
  const fresh = tp.ca < CA_RECOVERY;
  if (tp.ca <= CA_DISORDER || !after(tp.highSeq, tp.sndUna) || (tp.ca === CA_LOSS && tp.retransmits === 0)) {
    tp.priorSsthresh = currentSsthresh(tp);
    tp.priorCwnd = tp.cwnd;
    tp.ssthresh = tp.cc.newSsthresh(tp);
    initUndo(tp);
  }
  if (tp.ca <= CA_DISORDER && tp.sackedOut >= tp.reordering) tp.reordering = Math.min(tp.reordering, 3);
  tp.cwnd = tp.inFlight + 1;
  tp.cwndCnt = 0;
  tp.cwndStamp = now;
  tp.ca = CA_LOSS;
  tp.ecnQueueCwr = tp.ecnOk;
  tp.highSeq = tp.sndNxt;
  tp.tlpOn = false;
  tp.frto = tp.ns.sysctl.ipv4.tcp_frto !== 0 && (fresh || tp.retransmits > 0);
}
