// Sending: tcp_transmit_skb, tcp_write_xmit and what decides when (net/ipv4/tcp_output.c).
import { CHECKSUM_PARTIAL, type Skb } from '../../skb/skb.ts';
import { put16, put32 } from '../../wire/bytes.ts';
import { pseudoHeader } from '../../wire/checksum.ts';
import { PROTO_TCP } from '../../wire/ipv4.ts';
import { ACK, FIN, PSH, RST } from '../../wire/tcp.ts';
import { localOut, pushIpHeader } from '../ip-xmit.ts';
import { IP_PMTUDISC_DONT } from '../sock.ts';
import { dataFlags, dataTos, synFlags } from './ecn.ts';
import { currentMss, gsoSegs, pcountOf, sackBlocks, TS_OPTION } from './mss.ts';
import { rearmRto, scheduleLossProbe, startProbeTimer } from './rearm.ts';
import { after, before, seqAdd, seqDiff } from './sequence.ts';
import { CA_CWR, CA_OPEN, CA_RECOVERY, TCP_CLOSE, TCP_LISTEN, TCP_SYN_SENT } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { tsClock } from './timestamps.ts';
import { initialSpace, initialWindow, initialWscale, selectWindow } from './window.ts';

/** Bytes handed down before other work gets its turn: what is sent stays in the cache until the device has it. */
const QUANTUM = 262_144;

/** The rest of a TCP header, the pseudo-header's sum in its checksum field, and the IP header; then out. */
function finish(tp: TcpSock, skb: Skb, packets: number, tos: number): void {
  const at = skb.data;
  put16(skb.bytes, at + 16, pseudoHeader(tp.saddr, tp.daddr, PROTO_TCP, skb.len));
  skb.ipSummed = CHECKSUM_PARTIAL;
  tp.segsOut++;
  tp.net.mib.outSegs++;
  const df = tp.pmtudisc !== IP_PMTUDISC_DONT;
  pushIpHeader(skb, PROTO_TCP, tp.saddr, tp.daddr, tp.sendTtl, tos, df, tp.takeIpId(packets));
  localOut(tp, skb, 0);
}

function putBase(tp: TcpSock, skb: Skb, at: number, seq: number, flags: number, hlen: number): void {
  const b = skb.bytes;
  put16(b, at, tp.sport);
  put16(b, at + 2, tp.dport);
  put32(b, at + 4, seq);
  put32(b, at + 8, (flags & ACK) !== 0 ? tp.rcvNxt : 0);
  b[at + 12] = hlen << 2;
  b[at + 13] = flags;
  put16(b, at + 18, 0);
}

/** tcp_transmit_skb for an established connection: `len` bytes of the send ring from `seq` on. */
export function transmit(tp: TcpSock, seq: number, len: number, flags: number, mss: number): void {
  const blocks = sackBlocks(tp);
  const hlen = 20 + (tp.tsOk ? TS_OPTION : 0) + (blocks > 0 ? 4 + 8 * blocks : 0);
  const skb = tp.kernel.pool.alloc(hlen + len);
  const at = skb.put(hlen + len);
  const b = skb.bytes;
  const wire = tp.ecnOk ? dataFlags(tp, seq, len, flags) : flags;
  putBase(tp, skb, at, seq, wire, hlen);
  put16(b, at + 14, selectWindow(tp));
  let o = at + 20;
  const now = tp.now();
  if (tp.tsOk) {
    put32(b, o, 0x0101080a);
    put32(b, o + 4, tsClock(now) + tp.tsOffset);
    put32(b, o + 8, tp.tsRecent);
    o += TS_OPTION;
  }
  if (blocks > 0) putSacks(tp, b, o, blocks);
  if (len > 0) {
    tp.ring.copy(seq, len, b, at + hlen);
    if (len > mss) skb.gsoSize = mss;
    tp.bytesSent += len;
    dataSent(tp, now);
  }
  if ((flags & ACK) !== 0) ackSent(tp);
  finish(tp, skb, len > mss ? Math.ceil(len / mss) : 1, tp.ecnOk ? dataTos(tp, seq, len) : tp.tos);
}

