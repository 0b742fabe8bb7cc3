// Loss by time: RACK (RFC 8985, net/ipv4/tcp_recovery.c). A segment is lost when one sent later has arrived and a
// reordering window has gone by.
import { setRtoTimer, TIMEOUT_MIN } from './rearm.ts';
import { EVER_RETRANS, LOST, RETRANS, type TxSeg } from './rtx-queue.ts';
import { markLost } from './scoreboard.ts';
import { after, before } from './sequence.ts';
import { CA_RECOVERY } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';

/**
 * tcp_rack_sent_after, by the order of transmission rather than by its time, which a virtual clock gives to many. The
 * parts of one super-segment went together and are told apart by their place in it.
 */
const sentAfter = (order1: number, end1: number, order2: number, end2: number): boolean =>
  order1 > order2 || (order1 === order2 && after(end1, end2));

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
export function rackAdvance(tp: TcpSock, seg: TxSeg, now: number): void {
  const rtt = now - seg.xmitTime;
  // Too quick for the retransmission: it was the original that arrived.
  if ((seg.sacked & EVER_RETRANS) !== 0 && rtt < tp.rttMin) return;
  tp.rackAdvanced = true;
  tp.rackRtt = rtt;
  if (sentAfter(seg.order, seg.end, tp.rackOrder, tp.rackEndSeq)) {
    tp.rackOrder = seg.order;
    tp.rackPriorDelivered = seg.delivered;
    tp.rackEndSeq = seg.end;
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
      if (!sentAfter(tp.rackOrder, tp.rackEndSeq, seg.order, seg.end)) break;
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

/** tcp_rack_update_reo_wnd: a DSACK widens the window once a round trip; sixteen recoveries without one narrow it. */
export function updateReorderWindow(tp: TcpSock): void {
  if (before(tp.rackPriorDelivered, tp.rackLastDelivered)) tp.rackDsackSeen = false;
  if (tp.rackDsackSeen) {
    tp.rackReoSteps = Math.min(0xff, tp.rackReoSteps + 1);
    tp.rackDsackSeen = false;
    tp.rackLastDelivered = tp.delivered;
    tp.rackReoPersist = 16;
  } else if (tp.rackReoPersist === 0) tp.rackReoSteps = 1;
}
