// An incoming acknowledgement: tcp_ack and tcp_clean_rtx_queue (net/ipv4/tcp_input.c).
import { WAKE_WRITE } from '../sock.ts';
import {
  FLAG_ACKED,
  FLAG_DATA,
  FLAG_DATA_ACKED,
  FLAG_DATA_SACKED,
  FLAG_DSACKING_ACK,
  FLAG_ECE,
  FLAG_FORWARD_PROGRESS,
  FLAG_NOT_DUP,
  FLAG_ORIG_SACK_ACKED,
  FLAG_RETRANS_DATA_ACKED,
  FLAG_SACK_RENEGING,
  FLAG_SET_XMIT_TIMER,
  FLAG_SND_UNA_ADVANCED,
  FLAG_SYN_ACKED,
  FLAG_WIN_UPDATE,
} from './ack-flags.ts';
import { sendChallengeAck } from './challenge.ts';
import { echoes } from './ecn.ts';
import { cwndReduction, retransmitQueue } from './loss.ts';
import { currentMss, pcountOf, syncMss } from './mss.ts';
import { pushPending } from './output.ts';
import { rackAdvance, updateReorderWindow } from './rack.ts';
import { clearRtoTimer, probe0Delay, rearmRto, setRtoTimer, setXmitTimer } from './rearm.ts';
import { fastRetransAlert, processTlpAck, REXMIT_NEW, REXMIT_NONE } from './recovery.ts';
import { updateRtt } from './rtt.ts';
import { EVER_RETRANS, LOST, RETRANS, SACKED } from './rtx-queue.ts';
import { checkReordering, tagSacked } from './sack.ts';
import type { SackState } from './sack-state.ts';
import type { Segment } from './segment.ts';
import { after, before, seqAdd, seqDiff } from './sequence.ts';
import { CA_CWR, CA_OPEN, CA_RECOVERY } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';

export type AckVerdict = 'ok' | 'old' | 'too-old' | 'unsent';

/** tcp_replace_ts_recent: the timestamp to echo is that of the segment at the left edge. */
function storeTimestamp(tp: TcpSock, seg: Segment): void {
  if (!seg.sawTs || !tp.tsOk || after(seg.seq, tp.rcvWup)) return;
  if (before(seg.tsval, tp.tsRecent)) return;
  tp.tsRecent = seg.tsval;
  tp.tsRecentAt = tp.now();
}

/** tcp_ack_update_window (RFC 9293 section 3.10.7.4). */
function updateWindow(tp: TcpSock, seg: Segment): number {
  const window = seg.syn ? seg.window : seg.window << tp.sndWscale;
  const wider = seg.seq === tp.sndWl1 && window > tp.sndWnd;
  if (!after(seg.ack, tp.sndUna) && !after(seg.seq, tp.sndWl1) && !wider) return 0;
  tp.sndWl1 = seg.seq;
  if (window !== tp.sndWnd) {
    tp.sndWnd = window;
    if (window > tp.maxWindow) {
      tp.maxWindow = window;
      syncMss(tp, tp.pmtu);
    }
  }
  return FLAG_WIN_UPDATE;
}

function advanceUna(tp: TcpSock, ack: number): void {
  tp.bytesAcked += seqDiff(ack, tp.sndUna);
  tp.sndUna = ack;
}

