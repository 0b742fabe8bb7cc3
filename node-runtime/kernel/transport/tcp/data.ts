// Incoming data: tcp_data_queue, the out-of-order queue and its SACK blocks, and when to acknowledge
// (net/ipv4/tcp_input.c; RFC 5681 section 4.2, 2018, 2883).
import type { DropReason } from '../../trace/drop-reason.ts';
import { WAKE_READ } from '../sock.ts';
import { receivedFin } from './close.ts';
import { MARK_QUICKACKS, received } from './ecn.ts';
import { sendAck } from './output.ts';
import type { Segment } from './segment.ts';
import { after, before, seqAdd, seqDiff } from './sequence.ts';
import { TCP_CLOSE } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { growWindow, makeRoom, measureRcvRtt, receiveWindow, windowToOffer } from './window.ts';

const ATO_MIN = 40;
const DELACK_MAX = 200;
const MAX_QUICKACKS = 16;

/** tcp_incr_quickack: the next so many segments are acknowledged at once. */
function quickAck(tp: TcpSock, most = MAX_QUICKACKS): void {
  let n = Math.floor(tp.rcvWnd / (2 * tp.rcvMss));
  if (n === 0) n = 2;
  n = Math.min(n, most);
  if (n > tp.quickacks) tp.quickacks = n;
}

/** tcp_enter_quickack_mode. */
export function enterQuickAck(tp: TcpSock, most = MAX_QUICKACKS): void {
  quickAck(tp, most);
  tp.pingpong = 0;
  tp.ato = ATO_MIN;
}

/** tcp_dsack_set, tcp_dsack_extend. */
export function setDsack(tp: TcpSock, start: number, end: number): void {
  if (!tp.sackOk || tp.ns.sysctl.ipv4.tcp_dsack === 0) return;
  if (before(start, tp.rcvNxt)) tp.net.mib.dsackOldSent++;
  else tp.net.mib.dsackOfoSent++;
  tp.dsack = true;
  tp.dsackStart = start;
  tp.dsackEnd = end;
}

/** tcp_measure_rcv_mss: what the peer's full segments seem to be. */
function measureRcvMss(tp: TcpSock, seg: Segment): void {
  const len = seg.gsoSize > 0 ? seg.gsoSize : seg.dataLen;
  if (len >= tp.rcvMss) tp.rcvMss = Math.min(len, tp.advmss);
  else if (len >= 536) {
    if (len === tp.lastSegSize) tp.rcvMss = len;
    tp.lastSegSize = len;
  }
}

/** tcp_event_data_recv: adapts the delayed-ACK time to the pace of what arrives. */
function dataReceived(tp: TcpSock, seg: Segment, now: number): void {
  tp.ackPending = true;
  measureRcvMss(tp, seg);
  measureRcvRtt(tp, seg, now);
  if (tp.ato === 0) {
    quickAck(tp);
    tp.ato = ATO_MIN;
  } else {
    const gap = now - tp.lrcvtime;
    if (gap <= ATO_MIN / 2) tp.ato = tp.ato / 2 + ATO_MIN / 2;
    else if (gap < tp.ato) tp.ato = Math.min(tp.ato / 2 + gap, tp.rto);
    else if (gap > tp.rto) quickAck(tp);
  }
  tp.lrcvtime = now;
  if (tp.ecnOk && received(tp, seg)) enterQuickAck(tp, MARK_QUICKACKS);
  growWindow(tp, seg.dataLen);
}

/** tcp_data_queue. Says why, when nothing of the segment was kept. */
export function dataQueue(tp: TcpSock, seg: Segment): DropReason | undefined {
  if (seg.seq === seg.end) return undefined;
  if (seg.seq === tp.rcvNxt) {
    if (receiveWindow(tp) === 0 && seg.dataLen > 0) {
      tp.net.mib.zeroWindowDrop++;
      return outsideWindow(tp, 'TCP_INVALID_SEQUENCE');
    }
    return queueInOrder(tp, seg, 0);
  }
  if (!after(seg.end, tp.rcvNxt)) {
    setDsack(tp, seg.seq, seg.end);
    return outsideWindow(tp, 'TCP_OLD_DATA');
  }
  if (!before(seg.seq, seqAdd(tp.rcvNxt, receiveWindow(tp))))
    return outsideWindow(tp, 'TCP_INVALID_SEQUENCE');
  if (before(seg.seq, tp.rcvNxt)) {
    setDsack(tp, seg.seq, tp.rcvNxt);
    if (receiveWindow(tp) === 0) return outsideWindow(tp, 'TCP_INVALID_SEQUENCE');
    return queueInOrder(tp, seg, seqDiff(tp.rcvNxt, seg.seq));
  }
  return queueOutOfOrder(tp, seg);
}

function outsideWindow(tp: TcpSock, why: DropReason): DropReason {
  enterQuickAck(tp);
  tp.ackPending = true;
  return why;
}

