// When a timer fires: net/ipv4/tcp_timer.c. Retransmission, tail loss probe, RACK's reordering window, zero-window
// probe; delayed ACK; keepalive, which also ends a FIN_WAIT_2 that nobody owns.

import { tcpDone, tcpFail } from './close.ts';
import { enterLoss, enterRecovery, retransmit, retransmitQueue } from './loss.ts';
import { currentMss, syncMss } from './mss.ts';
import { sendAck, sendActiveReset, sendProbe, writeXmit } from './output.ts';
import { rackDetect } from './rack.ts';
import { probe0Delay, RTO_MAX, RTO_MIN, rearmRto, setRtoTimer } from './rearm.ts';
import { fragment } from './scoreboard.ts';
import { after, seqAdd } from './sequence.ts';
import { CA_RECOVERY, TCP_CLOSE, TCP_FIN_WAIT2, TCP_LISTEN, TCP_SYN_RECV, TCP_SYN_SENT } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';

const ATO_MIN = 40;

/** tcp_write_timer_handler. */
export function retransmitTimer(tp: TcpSock): void {
  if (tp.state === TCP_CLOSE || tp.state === TCP_LISTEN) return;
  const event = tp.rtoEvent;
  tp.rtoEvent = 'none';
  if (event === 'retransmit') retransmitTimeout(tp);
  else if (event === 'loss-probe') sendLossProbe(tp);
  else if (event === 'reorder') reorderTimeout(tp);
  else if (event === 'probe0') probeTimeout(tp);
}

/** tcp_model_timeout: how long `boundary` retransmissions take from a base of 200 ms on. */
function modelTimeout(boundary: number): number {
  const linear = Math.floor(Math.log2(RTO_MAX / RTO_MIN));
  return boundary <= linear
    ? (2 ** (boundary + 1) - 1) * RTO_MIN
    : (2 ** (linear + 1) - 1) * RTO_MIN + (boundary - linear) * RTO_MAX;
}

/** retransmits_timed_out. */
function timedOut(tp: TcpSock, boundary: number, now: number): boolean {
  if (tp.retransmits === 0) return false;
  const limit = tp.userTimeout > 0 ? tp.userTimeout : modelTimeout(boundary);
  return now - tp.retransStamp >= limit;
}

/** tcp_orphan_retries: a connection without an owner is given up sooner. */
function orphanRetries(tp: TcpSock, alive: boolean): number {
  const retries = tp.ns.sysctl.ipv4.tcp_orphan_retries;
  if (tp.softErr !== undefined && !alive) return 0;
  return retries === 0 && alive ? 8 : retries;
}

/** tcp_write_timeout: true when the connection was given up. */
function giveUp(tp: TcpSock, now: number): boolean {
  const { ipv4 } = tp.ns.sysctl;
  let expired: boolean;
  if (tp.state === TCP_SYN_SENT || tp.state === TCP_SYN_RECV) {
    let retries = tp.synRetries !== 0 ? tp.synRetries : ipv4.tcp_syn_retries;
    if (tp.state === TCP_SYN_SENT) retries += ipv4.tcp_syn_linear_timeouts;
    expired = tp.retransmits >= retries || (tp.userTimeout > 0 && timedOut(tp, 0, now));
  } else {
    let retries = ipv4.tcp_retries2;
    // tcp_retries1 is where the route is looked up anew: the path may have changed.
    if (tp.retransmits === ipv4.tcp_retries1) refreshRoute(tp);
    if (tp.orphan) retries = orphanRetries(tp, tp.rto < RTO_MAX);
    expired = timedOut(tp, retries, now);
  }
  if (!expired) return false;
  tp.net.mib.abortOnTimeout++;
  tcpFail(tp, tp.softErr ?? 'ETIMEDOUT');
  return true;
}

/** What the route says now of source and MTU: the path may have changed. */
function refreshRoute(tp: TcpSock): void {
  const route = tp.kernel.ipv4.routeOutput(tp.ns, tp.daddr, tp.saddr, tp.boundDev, tp.tos);
  if (typeof route !== 'string') syncMss(tp, route.mtu);
}

/** tcp_retransmit_timer. */
function retransmitTimeout(tp: TcpSock): void {
  const now = tp.now();
  const head = tp.rtx.head;
  if (tp.packetsOut === 0 || head === undefined) return;
  tp.tlpOn = false;
  if (tp.sndWnd === 0 && !tp.orphan && tp.state !== TCP_SYN_SENT && tp.state !== TCP_SYN_RECV) {
    // The peer took its window back: it is probed with what it has not taken.
    if (now - tp.rcvTstamp > RTO_MAX && now - tp.rcvTstamp > 2 * tp.rto * 2 ** tp.backoff) {
      tcpFail(tp, 'ETIMEDOUT');
      return;
    }
    enterLoss(tp);
    retransmit(tp, tp.rtx.head!, 1);
    backOff(tp);
    return;
  }
  tp.net.mib.timeouts++;
  if (giveUp(tp, now)) return;
  enterLoss(tp);
  tp.totalRto++;
  retransmit(tp, tp.rtx.head!, 1);
  tp.retransmits++;
  backOff(tp);
}

