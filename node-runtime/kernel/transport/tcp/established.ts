// Segments for a connection: tcp_rcv_state_process, tcp_rcv_established, tcp_validate_incoming
// (net/ipv4/tcp_input.c; RFC 9293 section 3.10.7, RFC 5961, RFC 7323 section 5).
import type { DropReason } from '../../trace/drop-reason.ts';
import { WAKE_READ, WAKE_WRITE } from '../sock.ts';
import { tcpAck } from './ack.ts';
import { mayAnswerOow, sendChallengeAck } from './challenge.ts';
import { enterTimeWait, finTimeout, tcpDone, tcpFail } from './close.ts';
import { ackSendCheck, dataQueue, enterQuickAck, sendDelayedAck, setDsack } from './data.ts';
import { agreed } from './ecn.ts';
import { syncMss } from './mss.ts';
import { pushPending, sendAck, transmitSyn } from './output.ts';
import type { Segment } from './segment.ts';
import { after, before, between, maxSeq, seqAdd } from './sequence.ts';
import {
  RTO_INIT,
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { tsClock } from './timestamps.ts';
import { initBufferSpace, inWindow } from './window.ts';

/** What is done with a segment: kept or used up, dropped and why, or answered with a reset. */
export type Outcome = DropReason | 'reset' | undefined;

const ACK = 16;
const SYN = 2;
const PAWS_IDLE = 24 * 24 * 3600 * 1000;

/** tcp_paws_check: a timestamp older than the last one in the window, unless that is from weeks ago. */
const pawsFails = (tp: TcpSock, seg: Segment): boolean =>
  tp.tsOk && seg.sawTs && before(seg.tsval, tp.tsRecent) && tp.now() - tp.tsRecentAt < PAWS_IDLE;

/** tcp_reset: the peer wants none of this. */
function reset(tp: TcpSock): void {
  const err =
    tp.state === TCP_SYN_SENT ? 'ECONNREFUSED' : tp.state === TCP_CLOSE_WAIT ? 'EPIPE' : 'ECONNRESET';
  if (tp.state === TCP_ESTABLISHED || tp.state === TCP_CLOSE_WAIT) tp.net.mib.estabResets++;
  // What came before it can still be read.
  tcpFail(tp, err);
}

/** tcp_send_dupack: tells the peer where we are, and with DSACK what it sent twice. */
function sendDuplicateAck(tp: TcpSock, seg: Segment): void {
  if (seg.end !== seg.seq && before(seg.seq, tp.rcvNxt)) {
    enterQuickAck(tp);
    const end = after(seg.end, tp.rcvNxt) ? tp.rcvNxt : seg.end;
    setDsack(tp, seg.seq, end);
  }
  sendAck(tp);
}

/** tcp_reset_check: a reset at the number of the FIN we have had. */
const resetBehindFin = (tp: TcpSock, seg: Segment): boolean =>
  seg.seq === seqAdd(tp.rcvNxt, -1) &&
  (tp.state === TCP_CLOSE_WAIT || tp.state === TCP_LAST_ACK || tp.state === TCP_CLOSING);

/** tcp_validate_incoming: sequence number, RST and SYN. `true`: go on with the segment. */
function validate(tp: TcpSock, seg: Segment): Outcome | true {
  const now = tp.now();
  if (pawsFails(tp, seg) && !disorderedAck(tp, seg)) {
    if (!seg.rst) {
      tp.net.mib.pawsEstab++;
      if (seg.syn) return challenge(tp);
      if (seg.dataLen > 0 || mayAnswerOow(tp, now)) sendDuplicateAck(tp, seg);
      return 'TCP_OLD_DATA';
    }
  }
  if (!inWindow(tp, seg.seq, seg.end)) {
    if (!seg.rst) {
      if (seg.syn) return challenge(tp);
      // Data is always answered: its sender waits for the ACK that was lost.
      if (seg.dataLen > 0 || mayAnswerOow(tp, now)) sendDuplicateAck(tp, seg);
    } else if (resetBehindFin(tp, seg)) reset(tp);
    return 'TCP_INVALID_SEQUENCE';
  }
  if (seg.rst) {
    if (seg.seq === tp.rcvNxt || resetBehindFin(tp, seg) || atSackEdge(tp, seg)) reset(tp);
    else sendChallengeAck(tp);
    return 'TCP_RESET';
  }
  if (seg.syn) {
    // Both opened at once and the peer's SYN-ACK finds us in SYN_RECV.
    if (
      tp.state === TCP_SYN_RECV &&
      seg.hasAck &&
      seqAdd(seg.seq, 1) === tp.rcvNxt &&
      seqAdd(seg.end, 0) === tp.rcvNxt
    )
      return true;
    return challenge(tp);
  }
  return true;
}

/** RFC 5961 3.2 with SACK: a reset right of the highest data we have. */
function atSackEdge(tp: TcpSock, seg: Segment): boolean {
  if (!tp.sackOk || tp.numSacks === 0) return false;
  let edge = tp.sackList[1]!;
  for (let i = 1; i < tp.numSacks; i++) edge = maxSeq(edge, tp.sackList[2 * i + 1]!);
  return seg.seq === edge;
}

function challenge(tp: TcpSock): Outcome {
  tp.net.mib.synChallenge++;
  sendChallengeAck(tp);
  return 'TCP_INVALID_SEQUENCE';
}

/** tcp_disordered_ack: a pure ACK that was overtaken is no old duplicate. */
const disorderedAck = (tp: TcpSock, seg: Segment): boolean =>
  seg.seq === tp.rcvNxt &&
  seg.dataLen === 0 &&
  seg.ack === tp.sndUna &&
  !seg.fin &&
  seg.window << tp.sndWscale === tp.sndWnd &&
  tp.tsRecent - seg.tsval <= tp.rto;

/** tcp_rcv_established. */
export function receiveEstablished(tp: TcpSock, seg: Segment): Outcome {
  const valid = validate(tp, seg);
  if (valid !== true) return valid;
  if (!seg.hasAck) return 'TCP_INVALID_ACK';
  const acked = tcpAck(tp, seg);
  if (acked === 'unsent' || acked === 'too-old') {
    if (acked === 'unsent') sendChallengeAck(tp);
    return 'TCP_INVALID_ACK';
  }
  const outcome = dataQueue(tp, seg);
  if (tp.state !== TCP_CLOSE) {
    pushPending(tp);
    ackSendCheck(tp);
  }
  return outcome;
}

/** tcp_rcv_synsent_state_process. */
export function receiveSynSent(tp: TcpSock, seg: Segment): Outcome {
  if (seg.hasAck) {
    if (!after(seg.ack, tp.sndUna) || after(seg.ack, tp.sndNxt)) return seg.rst ? 'TCP_INVALID_ACK' : 'reset';
    if (seg.sawTs && seg.tsecr !== 0 && tp.ns.sysctl.ipv4.tcp_timestamps !== 0) {
      const now = (tsClock(tp.now()) + tp.tsOffset) | 0;
      const first = ((Math.floor(tp.lsndtime) | 0) + tp.tsOffset) | 0;
      if (!between(seg.tsecr, first, now)) return seg.rst ? 'TCP_INVALID_ACK' : 'reset';
    }
    if (seg.rst) {
      reset(tp);
      return 'TCP_RESET';
    }
    if (!seg.syn) return 'TCP_INVALID_SEQUENCE';
    agreed(tp, seg);
    return connected(tp, seg);
  }
  if (seg.rst) return 'TCP_INVALID_ACK';
  if (!seg.syn) return 'TCP_INVALID_SEQUENCE';
  return crossed(tp, seg);
}

/** What a SYN tells: options, first window. */
function takeSyn(tp: TcpSock, seg: Segment): void {
  const { ipv4 } = tp.ns.sysctl;
  tp.irs = seg.seq;
  tp.rcvNxt = seqAdd(seg.seq, 1);
  tp.rcvWup = tp.rcvNxt;
  tp.copiedSeq = tp.rcvNxt;
  tp.rcvqSeq = tp.rcvNxt;
  tp.sndWl1 = seg.seq;
  tp.sndWnd = seg.window;
  tp.maxWindow = seg.window;
  tp.tsOk = seg.sawTs && ipv4.tcp_timestamps !== 0;
  tp.sackOk = seg.sackOk && ipv4.tcp_sack !== 0;
  tp.wscaleOk = seg.sawWscale && ipv4.tcp_window_scaling !== 0;
  tp.sndWscale = tp.wscaleOk ? seg.wscale : 0;
  if (!tp.wscaleOk) {
    tp.rcvWscale = 0;
    tp.windowClamp = Math.min(tp.windowClamp, 65_535);
  }
  if (tp.tsOk) {
    tp.tsRecent = seg.tsval;
    tp.tsRecentAt = tp.now();
    tp.advmss -= 12;
  }
  tp.mssClamp = Math.min(seg.mss === 0 ? 536 : Math.max(seg.mss, 48), tp.userMss !== 0 ? tp.userMss : 65_535);
  syncMss(tp, tp.pmtu);
  initRcvMss(tp);
}

/** tcp_initialize_rcv_mss. */
export function initRcvMss(tp: TcpSock): void {
  tp.rcvMss = Math.max(Math.min(tp.advmss, tp.mss, tp.rcvWnd >> 1, 536), 88);
}

function connected(tp: TcpSock, seg: Segment): Outcome {
  takeSyn(tp, seg);
  tcpAck(tp, seg, false);
  finishConnect(tp);
  tp.signal(WAKE_WRITE);
  if (after(tp.writeSeq, tp.sndNxt)) {
    // The request goes with the ACK.
    enterQuickAck(tp);
    sendDelayedAck(tp);
    pushPending(tp);
    return undefined;
  }
  sendAck(tp);
  return undefined;
}

/** tcp_finish_connect and tcp_init_transfer. */
function finishConnect(tp: TcpSock): void {
  const now = tp.now();
  tp.state = TCP_ESTABLISHED;
  tp.wasConnected = true;
  tp.retransmits = 0;
  tp.totalRto = 0;
  tp.backoff = 0;
  tp.softErr = undefined;
  // RFC 6298 5.7: without a sample the SYN's timeout says that the path is slow.
  if (tp.srtt === 0) tp.rto = Math.max(tp.rto, RTO_INIT);
  if (tp.totalRetrans > 1 && tp.hasUndoMarker) tp.cwnd = 1;
  else tp.cwnd = 10;
  tp.cwndStamp = now;
  tp.lsndtime = now;
  tp.rcvTstamp = now;
  tp.cc.reset(tp, now);
  tp.ca = 0;
  initBufferSpace(tp);
  if (tp.keepalive) tp.keepTimer.set(now + tp.keepaliveTime);
}

/** Simultaneous open (RFC 9293 figure 8): our SYN crossed the peer's. */
function crossed(tp: TcpSock, seg: Segment): Outcome {
  takeSyn(tp, seg);
  tp.state = TCP_SYN_RECV;
  transmitSyn(tp, SYN | ACK);
  return undefined;
}

/** tcp_rcv_state_process for the states beside LISTEN, SYN_SENT and ESTABLISHED. */
export function receiveOther(tp: TcpSock, seg: Segment): Outcome {
  if (!seg.hasAck && !seg.rst && !seg.syn) return 'TCP_INVALID_ACK';
  const valid = validate(tp, seg);
  if (valid !== true) return valid;
  const acked = tcpAck(tp, seg);
  if (acked === 'unsent' || acked === 'too-old' || (tp.state === TCP_SYN_RECV && acked === 'old')) {
    if (tp.state === TCP_SYN_RECV) return 'reset';
    sendChallengeAck(tp);
    return 'TCP_INVALID_ACK';
  }
  const done = acknowledged(tp, seg);
  if (done !== 'go on') return done;
  const outcome = dataInState(tp, seg);
  if ((tp.state as number) !== TCP_CLOSE) {
    pushPending(tp);
    ackSendCheck(tp);
  }
  return outcome;
}

/** The ACK's part of each state. */
function acknowledged(tp: TcpSock, seg: Segment): Outcome | 'go on' {
  const allAcked = tp.sndUna === tp.writeSeq;
  switch (tp.state) {
    case TCP_SYN_RECV:
      synReceived(tp, seg);
      return 'go on';
    case TCP_FIN_WAIT1:
      return allAcked ? finAcked(tp, seg) : 'go on';
    case TCP_CLOSING:
      if (!allAcked) return 'go on';
      enterTimeWait(tp);
      return undefined;
    case TCP_LAST_ACK:
      if (!allAcked) return 'go on';
      tcpDone(tp);
      return undefined;
    default:
      return 'go on';
  }
}

function synReceived(tp: TcpSock, seg: Segment): void {
  tp.sndUna = seg.ack;
  tp.sndWnd = seg.window << tp.sndWscale;
  tp.maxWindow = Math.max(tp.maxWindow, tp.sndWnd);
  tp.sndWl1 = seg.seq;
  const { srtt } = tp;
  finishConnect(tp);
  syncMss(tp, tp.pmtu);
  if (srtt === 0) initRcvMss(tp);
  tp.signal(WAKE_WRITE);
  tp.parent?.signal(WAKE_READ);
}

/** FIN_WAIT_1 with our FIN acknowledged. */
function finAcked(tp: TcpSock, seg: Segment): Outcome | 'go on' {
  tp.state = TCP_FIN_WAIT2;
  if (!tp.orphan) {
    tp.signal(WAKE_WRITE);
    return 'go on';
  }
  if (tp.linger2 < 0) {
    tcpDone(tp);
    return 'TCP_CLOSE';
  }
  if (seg.end !== seg.seq && after(seqAdd(seg.end, seg.fin ? -1 : 0), tp.rcvNxt)) {
    // Data for a program that has gone: it must be told.
    tp.net.mib.abortOnData++;
    tcpDone(tp);
    return 'reset';
  }
  tp.keepTimer.set(tp.now() + finTimeout(tp));
  return 'go on';
}

function dataInState(tp: TcpSock, seg: Segment): Outcome {
  switch (tp.state) {
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
      // Nothing new can follow a FIN.
      if (seg.end !== seg.seq && before(seg.seq, tp.rcvNxt)) {
        enterQuickAck(tp);
        tp.ackPending = true;
      }
      return undefined;
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
      if (tp.rcvShutdown && seg.end !== seg.seq && after(seqAdd(seg.end, seg.fin ? -1 : 0), tp.rcvNxt)) {
        tp.net.mib.abortOnData++;
        tcpFail(tp, 'ECONNRESET');
        return 'reset';
      }
      return dataQueue(tp, seg);
    case TCP_ESTABLISHED:
      return dataQueue(tp, seg);
    default:
      return undefined;
  }
}