/** tcp_ack. */
export function tcpAck(tp: TcpSock, seg: Segment, updateTs = true): AckVerdict {
  const { ack } = seg;
  const priorUna = tp.sndUna;
  const now = tp.now();
  const priorDelivered = tp.delivered;
  const priorLost = tp.lost;
  const state = tp.net.sackState;
  state.flag = 0;
  state.hasReord = false;
  state.firstSackt = 0;
  tp.rcvTsecr = seg.sawTs ? seg.tsecr : 0;
  tp.sawTsecr = seg.sawTs;
  if (before(ack, priorUna)) {
    if (before(ack, (priorUna - Math.max(tp.maxWindow, 1)) | 0)) {
      sendChallengeAck(tp);
      return 'too-old';
    }
    if (seg.sacks > 0 && tp.sackOk && tp.packetsOut > 0) {
      tagSacked(tp, seg, priorUna, state, now);
      const rexmit = fastRetransAlert(tp, 0, state, now);
      continueRecovery(tp, rexmit, priorDelivered, priorLost, state.flag);
    }
    return 'old';
  }
  if (after(ack, tp.sndNxt)) return 'unsent';
  let flag = 0;
  if (after(ack, priorUna)) {
    flag |= FLAG_SND_UNA_ADVANCED;
    tp.retransmits = 0;
    tp.totalRto = 0;
  }
  const priorFack = tp.highestSack !== undefined ? tp.highestSack.seq : priorUna;
  if (updateTs) storeTimestamp(tp, seg);
  flag |= updateWindow(tp, seg);
  if ((flag & FLAG_SND_UNA_ADVANCED) !== 0) advanceUna(tp, ack);
  if (seg.end !== seg.seq) flag |= FLAG_DATA;
  if (echoes(tp, seg)) flag |= FLAG_ECE;
  state.flag = flag;
  if (seg.sacks > 0 && tp.sackOk && tp.packetsOut > 0) tagSacked(tp, seg, priorUna, state, now);
  tp.softErr = undefined;
  tp.probesOut = 0;
  tp.rcvTstamp = now;
  if (tp.packetsOut === 0) {
    if ((state.flag & FLAG_DSACKING_ACK) !== 0) fastRetransAlert(tp, 0, state, now);
    ackWithNothingOut(tp);
    if (tp.tlpOn) processTlpAck(tp, ack, state.flag);
    return 'ok';
  }
  cleanRtxQueue(tp, state, priorFack, now);
  updateReorderWindow(tp);
  if (tp.tlpOn) processTlpAck(tp, ack, state.flag);
  let rexmit = REXMIT_NONE;
  if (dubious(tp, state.flag)) {
    const duplicates =
      (state.flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DSACKING_ACK)) === 0
        ? Math.max(1, seg.gsoSize > 0 ? Math.ceil(seg.dataLen / seg.gsoSize) : 1)
        : 0;
    rexmit = fastRetransAlert(tp, duplicates, state, now);
  }
  if ((state.flag & FLAG_SET_XMIT_TIMER) !== 0) setXmitTimer(tp);
  continueRecovery(tp, rexmit, priorDelivered, priorLost, state.flag);
  return 'ok';
}

/** tcp_ack_is_dubious. */
const dubious = (tp: TcpSock, flag: number): boolean =>
  (flag & FLAG_NOT_DUP) === 0 || (flag & (FLAG_DATA_SACKED | FLAG_ECE)) !== 0 || tp.ca !== CA_OPEN;

/** tcp_cong_control and tcp_xmit_recovery. */
function continueRecovery(
  tp: TcpSock,
  rexmit: number,
  priorDelivered: number,
  priorLost: number,
  flag: number,
): void {
  const delivered = tp.delivered - priorDelivered;
  if (tp.ca === CA_CWR || tp.ca === CA_RECOVERY)
    cwndReduction(tp, delivered, tp.lost - priorLost, (flag & FLAG_SND_UNA_ADVANCED) !== 0);
  else if ((flag & (tp.reordering > 3 ? FLAG_FORWARD_PROGRESS : FLAG_DATA_ACKED)) !== 0)
    tp.cc.congAvoid(tp, delivered, tp.now());
  if (rexmit === REXMIT_NONE) return;
  if (rexmit === REXMIT_NEW) {
    pushPending(tp);
    if (after(tp.sndNxt, tp.highSeq)) return;
    tp.frto = false;
  }
  retransmitQueue(tp);
}

/** tcp_ack_probe: nothing was in flight; did the window open? */
function ackWithNothingOut(tp: TcpSock): void {
  if (!after(tp.writeSeq, tp.sndNxt)) return;
  const head = Math.min(currentMss(tp), seqDiff(tp.writeSeq, tp.sndNxt));
  if (!after(seqAdd(tp.sndNxt, head), seqAdd(tp.sndUna, tp.sndWnd))) {
    tp.backoff = 0;
    if (tp.rtoEvent === 'probe0') clearRtoTimer(tp);
  } else setRtoTimer(tp, 'probe0', probe0Delay(tp));
}

