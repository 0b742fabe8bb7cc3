// What a dubious ACK leads to: tcp_fastretrans_alert, tcp_process_loss and the tail loss probe's ACK
// (net/ipv4/tcp_input.c; RFC 5681, 6675, 8985 section 7.4).
import {
  FLAG_DATA_SACKED,
  FLAG_DSACK_TLP,
  FLAG_ECE,
  FLAG_LOST_RETRANS,
  FLAG_NOT_DUP,
  FLAG_ORIG_SACK_ACKED,
  FLAG_SACK_RENEGING,
  FLAG_SET_XMIT_TIMER,
  FLAG_SND_UNA_ADVANCED,
} from './ack-flags.ts';
import { endCwndReduction, enterLoss, enterRecovery, initCwndReduction } from './loss.ts';
import { rackMarkLost } from './rack.ts';
import { EVER_RETRANS, SACKED } from './rtx-queue.ts';
import type { SackState } from './sack-state.ts';
import { fragment, markLost } from './scoreboard.ts';
import { after, before, seqAdd, seqDiff } from './sequence.ts';
import { CA_CWR, CA_DISORDER, CA_LOSS, CA_OPEN, CA_RECOVERY } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { tryUndoDsack, tryUndoLoss, tryUndoPartial, tryUndoRecovery } from './undo.ts';

export const REXMIT_NONE = 0;
/** Send what is marked lost. */
const REXMIT_LOST = 1;
/** F-RTO: send something new first. */
export const REXMIT_NEW = 2;

/** tcp_fastretrans_alert; says what to send. */
export function fastRetransAlert(tp: TcpSock, duplicates: number, state: SackState, now: number): number {
  const advanced = (state.flag & FLAG_SND_UNA_ADVANCED) !== 0;
  if (tp.packetsOut === 0 && tp.sackedOut > 0) tp.sackedOut = 0;
  // What the network asked for is not taken back.
  if ((state.flag & FLAG_ECE) !== 0) tp.priorSsthresh = 0;
  if ((state.flag & FLAG_SACK_RENEGING) !== 0 && advanced) {
    // Give a peer that only seems to have dropped what it SACKed a moment, then start over.
    enterLoss(tp);
    state.flag |= FLAG_SET_XMIT_TIMER;
    return REXMIT_LOST;
  }
  if (tp.ca === CA_OPEN) tp.retransStamp = 0;
  else if (!before(tp.sndUna, tp.highSeq)) {
    if (tp.ca === CA_CWR && tp.sndUna !== tp.highSeq) {
      endCwndReduction(tp);
      tp.ca = CA_OPEN;
    } else if (tp.ca === CA_RECOVERY) {
      if (!tp.sackOk) tp.sackedOut = 0;
      if (tryUndoRecovery(tp)) return REXMIT_NONE;
      endCwndReduction(tp);
    }
  }
  switch (tp.ca) {
    case CA_RECOVERY:
      if (!advanced) {
        if (!tp.sackOk) addRenoSack(tp, duplicates);
      } else if (tryUndoPartial(tp)) return REXMIT_NONE;
      if (tryUndoDsack(tp)) {
        tryToOpen(tp, state.flag);
        return REXMIT_NONE;
      }
      identifyLoss(tp, state, advanced, now);
      return REXMIT_LOST;
    case CA_LOSS: {
      const rexmit = processLoss(tp, state.flag, duplicates);
      identifyLoss(tp, state, advanced, now);
      // tcp_process_loss may have undone it.
      if ((tp.ca as number) !== CA_OPEN && (state.flag & FLAG_LOST_RETRANS) === 0) return rexmit;
      break;
    }
    default:
      break;
  }
  if (!tp.sackOk) {
    if (advanced) tp.sackedOut = 0;
    addRenoSack(tp, duplicates);
  }
  if (tp.ca <= CA_DISORDER) tryUndoDsack(tp);
  identifyLoss(tp, state, advanced, now);
  if (tp.lostOut === 0) {
    tryToOpen(tp, state.flag);
    return REXMIT_NONE;
  }
  enterRecovery(tp);
  return REXMIT_LOST;
}

