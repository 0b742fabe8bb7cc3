// Loss by time: RACK (RFC 8985, net/ipv4/tcp_recovery.c). A segment is lost when one sent later has arrived and a
// reordering window has gone by.
import { setRtoTimer, TIMEOUT_MIN } from './rearm.ts';
import { LOST, RETRANS, type TxSeg } from './rtx-queue.ts';
import { markLost } from './scoreboard.ts';
import { after, before } from './sequence.ts';
import { CA_RECOVERY } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';

/** tcp_rack_sent_after. */
const sentAfter = (t1: number, end1: number, t2: number, end2: number): boolean =>
  t1 > t2 || (t1 === t2 && after(end1, end2));

/** tcp_rack_reo_wnd. */
function reorderWindow(tp: TcpSock): number {
  if (tp.reordSeen === 0) {
    if (tp.ca >= CA_RECOVERY) return 0;
    if (tp.sackedOut >= tp.reordering) return 0;
  }
  const min = Number.isFinite(tp.rttMin) ? tp.rttMin : 0;
  return Math.min((min / 4) * tp.rackReoSteps, tp.srtt);
}

/** tcp_rack_skb_timeout: how long `seg` still has. */
export const rackTimeoutOf = (tp: TcpSock, seg: TxSeg, window: number, now: number): number =>
  tp.rackRtt + window - (now - seg.xmitTime);

/** tcp_rack_advance: `seg` was delivered. */
export function rackAdvance(
  tp: TcpSock,
  retransmitted: boolean,
  end: number,
  xmitTime: number,
  now: number,
): void {
  const rtt = now - xmitTime;
  // Too quick for the retransmission: it was the original that arrived.
  if (retransmitted && rtt < tp.rttMin) return;
  tp.rackAdvanced = true;
  tp.rackRtt = rtt;
  if (sentAfter(xmitTime, end, tp.rackMstamp, tp.rackEndSeq)) {
    tp.rackMstamp = xmitTime;
    tp.rackEndSeq = end;
  }
}

/** tcp_rack_detect_loss: marks, and returns how long until the next could be, 0 when none could. */
function detect(tp: TcpSock, now: number): number {
  const window = reorderWindow(tp);
  let wait = 0;
  let seg = tp.rtx.thead;
  while (seg !== undefined) {
    const next = seg.tnext;
    if ((seg.sacked & LOST) === 0 || (seg.sacked & RETRANS) !== 0) {
      if (!sentAfter(tp.rackMstamp, tp.rackEndSeq, seg.xmitTime, seg.end)) break;
      const left = rackTimeoutOf(tp, seg, window, now);
      if (left <= 0) {
        markLost(tp, seg);
        tp.rtx.untime(seg);
      } else wait = Math.max(wait, left);
    }
    seg = next;
  }
  return wait;
}

/** tcp_rack_mark_lost, on each ACK. True when the reordering timer was set. */
export function rackMarkLost(tp: TcpSock, now: number): boolean {
  if (!tp.rackAdvanced) return false;
  tp.rackAdvanced = false;
  const wait = detect(tp, now);
  if (wait <= 0) return false;
  setRtoTimer(tp, 'reorder', wait + TIMEOUT_MIN);
  return true;
}

/** tcp_rack_reo_timeout's look: more may be lost now that the window has passed. */
export const rackDetect = detect;

/** tcp_rack_update_reo_wnd: a DSACK widens the window, sixteen recoveries without one make it narrow again. */
export function updateReorderWindow(tp: TcpSock, delivered: number, priorDelivered: number): void {
  if (before(priorDelivered, tp.rackLastDelivered)) tp.rackDsackSeen = false;
  if (tp.rackDsackSeen) {
    tp.rackReoSteps = Math.min(0xff, tp.rackReoSteps + 1);
    tp.rackDsackSeen = false;
    tp.rackLastDelivered = delivered;
    tp.rackReoPersist = 16;
  } else if (tp.rackReoPersist === 0) tp.rackReoSteps = 1;
}