/** The next timeout: twice as far, but a SYN's first few are a second apart (net.ipv4.tcp_syn_linear_timeouts). */
function backOff(tp: TcpSock): void {
  const linear = tp.ns.sysctl.ipv4.tcp_syn_linear_timeouts;
  if (tp.state !== TCP_SYN_SENT || tp.totalRto > linear) {
    tp.backoff++;
    tp.rto = Math.min(tp.rto * 2, RTO_MAX);
  }
  setRtoTimer(tp, 'retransmit', tp.rto);
}

/** tcp_send_loss_probe (RFC 8985 section 7.3): something new, else the last segment again. */
function sendLossProbe(tp: TcpSock): void {
  if (tp.tlpOn) {
    rearmRto(tp);
    return;
  }
  tp.tlpRetrans = false;
  const out = tp.packetsOut;
  if (after(tp.writeSeq, tp.sndNxt)) writeXmit(tp, true);
  if (tp.packetsOut === out) {
    const tail = tp.rtx.tail;
    if (tail === undefined) return;
    const mss = currentMss(tp);
    let seg = tail;
    if (seg.pcount > 1) seg = fragment(tp, seg, (seg.pcount - 1) * mss, mss);
    if (!retransmit(tp, seg, 1)) {
      rearmRto(tp);
      return;
    }
    tp.tlpRetrans = true;
  }
  tp.tlpOn = true;
  tp.tlpHighSeq = tp.sndNxt;
  tp.net.mib.lossProbes++;
  rearmRto(tp);
}

/** tcp_rack_reo_timeout. */
function reorderTimeout(tp: TcpSock): void {
  const inFlight = tp.inFlight;
  rackDetect(tp, tp.now());
  if (inFlight !== tp.inFlight) {
    if (tp.ca !== CA_RECOVERY) {
      enterRecovery(tp);
    }
    retransmitQueue(tp);
  }
  if (tp.rtoEvent === 'none') rearmRto(tp);
}

/** tcp_probe_timer and tcp_send_probe0. */
function probeTimeout(tp: TcpSock): void {
  const waiting = after(tp.writeSeq, tp.sndNxt);
  if (tp.packetsOut > 0 || !waiting) {
    tp.probesOut = 0;
    return;
  }
  const now = tp.now();
  if (tp.probesOut === 0) tp.probesStart = now;
  let most = tp.ns.sysctl.ipv4.tcp_retries2;
  const expired = tp.userTimeout > 0 && tp.probesOut > 0 && now - tp.probesStart >= tp.userTimeout;
  if (tp.orphan) most = orphanRetries(tp, probe0Delay(tp) < RTO_MAX);
  if (expired || tp.probesOut >= most) {
    tp.net.mib.abortOnTimeout++;
    tcpFail(tp, tp.softErr ?? 'ETIMEDOUT');
    return;
  }
  tp.net.mib.winProbe++;
  // tcp_write_wakeup: what the window has room for after all, else an old number.
  if (after(seqAdd(tp.sndUna, tp.sndWnd), tp.sndNxt)) writeXmit(tp, true);
  else sendProbe(tp);
  if (tp.packetsOut > 0 || !after(tp.writeSeq, tp.sndNxt)) {
    tp.probesOut = 0;
    tp.backoff = 0;
    return;
  }
  tp.probesOut++;
  if (tp.backoff < tp.ns.sysctl.ipv4.tcp_retries2) tp.backoff++;
  setRtoTimer(tp, 'probe0', probe0Delay(tp));
}

/** tcp_delack_timer_handler. */
export function delackTimer(tp: TcpSock): void {
  if (!tp.ackPending || tp.state === TCP_CLOSE || tp.state === TCP_LISTEN) return;
  if (tp.pingpong === 0) tp.ato = Math.min(tp.ato * 2, tp.rto);
  else {
    // It was no dialogue after all: the next segments are acknowledged sooner.
    tp.pingpong = 0;
    tp.ato = ATO_MIN;
  }
  tp.net.mib.delayedAcks++;
  sendAck(tp);
}

/** tcp_keepalive_timer. */
export function keepaliveTimer(tp: TcpSock): void {
  if (tp.state === TCP_FIN_WAIT2 && tp.orphan) {
    // tcp_fin_timeout is over and the peer's FIN never came: no TIME_WAIT is owed to it.
    tcpDone(tp);
    return;
  }
  if (!tp.keepalive || tp.state === TCP_CLOSE || tp.state === TCP_SYN_SENT) return;
  const now = tp.now();
  const idleFor = now - Math.max(tp.rcvTstamp, tp.lrcvtime);
  if (tp.packetsOut > 0 || after(tp.writeSeq, tp.sndNxt)) {
    tp.keepTimer.set(now + tp.keepaliveTime);
    return;
  }
  if (idleFor < tp.keepaliveTime) {
    tp.keepTimer.set(now + tp.keepaliveTime - idleFor);
    return;
  }
  const expired =
    tp.userTimeout > 0 ? idleFor >= tp.userTimeout && tp.probesOut > 0 : tp.probesOut >= tp.keepaliveProbes;
  if (expired) {
    sendActiveReset(tp);
    tcpFail(tp, tp.softErr ?? 'ETIMEDOUT');
    return;
  }
  sendProbe(tp);
  tp.net.mib.keepAlive++;
  tp.probesOut++;
  tp.keepTimer.set(now + tp.keepaliveInterval);
}