function queueInOrder(tp: TcpSock, seg: Segment, skip: number): DropReason | undefined {
  const n = seg.dataLen - skip;
  if (n > 0) {
    if (!makeRoom(tp, n)) {
      tp.ackPending = true;
      tp.ackNow = true;
      tp.ackNomem = true;
      return 'SOCKET_RCVBUFF';
    }
    tp.rcv.append(tp.rcvNxt, seg.skb.bytes, seg.dataAt + skip, n);
    tp.rcvNxt = seqAdd(tp.rcvNxt, n);
    tp.bytesReceived += n;
    dataReceived(tp, seg, tp.now());
  }
  if (seg.fin) {
    fin(tp);
    return undefined;
  }
  if (tp.rcv.hasOfo) {
    const before = tp.rcvNxt;
    tp.rcvNxt = tp.rcv.advance(tp.rcvNxt);
    tp.bytesReceived += seqDiff(tp.rcvNxt, before);
    // RFC 5681 section 4.2: at once when a hole is filled.
    if (!tp.rcv.hasOfo) tp.ackNow = true;
  }
  if (tp.numSacks > 0) trimSacks(tp);
  if (tp.peerFin !== undefined && tp.peerFin === tp.rcvNxt) {
    fin(tp);
    return undefined;
  }
  if (!tp.orphan) tp.signal(WAKE_READ);
  return undefined;
}

function fin(tp: TcpSock): void {
  tp.rcvNxt = seqAdd(tp.rcvNxt, 1);
  tp.peerFin = undefined;
  receivedFin(tp);
}

/** tcp_data_queue_ofo. */
function queueOutOfOrder(tp: TcpSock, seg: Segment): DropReason | undefined {
  tp.ackPending = true;
  if (tp.ecnOk && received(tp, seg)) enterQuickAck(tp, MARK_QUICKACKS);
  if (seg.fin) tp.peerFin = seqAdd(seg.seq, seg.dataLen);
  if (seg.dataLen === 0) return undefined;
  if (!makeRoom(tp, seg.dataLen)) return 'SOCKET_RCVBUFF';
  tp.net.mib.ofoQueue++;
  const end = seqAdd(seg.seq, seg.dataLen);
  if (tp.rcv.insert(seg.seq, end, seg.skb.bytes, seg.dataAt) === 0) setDsack(tp, seg.seq, end);
  addSack(tp, seg.seq);
  // Without SACK a window that grew would make this ACK look like news and not like a duplicate.
  if (tp.sackOk) growWindow(tp, seg.dataLen);
  return undefined;
}

/** tcp_sack_new_ofo_skb: the block that holds the newest data comes first (RFC 2018 section 4). */
function addSack(tp: TcpSock, seq: number): void {
  if (!tp.sackOk || !tp.rcv.range(seq, tp.net.range)) return;
  const start = tp.net.range[0]!;
  const end = tp.net.range[1]!;
  const list = tp.sackList;
  let n = 0;
  const kept: number[] = [];
  for (let i = 0; i < tp.numSacks; i++) {
    const s = list[2 * i]!;
    const e = list[2 * i + 1]!;
    if (!after(start, e) && !after(s, end)) continue;
    kept.push(s, e);
  }
  list[0] = start;
  list[1] = end;
  n = 1;
  for (let i = 0; i < kept.length && n < 4; i += 2, n++) {
    list[2 * n] = kept[i]!;
    list[2 * n + 1] = kept[i + 1]!;
  }
  tp.numSacks = n;
}

/** tcp_sack_remove: what is in order now needs no block. */
function trimSacks(tp: TcpSock): void {
  if (!tp.rcv.hasOfo) {
    tp.numSacks = 0;
    return;
  }
  let n = 0;
  for (let i = 0; i < tp.numSacks; i++) {
    if (!before(tp.rcvNxt, tp.sackList[2 * i + 1]!)) continue;
    tp.sackList[2 * n] = tp.sackList[2 * i]!;
    tp.sackList[2 * n + 1] = tp.sackList[2 * i + 1]!;
    n++;
  }
  tp.numSacks = n;
}

/** tcp_ack_snd_check: now, or a little later. */
export function ackSendCheck(tp: TcpSock): void {
  if (!tp.ackPending || tp.state === TCP_CLOSE) return;
  const unacked = seqDiff(tp.rcvNxt, tp.rcvWup);
  if (
    tp.ackNow ||
    tp.rcv.hasOfo ||
    tp.dsack ||
    (tp.quickacks > 0 && tp.pingpong === 0) ||
    (unacked > tp.rcvMss && windowToOffer(tp) >= tp.rcvWnd)
  )
    sendAck(tp);
  else sendDelayedAck(tp);
}

/** tcp_send_delayed_ack. */
export function sendDelayedAck(tp: TcpSock): void {
  let { ato } = tp;
  if (ato > ATO_MIN) {
    let max = tp.pingpong > 0 ? DELACK_MAX : 500;
    if (tp.srtt > 0) max = Math.min(max, Math.max(tp.srtt, ATO_MIN));
    ato = Math.min(ato, max);
  }
  ato = Math.min(Math.max(ato, 0), DELACK_MAX);
  tp.ackPending = true;
  const due = tp.now() + ato;
  if (tp.delackTimer.on) {
    // One that is nearly due goes out with this segment's.
    if (tp.delackTimer.deadline <= tp.now() + ato / 4) {
      sendAck(tp);
      return;
    }
    if (tp.delackTimer.deadline <= due) return;
  }
  tp.delackTimer.set(due);
}