function putSacks(tp: TcpSock, b: Uint8Array, at: number, blocks: number): void {
  put32(b, at, 0x01010500 | (2 + 8 * blocks));
  let o = at + 4;
  let i = 0;
  if (tp.dsack) {
    put32(b, o, tp.dsackStart);
    put32(b, o + 4, tp.dsackEnd);
    o += 8;
    blocks--;
    tp.dsack = false;
  }
  for (; i < blocks; i++, o += 8) {
    put32(b, o, tp.sackList[2 * i]!);
    put32(b, o + 4, tp.sackList[2 * i + 1]!);
  }
}

/** tcp_event_ack_sent. */
function ackSent(tp: TcpSock): void {
  if (tp.quickacks > 0 && --tp.quickacks === 0) tp.ato = 40;
  tp.ackPending = false;
  tp.ackNow = false;
  tp.ackNomem = false;
  tp.delackTimer.off();
}

/** tcp_event_data_sent: a reply within the delayed-ACK time means that the two take turns. */
function dataSent(tp: TcpSock, now: number): void {
  if (tp.packetsOut === 0) tp.cc.txStart(now - tp.lsndtime, now);
  if (now - tp.lrcvtime < tp.ato) tp.pingpong = 1;
  tp.lsndtime = now;
}

/** The SYN of a connection we open (`flags` SYN), or the SYN-ACK where both opened at once. Options in Linux's order. */
export function transmitSyn(tp: TcpSock, flags: number): void {
  const { ipv4 } = tp.ns.sysctl;
  const answering = (flags & ACK) !== 0;
  const ts = answering ? tp.tsOk : ipv4.tcp_timestamps !== 0;
  const sack = answering ? tp.sackOk : ipv4.tcp_sack !== 0;
  const wscale = answering ? tp.wscaleOk : ipv4.tcp_window_scaling !== 0;
  const hlen = 24 + (ts ? 12 : sack ? 4 : 0) + (wscale ? 4 : 0);
  const skb = tp.kernel.pool.alloc(hlen);
  const at = skb.put(hlen);
  const b = skb.bytes;
  if (tp.rcvWnd === 0) {
    tp.rcvWscale = wscale ? initialWscale(tp) : 0;
    tp.windowClamp = initialSpace(tp);
    tp.rcvWnd = initialWindow(tp.windowClamp, tp.advmss);
    tp.rcvSsthresh = tp.rcvWnd;
  }
  putBase(tp, skb, at, tp.iss, synFlags(tp, flags), hlen);
  put16(b, at + 14, Math.min(tp.rcvWnd, 65_535));
  const tsval = tsClock(tp.now()) + tp.tsOffset;
  putSynOptions(
    b,
    at + 20,
    tp.advmss,
    ts,
    sack,
    wscale ? tp.rcvWscale : -1,
    tsval,
    answering ? tp.tsRecent : 0,
  );
  finish(tp, skb, 1, tp.tos);
}

/** MSS; SACK-permitted in the two bytes before the timestamps; NOP and window scale (-1: none). */
export function putSynOptions(
  b: Uint8Array,
  at: number,
  mss: number,
  ts: boolean,
  sack: boolean,
  wscale: number,
  tsval: number,
  tsecr: number,
): void {
  put32(b, at, 0x02040000 | mss);
  at += 4;
  if (ts) {
    put32(b, at, sack ? 0x0402080a : 0x0101080a);
    put32(b, at + 4, tsval);
    put32(b, at + 8, tsecr);
    at += TS_OPTION;
  } else if (sack) {
    put32(b, at, 0x01010402);
    at += 4;
  }
  if (wscale >= 0) put32(b, at, 0x01030300 | wscale);
}

/** tcp_acceptable_seq: a number that the peer will find inside its window. */
function acceptableSeq(tp: TcpSock): number {
  const end = seqAdd(tp.sndUna, tp.sndWnd);
  if (!before(end, tp.sndNxt)) return tp.sndNxt;
  return tp.wscaleOk && seqDiff(tp.sndNxt, end) < 1 << tp.sndWscale ? tp.sndNxt : end;
}