/** tcp_clean_rtx_queue: takes off what is acknowledged, and learns from it. */
function cleanRtxQueue(tp: TcpSock, state: SackState, priorFack: number, now: number): void {
  const { rtx } = tp;
  const una = tp.sndUna;
  let first = -1;
  let last = -1;
  let acked = 0;
  let reord = tp.sndNxt;
  let hasReord = false;
  for (let seg = rtx.head; seg !== undefined; seg = rtx.head) {
    const whole = !after(seg.end, una);
    let pcount = seg.pcount;
    if (!whole) {
      // tcp_tso_acked: the front of a super-segment.
      if (pcount === 1 || !after(una, seg.seq)) break;
      pcount -= pcountOf(seqDiff(seg.end, una), tp.mss);
      seg.seq = una;
      if (pcount <= 0) break;
    }
    if ((seg.sacked & EVER_RETRANS) !== 0) {
      if ((seg.sacked & RETRANS) !== 0) tp.retransOut -= pcount;
      state.flag |= FLAG_RETRANS_DATA_ACKED;
    } else if ((seg.sacked & SACKED) === 0) {
      last = seg.xmitTime;
      if (first < 0) first = last;
      if (before(seg.seq, reord)) {
        reord = seg.seq;
        hasReord = true;
      }
      if (!after(seg.end, tp.highSeq)) state.flag |= FLAG_ORIG_SACK_ACKED;
    }
    if ((seg.sacked & SACKED) !== 0) tp.sackedOut -= pcount;
    else if (tp.sackOk) {
      tp.delivered += pcount;
      rackAdvance(tp, seg, now);
    }
    if ((seg.sacked & LOST) !== 0) tp.lostOut -= pcount;
    tp.packetsOut -= pcount;
    acked += pcount;
    if (seg.control === 2) {
      state.flag |= FLAG_SYN_ACKED;
      tp.retransStamp = 0;
    } else state.flag |= FLAG_DATA_ACKED;
    if (!whole) {
      seg.pcount -= pcount;
      break;
    }
    if (seg === tp.retransHint) tp.retransHint = undefined;
    if (seg === tp.highestSack) tp.highestSack = undefined;
    rtx.shift();
  }
  tp.ring.release(una);
  if (tp.wantsRoom) tp.signal(WAKE_WRITE);
  const { head } = rtx;
  if (head !== undefined && (head.sacked & SACKED) !== 0) state.flag |= FLAG_SACK_RENEGING;
  const original = first >= 0 && (state.flag & FLAG_RETRANS_DATA_ACKED) === 0;
  const seqRtt = original ? now - first : -1;
  let caRtt = original ? now - last : -1;
  const sackRtt = state.firstSackt > 0 ? now - state.firstSackt : -1;
  if (state.firstSackt > 0) caRtt = now - state.lastSackt;
  const measured = updateRtt(tp, seqRtt, sackRtt, caRtt, now);
  if ((state.flag & FLAG_ACKED) !== 0) {
    state.flag |= FLAG_SET_XMIT_TIMER;
    if (!tp.sackOk) removeRenoSacks(tp, acked);
    else if (hasReord && before(reord, priorFack)) checkReordering(tp, reord);
  } else if (measured && sackRtt >= 0 && head !== undefined && sackRtt > now - head.xmitTime) {
    // A SACK that left the head behind: its timeout counts from now.
    state.flag |= FLAG_SET_XMIT_TIMER;
  }
  if (caRtt >= 0) tp.cc.sample(tp, caRtt, now);
  if (tp.packetsOut === 0) {
    tp.highestSack = undefined;
    tp.sackedOut = 0;
    tp.lostOut = 0;
    tp.retransOut = 0;
    if (tp.rtoEvent !== 'none') rearmRto(tp);
  }
}

/** tcp_remove_reno_sacks: without SACK, duplicate ACKs stand for segments that arrived. */
function removeRenoSacks(tp: TcpSock, acked: number): void {
  if (acked > 0) {
    tp.delivered += Math.max(acked - tp.sackedOut, 1);
    tp.sackedOut = acked - 1 >= tp.sackedOut ? 0 : tp.sackedOut - (acked - 1);
  }
  tp.sackedOut = Math.min(tp.sackedOut, Math.max(tp.packetsOut - 1, 0));
}
