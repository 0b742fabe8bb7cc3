// Which of its jobs the retransmission timer is set for: tcp_rearm_rto, tcp_schedule_loss_probe, tcp_check_probe_timer
// (net/ipv4/tcp_input.c, tcp_output.c). One timer serves retransmission, tail loss probe, RACK and zero-window probe.
import { CA_CWR, CA_OPEN } from './state.ts';
import type { RtoEvent, TcpSock } from './tcp-sock.ts';

export const RTO_MIN = 200;
export const RTO_MAX = 120_000;
/** TCP_TIMEOUT_MIN. */
export const TIMEOUT_MIN = 2;
const TIMEOUT_INIT = 1000;

export function setRtoTimer(tp: TcpSock, event: RtoEvent, delay: number): void {
  tp.rtoEvent = event;
  tp.rtoTimer.set(tp.now() + Math.min(delay, RTO_MAX));
}

export function clearRtoTimer(tp: TcpSock): void {
  tp.rtoEvent = 'none';
  tp.rtoTimer.off();
}

/** tcp_rto_delta_us: how far off the timeout of the oldest segment in flight is. */
function rtoDelta(tp: TcpSock): number {
  const head = tp.rtx.head;
  return head === undefined ? tp.rto : head.xmitTime + tp.rto - tp.now();
}

/** tcp_rearm_rto: after an ACK, anew from now; after a probe, from when the oldest segment was sent. */
export function rearmRto(tp: TcpSock): void {
  if (tp.packetsOut === 0) {
    clearRtoTimer(tp);
    return;
  }
  let { rto } = tp;
  if (tp.rtoEvent === 'reorder' || tp.rtoEvent === 'loss-probe') rto = Math.max(rtoDelta(tp), 1);
  setRtoTimer(tp, 'retransmit', rto);
}

/** tcp_schedule_loss_probe (RFC 8985 section 7.2). False: the usual timeout it is. */
export function scheduleLossProbe(tp: TcpSock, advancing = false): boolean {
  const early = tp.ns.sysctl.ipv4.tcp_early_retrans;
  if ((early !== 3 && early !== 4) || tp.packetsOut === 0 || !tp.sackOk) return false;
  if (tp.ca !== CA_OPEN && tp.ca !== CA_CWR) return false;
  let timeout = TIMEOUT_INIT;
  if (tp.srtt > 0) timeout = 2 * tp.srtt + (tp.packetsOut === 1 ? RTO_MIN : TIMEOUT_MIN);
  const delta = advancing ? tp.rto : rtoDelta(tp);
  if (delta > 0) timeout = Math.min(timeout, delta);
  setRtoTimer(tp, 'loss-probe', timeout);
  return true;
}

/** tcp_set_xmit_timer. */
export function setXmitTimer(tp: TcpSock): void {
  if (!scheduleLossProbe(tp, true)) rearmRto(tp);
}

/** tcp_probe0_when. */
export function probe0Delay(tp: TcpSock): number {
  const base = Math.max(tp.rto, RTO_MIN);
  return Math.min(base * 2 ** Math.min(tp.backoff, 30), RTO_MAX);
}

/** tcp_check_probe_timer: data waits, nothing is in flight: a closed window must be asked about. */
export function startProbeTimer(tp: TcpSock): void {
  if (tp.packetsOut === 0 && tp.rtoEvent === 'none') setRtoTimer(tp, 'probe0', probe0Delay(tp));
}