/** tcp_send_ack. */
export function sendAck(tp: TcpSock): void {
  if (tp.state === TCP_CLOSE || tp.state === TCP_LISTEN) return;
  transmit(tp, acceptableSeq(tp), 0, ACK, tp.mss);
}

/** tcp_send_active_reset. */
export function sendActiveReset(tp: TcpSock): void {
  tp.net.mib.outRsts++;
  transmit(tp, acceptableSeq(tp), 0, ACK | RST, tp.mss);
}

/** tcp_xmit_probe_skb: an old sequence number, so that the peer answers with its window. */
export function sendProbe(tp: TcpSock): void {
  transmit(tp, seqAdd(tp.sndUna, -1), 0, ACK, tp.mss);
}

/** tcp_nagle_check and the push tests before it: must a segment that is not full wait? */
function nagleHolds(tp: TcpSock, last: boolean): boolean {
  if (last && tp.finQueued) return false;
  if (tp.cork) return true;
  if (tp.nodelay || tp.packetsOut === 0) return false;
  return after(tp.sndSml, tp.sndUna) && !after(tp.sndSml, tp.sndNxt);
}

/** tcp_tso_should_defer: with packets in flight, a super-segment far below its size waits for the next ACK. */
function defers(tp: TcpSock, len: number, mss: number, now: number): boolean {
  if (tp.ca >= CA_RECOVERY || tp.packetsOut === 0 || len >= gsoSegs(mss) * mss) return false;
  if (now - tp.lsndtime > 1) return false;
  return len < Math.min(tp.sndWnd, tp.cwnd * mss) / 3;
}

/** How many bytes of data the next segment may have; 0 for a FIN alone, -1 when nothing may be sent. */
function nextLength(tp: TcpSock, mss: number, quota: number, probe: boolean): number {
  const left = seqDiff(tp.ring.end, tp.sndNxt);
  const window = seqDiff(seqAdd(tp.sndUna, tp.sndWnd), tp.sndNxt);
  if (left <= mss) {
    const whole = left + (tp.finQueued ? 1 : 0);
    if (whole > window) return -1;
    if (left < mss && !probe && nagleHolds(tp, true)) return -1;
    return left;
  }
  if (mss > window) return -1;
  const max = Math.min(quota, gsoSegs(mss)) * mss;
  const need = Math.min(left, window);
  if (need >= max) {
    return max < left && !probe && defers(tp, max, mss, tp.now()) ? -1 : max;
  }
  const partial = need % mss;
  const len = partial !== 0 && (need < left || nagleHolds(tp, true)) ? need - partial : need;
  return len < left && !probe && defers(tp, len, mss, tp.now()) ? -1 : len;
}

/**
 * tcp_write_xmit: sends what window, congestion and Nagle allow. `probe`: one segment regardless of the congestion
 * window (TLP). True when something is queued but nothing is in flight that would bring an ACK.
 */
export function writeXmit(tp: TcpSock, probe = false): boolean {
  const mss = currentMss(tp);
  let budget = QUANTUM;
  let sent = 0;
  let limited = false;
  while (after(tp.writeSeq, tp.sndNxt)) {
    let quota = tp.cwnd - tp.inFlight;
    if (quota <= 0) {
      if (!probe) {
        limited = true;
        break;
      }
      quota = 1;
    }
    const len = nextLength(tp, mss, probe ? 1 : quota, probe);
    if (len < 0) break;
    if (budget <= 0) {
      sendLater(tp);
      break;
    }
    budget -= len + 1;
    sendNew(tp, len, mss);
    sent++;
    if (probe) break;
  }
  if (sent > 0) {
    if (!probe) scheduleLossProbe(tp);
    cwndValidate(tp, limited || tp.inFlight >= tp.cwnd);
    return false;
  }
  return tp.packetsOut === 0 && after(tp.writeSeq, tp.sndNxt);
}

function sendLater(tp: TcpSock): void {
  if (tp.xmitQueued) return;
  tp.xmitQueued = true;
  tp.kernel.runQueue.push(tp.continueXmit);
}

