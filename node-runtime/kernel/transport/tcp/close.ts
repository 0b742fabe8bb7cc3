// How a connection ends: tcp_shutdown, tcp_close, tcp_fin, tcp_time_wait, tcp_done (net/ipv4/tcp.c, tcp_input.c).
import type { Errno } from '../errno.ts';
import { WAKE_ERROR, WAKE_READ, WAKE_WRITE } from '../sock.ts';
import { pushPending, sendAck, sendActiveReset } from './output.ts';
import { destroyRequest } from './request.ts';
import { seqAdd } from './sequence.ts';
import {
  TCP_CLOSE,
  TCP_CLOSE_WAIT,
  TCP_CLOSING,
  TCP_ESTABLISHED,
  TCP_FIN_WAIT1,
  TCP_FIN_WAIT2,
  TCP_LAST_ACK,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { initialSpace, windowToOffer } from './window.ts';

/** A connection that nobody owns any more may wait for the peer's FIN this long: tcp_fin_time. */
export function finTimeout(tp: TcpSock): number {
  const base = tp.linger2 > 0 ? tp.linger2 * 1000 : tp.ns.sysctl.ipv4.tcp_fin_timeout * 1000;
  return Math.max(base, tp.rto * 3.5);
}

/** tcp_done: the connection is over. Its tuple and port are free, its owner hears of it. */
export function tcpDone(tp: TcpSock): void {
  if (tp.state === TCP_SYN_SENT || tp.state === TCP_SYN_RECV) tp.net.mib.attemptFails++;
  tp.state = TCP_CLOSE;
  tp.rcvShutdown = true;
  tp.sndShutdown = true;
  unhash(tp);
  freeBuffers(tp);
  if (tp.orphan) tp.rcv.clear();
  else tp.signal(WAKE_READ | WAKE_WRITE | WAKE_ERROR);
}

function unhash(tp: TcpSock): void {
  const there = tp.net.listeners.get(tp.sport);
  if (there?.includes(tp)) {
    there.splice(there.indexOf(tp), 1);
    if (there.length === 0) tp.net.listeners.delete(tp.sport);
  }
  if (tp.hashed) {
    tp.net.ehash.remove(tp);
    tp.hashed = false;
  }
  tp.net.bind.remove(tp);
}

function freeBuffers(tp: TcpSock): void {
  tp.rtoTimer.destroy();
  tp.delackTimer.destroy();
  tp.keepTimer.destroy();
  tp.rtoEvent = 'none';
  tp.rtx.clear();
  tp.highestSack = undefined;
  tp.retransHint = undefined;
  tp.packetsOut = 0;
  tp.sackedOut = 0;
  tp.lostOut = 0;
  tp.retransOut = 0;
  tp.ring.release(tp.ring.end);
  tp.ring.shrink();
  tp.sndNxt = tp.writeSeq;
}

/** tcp_reset and tcp_write_err: ends it with an error. */
export function tcpFail(tp: TcpSock, err: Errno): void {
  tp.err = err;
  tcpDone(tp);
}

/** tcp_time_wait: a minute's remains take the socket's place in the table. */
export function enterTimeWait(tp: TcpSock): void {
  const tw = tp.net.timeWait.add(tp);
  const { bind, ehash } = tp.net;
  if (tw !== undefined && tp.hashed) {
    ehash.remove(tp);
    tp.hashed = false;
    ehash.insert(tw);
    // The port stays taken: the dead socket holds its place in the bind table for the remains.
    const held = bind.has(tp);
    tcpDone(tp);
    if (held) bind.add(tp, tp.sport);
    return;
  }
  tcpDone(tp);
}

/** tcp_close_state: what a FIN of ours makes of each state; undefined where there is none to send. */
function stateAfterFin(tp: TcpSock): boolean {
  switch (tp.state) {
    case TCP_ESTABLISHED:
    case TCP_SYN_RECV:
      tp.state = TCP_FIN_WAIT1;
      return true;
    case TCP_CLOSE_WAIT:
      tp.state = TCP_LAST_ACK;
      return true;
    default:
      return false;
  }
}

/** tcp_send_fin: the FIN takes the number behind the last byte; it rides on the last segment if that is still here. */
function sendFin(tp: TcpSock): void {
  tp.finQueued = true;
  tp.writeSeq = seqAdd(tp.ring.end, 1);
  pushPending(tp);
}

/** shutdown(2): 'write' sends the FIN behind what is queued. */
export function tcpShutdown(tp: TcpSock, how: 'read' | 'write' | 'both'): Errno | undefined {
  if (tp.state === TCP_LISTEN) {
    if (how !== 'write') stopListening(tp);
    return undefined;
  }
  if (tp.state === TCP_CLOSE || tp.state === TCP_SYN_SENT) {
    if (tp.state === TCP_SYN_SENT) tcpDone(tp);
    return 'ENOTCONN';
  }
  if (how !== 'write') tp.rcvShutdown = true;
  if (how !== 'read' && !tp.sndShutdown) {
    tp.sndShutdown = true;
    if (stateAfterFin(tp)) sendFin(tp);
  }
  return undefined;
}

/** inet_csk_listen_stop: half-open connections are forgotten, those not accepted are reset. */
function stopListening(tp: TcpSock): void {
  for (const req of [...tp.requests]) destroyRequest(req);
  for (const child of tp.acceptQueue.splice(0)) {
    child.parent = undefined;
    child.orphan = true;
    child.closed = true;
    if (child.state === TCP_CLOSE) continue;
    sendActiveReset(child);
    tcpDone(child);
  }
  tp.state = TCP_CLOSE;
  unhash(tp);
}

/** close(2): __tcp_close. Data that nobody read is answered with a reset, as RFC 2525 section 2.17 asks. */
export function tcpClose(tp: TcpSock): void {
  if (tp.closed) return;
  tp.closed = true;
  tp.orphan = true;
  tp.wake = undefined;
  if (tp.state === TCP_LISTEN) {
    stopListening(tp);
    return;
  }
  const unread = tp.rcv.ready;
  tp.rcv.clear();
  if (tp.state === TCP_CLOSE) {
    // An entry that TIME_WAIT still needs is not ours to remove.
    if (!tp.wasConnected) unhash(tp);
    return;
  }
  if (unread > 0 && tp.state !== TCP_SYN_SENT) {
    tp.net.mib.abortOnClose++;
    sendActiveReset(tp);
    tcpDone(tp);
    return;
  }
  if (tp.lingerMs === 0 && tp.state !== TCP_SYN_SENT) {
    tcpAbort(tp);
    return;
  }
  tp.rcvShutdown = true;
  tp.sndShutdown = true;
  if (tp.state === TCP_SYN_SENT) {
    tcpDone(tp);
    return;
  }
  if (stateAfterFin(tp)) sendFin(tp);
  if (tp.state === TCP_FIN_WAIT2) waitForFin(tp);
}

/** tcp_disconnect and SO_LINGER 0: a reset instead of a FIN; what is unsent is lost. */
export function tcpAbort(tp: TcpSock): void {
  tp.closed = true;
  tp.orphan = true;
  tp.wake = undefined;
  if (tp.state === TCP_CLOSE) return;
  if (tp.state === TCP_LISTEN) {
    stopListening(tp);
    return;
  }
  if (tp.state !== TCP_SYN_SENT) sendActiveReset(tp);
  tp.rcv.clear();
  tcpDone(tp);
}

/** FIN_WAIT_2 without an owner ends by itself. */
function waitForFin(tp: TcpSock): void {
  tp.keepTimer.set(tp.now() + finTimeout(tp));
}

/** tcp_fin: the peer will send no more. */
export function receivedFin(tp: TcpSock): void {
  tp.rcvShutdown = true;
  tp.ackPending = true;
  tp.ackNow = true;
  switch (tp.state) {
    case TCP_SYN_RECV:
    case TCP_ESTABLISHED:
      tp.state = TCP_CLOSE_WAIT;
      break;
    case TCP_FIN_WAIT1:
      // Both closed at once: ours is not acknowledged yet.
      sendAck(tp);
      tp.state = TCP_CLOSING;
      break;
    case TCP_FIN_WAIT2:
      sendAck(tp);
      enterTimeWait(tp);
      return;
    default:
      break;
  }
  tp.numSacks = 0;
  if (!tp.orphan) tp.signal(WAKE_READ);
}

/** tcp_cleanup_rbuf: the program has read; is the window now so much larger that the peer must hear of it? */
export function afterRead(tp: TcpSock): void {
  if (tp.state === TCP_CLOSE || tp.state === TCP_LISTEN) return;
  const pending = (tp.rcvNxt - tp.rcvWup) | 0;
  if (
    tp.ackPending &&
    (pending > tp.rcvMss || (tp.rcv.ready === 0 && tp.quickacks > 0 && tp.pingpong === 0))
  ) {
    sendAck(tp);
    return;
  }
  if (tp.rcvShutdown) return;
  const left = Math.max((tp.rcvWup + tp.rcvWnd - tp.rcvNxt) | 0, 0);
  if (2 * left > Math.min(tp.windowClamp, initialSpace(tp))) return;
  const offer = windowToOffer(tp);
  if (offer > 0 && offer >= 2 * left) sendAck(tp);
}
