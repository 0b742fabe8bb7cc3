// Taking back a reduction that was none of the network's: tcp_try_undo_* (net/ipv4/tcp_input.c), by timestamps (Eifel,
// RFC 3522) or by DSACKs (RFC 3708).

import { LOST } from './rtx-queue.ts';
import { before } from './sequence.ts';
import { CA_DISORDER, CA_OPEN } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';

/** tcp_init_undo. */
export function initUndo(tp: TcpSock): void {
  tp.undoMarker = tp.sndUna;
  tp.hasUndoMarker = true;
  tp.undoRetrans = tp.retransOut > 0 ? tp.retransOut : -1;
}

/** tcp_packet_delayed: the ACK echoes a time before our first retransmission. */
function packetDelayed(tp: TcpSock): boolean {
  return (
    tp.retransStamp !== 0 &&
    tp.tsOk &&
    tp.sawTsecr &&
    tp.rcvTsecr !== 0 &&
    before((tp.rcvTsecr - tp.tsOffset) | 0, Math.floor(tp.retransStamp) | 0)
  );
}

const mayUndo = (tp: TcpSock): boolean => tp.hasUndoMarker && (tp.undoRetrans === 0 || packetDelayed(tp));

function undoReduction(tp: TcpSock, unmarkLoss: boolean): void {
  if (unmarkLoss) {
    for (let seg = tp.rtx.head; seg !== undefined; seg = seg.next) seg.sacked &= ~LOST;
    tp.lostOut = 0;
    tp.retransHint = undefined;
  }
  if (tp.priorSsthresh !== 0) {
    tp.cwnd = Math.max(tp.cwnd, tp.priorCwnd);
    if (tp.priorSsthresh > tp.ssthresh) {
      tp.ssthresh = tp.priorSsthresh;
      tp.ecnQueueCwr = false;
    }
  }
  tp.cwndStamp = tp.now();
  tp.hasUndoMarker = false;
  tp.rackAdvanced = true;
}

/** tcp_is_non_sack_preventing_reopen. */
function staysClosed(tp: TcpSock): boolean {
  if (tp.sndUna !== tp.highSeq || tp.sackOk) return false;
  if (tp.packetsOut > 0 && tp.retransOut === 0) tp.retransStamp = 0;
  return true;
}

/** tcp_try_undo_recovery, once everything sent before the loss has been acknowledged. */
export function tryUndoRecovery(tp: TcpSock): boolean {
  if (mayUndo(tp)) {
    undoReduction(tp, false);
    tp.net.mib.fullUndo++;
  } else if (tp.rackReoPersist > 0) tp.rackReoPersist--;
  if (staysClosed(tp)) return true;
  tp.ca = CA_OPEN;
  return false;
}

/** tcp_try_undo_dsack. */
export function tryUndoDsack(tp: TcpSock): boolean {
  if (!tp.hasUndoMarker || tp.undoRetrans !== 0) return false;
  tp.rackReoPersist = Math.min(16, tp.rackReoPersist + 1);
  undoReduction(tp, false);
  tp.net.mib.dsackUndo++;
  return true;
}

/** tcp_try_undo_loss. */
export function tryUndoLoss(tp: TcpSock, byFrto: boolean): boolean {
  if (!byFrto && !mayUndo(tp)) return false;
  undoReduction(tp, true);
  tp.net.mib.lossUndo++;
  if (byFrto) tp.net.mib.spuriousRtos++;
  tp.retransmits = 0;
  if (staysClosed(tp)) return true;
  if (byFrto || tp.sackOk) tp.ca = CA_OPEN;
  return true;
}

/** tcp_try_undo_partial: part of what recovery covers arrived although we thought it lost. */
export function tryUndoPartial(tp: TcpSock): boolean {
  if (!tp.hasUndoMarker || !packetDelayed(tp)) return false;
  if (tp.retransOut > 0) return true;
  undoReduction(tp, true);
  tp.net.mib.partialUndo++;
  tp.ca = CA_DISORDER;
  return true;
}