/** One new segment or super-segment: tcp_transmit_skb and tcp_event_new_data_sent. */
function sendNew(tp: TcpSock, len: number, mss: number): void {
  const seq = tp.sndNxt;
  const last = seqAdd(seq, len) === tp.ring.end;
  const fin = last && tp.finQueued;
  const end = seqAdd(seq, len + (fin ? 1 : 0));
  const pcount = pcountOf(len, mss);
  const first = tp.packetsOut === 0;
  transmit(tp, seq, len, ACK | (fin ? FIN : 0) | (last && len > 0 ? PSH : 0), mss);
  if (len < pcount * mss) tp.sndSml = end;
  tp.sndNxt = end;
  tp.rtx.append(seq, end, fin ? FIN : 0, pcount, tp.now(), tp.delivered);
  tp.packetsOut += pcount;
  if (tp.ca === CA_CWR || tp.ca === CA_RECOVERY) tp.prrOut += pcount;
  if (first || tp.rtoEvent === 'loss-probe') rearmRto(tp);
}

/** tcp_cwnd_validate: remembers whether the window was the limit, and shrinks one that lies idle. */
function cwndValidate(tp: TcpSock, limited: boolean): void {
  if (
    !before(tp.sndUna, tp.cwndUsageSeq) ||
    limited ||
    (!tp.isCwndLimited && tp.packetsOut > tp.maxPacketsOut)
  ) {
    tp.isCwndLimited = limited;
    tp.maxPacketsOut = tp.packetsOut;
    tp.cwndUsageSeq = tp.sndNxt;
  }
  const now = tp.now();
  if (tp.isCwndLimited || (tp.cwnd < tp.ssthresh && tp.cwnd < 2 * tp.maxPacketsOut)) {
    tp.cwndUsed = 0;
    tp.cwndStamp = now;
    return;
  }
  if (tp.packetsOut > tp.cwndUsed) tp.cwndUsed = tp.packetsOut;
  if (tp.ns.sysctl.ipv4.tcp_slow_start_after_idle !== 0 && now - tp.cwndStamp >= tp.rto)
    applicationLimited(tp, now);
}

/** tcp_cwnd_application_limited. */
function applicationLimited(tp: TcpSock, now: number): void {
  if (tp.ca === CA_OPEN) {
    const used = Math.max(tp.cwndUsed, 10);
    if (used < tp.cwnd) {
      tp.ssthresh = Math.max(tp.ssthresh, Math.floor((tp.cwnd * 3) / 4));
      tp.cwnd = (tp.cwnd + used) >> 1;
    }
    tp.cwndUsed = 0;
  }
  tp.cwndStamp = now;
}

/** tcp_slow_start_after_idle_check: a window from before a long silence is not believed. */
export function restartAfterIdle(tp: TcpSock): void {
  if (tp.ns.sysctl.ipv4.tcp_slow_start_after_idle === 0 || tp.packetsOut > 0) return;
  const idle = tp.now() - tp.lsndtime;
  if (idle <= tp.rto) return;
  let cwnd = tp.cwnd;
  tp.ssthresh = tp.ssthresh === 0x7fff_ffff ? tp.ssthresh : Math.max(tp.ssthresh, Math.floor((cwnd * 3) / 4));
  const floor = Math.min(10, cwnd);
  for (let left = idle - tp.rto; left > 0 && cwnd > floor; left -= tp.rto) cwnd >>= 1;
  tp.cwnd = Math.max(cwnd, floor);
  tp.cwndStamp = tp.now();
  tp.cwndUsed = 0;
}

/** tcp_push_pending_frames. */
export function pushPending(tp: TcpSock): void {
  if (tp.state === TCP_CLOSE || tp.state === TCP_LISTEN || tp.state === TCP_SYN_SENT) return;
  if (after(tp.writeSeq, tp.sndNxt) && writeXmit(tp)) startProbeTimer(tp);
}

/** tcp_data_snd_check without the ACK's part: the next quantum of a burst. */
export function writeMore(tp: TcpSock): void {
  pushPending(tp);
}