/** tcp_try_to_open and tcp_try_keep_open. */
function tryToOpen(tp: TcpSock, flag: number): void {
  const { head } = tp.rtx;
  const retransmitted = tp.retransOut > 0 || (head !== undefined && (head.sacked & EVER_RETRANS) !== 0);
  if (!retransmitted) tp.retransStamp = 0;
  if ((flag & FLAG_ECE) !== 0) enterCwr(tp);
  if (tp.ca === CA_CWR) return;
  const next = tp.sackedOut + tp.lostOut > 0 || retransmitted ? CA_DISORDER : CA_OPEN;
  if (tp.ca === next) return;
  tp.ca = next;
  tp.highSeq = tp.sndNxt;
}

/** tcp_enter_cwr. */
function enterCwr(tp: TcpSock): void {
  tp.priorSsthresh = 0;
  if (tp.ca >= CA_CWR) return;
  tp.hasUndoMarker = false;
  initCwndReduction(tp);
  tp.ca = CA_CWR;
}

/** tcp_add_reno_sack. */
function addRenoSack(tp: TcpSock, duplicates: number): void {
  if (duplicates === 0) return;
  const before = tp.sackedOut;
  tp.sackedOut = Math.min(tp.sackedOut + duplicates, Math.max(tp.packetsOut - tp.lostOut, 1) - 1);
  const more = tp.sackedOut - before;
  if (more > 0) tp.delivered += more;
}

/** tcp_identify_packet_loss. */
function identifyLoss(tp: TcpSock, state: SackState, advanced: boolean, now: number): void {
  if (tp.rtx.head === undefined) return;
  if (!tp.sackOk) {
    newrenoMarkLost(tp, advanced);
    return;
  }
  const prior = tp.retransOut;
  if (rackMarkLost(tp, now)) state.flag &= ~FLAG_SET_XMIT_TIMER;
  if (prior > tp.retransOut) state.flag |= FLAG_LOST_RETRANS;
}

/** tcp_newreno_mark_lost: the head, one packet at a time (RFC 6582). */
function newrenoMarkLost(tp: TcpSock, advanced: boolean): void {
  if (!(tp.ca < CA_RECOVERY ? tp.sackedOut >= tp.reordering : tp.ca === CA_RECOVERY && advanced)) return;
  const head = tp.rtx.head!;
  if ((head.sacked & SACKED) !== 0) return;
  if (head.pcount > 1 && seqDiff(head.end, head.seq) > tp.mss) fragment(tp, head, tp.mss, tp.mss);
  markLost(tp, head);
}

/** tcp_process_loss: after a timeout, F-RTO asks with new data whether the timeout was spurious. */
function processLoss(tp: TcpSock, flag: number, duplicates: number): number {
  const recovered = !before(tp.sndUna, tp.highSeq);
  const advanced = (flag & FLAG_SND_UNA_ADVANCED) !== 0;
  if (advanced && tryUndoLoss(tp, false)) return REXMIT_NONE;
  if (tp.frto) {
    if ((flag & FLAG_ORIG_SACK_ACKED) !== 0 && tryUndoLoss(tp, true)) return REXMIT_NONE;
    if (after(tp.sndNxt, tp.highSeq)) {
      if ((flag & FLAG_DATA_SACKED) !== 0 || duplicates > 0) tp.frto = false;
    } else if (advanced && !recovered) {
      tp.highSeq = tp.sndNxt;
      if (after(tp.writeSeq, tp.sndNxt) && after(seqAdd(tp.sndUna, tp.sndWnd), tp.sndNxt)) return REXMIT_NEW;
      tp.frto = false;
    }
  }
  if (recovered) {
    tryUndoRecovery(tp);
    return REXMIT_NONE;
  }
  if (!tp.sackOk) {
    if (after(tp.sndNxt, tp.highSeq) && duplicates > 0) addRenoSack(tp, duplicates);
    else if (advanced) tp.sackedOut = 0;
  }
  return REXMIT_LOST;
}

/** tcp_process_tlp_ack. */
export function processTlpAck(tp: TcpSock, ack: number, flag: number): void {
  if (before(ack, tp.tlpHighSeq)) return;
  if (!tp.tlpRetrans || (flag & FLAG_DSACK_TLP) !== 0) {
    tp.tlpOn = false;
  } else if (after(ack, tp.tlpHighSeq)) {
    // The probe repaired a loss: that is a reason to slow down, found without a timeout.
    tp.tlpOn = false;
    initCwndReduction(tp);
    tp.ca = CA_CWR;
    endCwndReduction(tp);
    tp.ca = CA_OPEN;
    tp.net.mib.lossProbeRecovery++;
  } else if ((flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED)) === 0) tp.tlpOn = false;
}
