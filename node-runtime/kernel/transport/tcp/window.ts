// The window we offer: tcp_select_window, tcp_select_initial_window (net/ipv4/tcp_output.c) and its tuning
// (tcp_rcv_space_adjust, tcp_grow_window in tcp_input.c). Half of the buffer is window, as with tcp_adv_win_scale 1.
import type { Segment } from './segment.ts';
import { after, before } from './sequence.ts';
import { TCP_INIT_CWND } from './state.ts';
import type { TcpSock } from './tcp-sock.ts';

const winFromSpace = (space: number): number => space >> 1;
/** Out-of-order pieces kept however small they are: bounds memory against one-byte segments. */
const MAX_OFO_CHUNKS = 4096;

const fullSpace = (tp: TcpSock): number => winFromSpace(tp.rcvbuf);
const freeSpace = (tp: TcpSock): number => fullSpace(tp) - tp.rcv.ready - tp.rcv.ofo;

/** The scale we announce covers what tcp_rmem or SO_RCVBUF may let the buffer grow to. */
export function initialWscale(tp: TcpSock): number {
  if (tp.ns.sysctl.ipv4.tcp_window_scaling === 0) return 0;
  const { tcp_rmem } = tp.ns.sysctl.ipv4;
  const space = tp.rcvbufLocked ? winFromSpace(tp.rcvbuf) : Math.max(tcp_rmem[2], tp.ns.sysctl.core.rmem_max);
  return Math.min(Math.max(31 - Math.clz32(space) - 15, 0), 14);
}

/** The first window: what the buffer holds, in whole segments, and what 16 bits hold. */
export function initialWindow(space: number, mss: number): number {
  const whole = space > mss ? Math.floor(space / mss) * mss : space;
  return Math.min(whole, 65_535);
}

export const initialSpace = (tp: TcpSock): number => fullSpace(tp);

/** tcp_init_buffer_space, once the connection stands. */
export function initBufferSpace(tp: TcpSock): void {
  tp.windowClamp = fullSpace(tp);
  tp.rcvSsthresh = Math.min(Math.max(tp.rcvSsthresh, tp.rcvWnd), tp.windowClamp);
  tp.rcvqSpace = Math.min(tp.rcvSsthresh, tp.rcvWnd, TCP_INIT_CWND * tp.advmss);
  tp.rcvqSeq = tp.copiedSeq;
  tp.rcvqTime = tp.now();
}

/** __tcp_select_window: what we would offer now. */
export function windowToOffer(tp: TcpSock): number {
  const full = Math.min(tp.windowClamp, fullSpace(tp));
  const mss = Math.min(tp.rcvMss, full);
  if (mss <= 0) return 0;
  let free = freeSpace(tp);
  if (free < full >> 1) {
    tp.quickacks = 0;
    free &= -1 << tp.rcvWscale;
    if (free < full >> 4 || free < mss) return 0;
  }
  free = Math.min(free, tp.rcvSsthresh);
  if (tp.rcvWscale > 0) {
    const unit = 1 << tp.rcvWscale;
    return Math.ceil(free / unit) * unit;
  }
  const window = tp.rcvWnd;
  if (window <= free - mss || window > free) return free - (free % mss);
  if (mss === full && free > window + (full >> 1)) return free;
  return window;
}

/** tcp_receive_window: what is left of the window we last offered. */
export function receiveWindow(tp: TcpSock): number {
  return Math.max((tp.rcvWup + tp.rcvWnd - tp.rcvNxt) | 0, 0);
}

/** tcp_select_window: the value for the header of the segment being built. The right edge never moves back. */
export function selectWindow(tp: TcpSock): number {
  if (tp.ackNomem) {
    // But where what was promised can't be kept, a closed window says so.
    tp.rcvWnd = 0;
    tp.rcvWup = tp.rcvNxt;
    return 0;
  }
  const current = receiveWindow(tp);
  let window = windowToOffer(tp);
  if (window < current) {
    const unit = 1 << tp.rcvWscale;
    window = Math.ceil(current / unit) * unit;
  }
  if (tp.rcvWscale === 0) window = Math.min(window, 65_535);
  tp.rcvWnd = window;
  tp.rcvWup = tp.rcvNxt;
  return Math.min(window >> tp.rcvWscale, 65_535);
}

/** tcp_grow_window: well-filled segments earn a larger window. */
export function growWindow(tp: TcpSock, len: number): void {
  const room = Math.min(tp.windowClamp, freeSpace(tp)) - tp.rcvSsthresh;
  if (room <= 0 || len < 128) return;
  tp.rcvSsthresh += Math.min(room, Math.max(2 * tp.advmss, 2 * len));
}

/** tcp_rcv_rtt_measure and _ts: the receiver's idea of the round trip, by timestamps or by window. */
export function measureRcvRtt(tp: TcpSock, seg: Segment, now: number): void {
  if (tp.tsOk) {
    if (tp.rcvRttTsecr === tp.rcvTsecr || seg.dataLen < tp.rcvMss) return;
    tp.rcvRttTsecr = tp.rcvTsecr;
    if (!seg.sawTs || tp.rcvTsecr === 0) return;
    const sample = Math.max(((Math.floor(now) | 0) - (tp.rcvTsecr - tp.tsOffset)) | 0, 1);
    if (sample < 600_000) updateRcvRtt(tp, sample, false);
    return;
  }
  if (tp.rcvRttTime === 0) {
    tp.rcvRttSeq = (tp.rcvNxt + tp.rcvWnd) | 0;
    tp.rcvRttTime = now;
  } else if (!before(tp.rcvNxt, tp.rcvRttSeq)) {
    updateRcvRtt(tp, Math.max(now - tp.rcvRttTime, 1), true);
    tp.rcvRttSeq = (tp.rcvNxt + tp.rcvWnd) | 0;
    tp.rcvRttTime = now;
  }
}

function updateRcvRtt(tp: TcpSock, sample: number, byWindow: boolean): void {
  if (tp.rcvRtt === 0) tp.rcvRtt = sample;
  else if (byWindow) tp.rcvRtt = Math.min(tp.rcvRtt, sample);
  else tp.rcvRtt += (sample - tp.rcvRtt) / 8;
}

/** tcp_rcv_space_adjust, called as the program reads: twice what it reads in a round trip is the window it needs. */
export function adjustReceiveSpace(tp: TcpSock, now: number): void {
  if (tp.rcvRtt === 0 || now - tp.rcvqTime < tp.rcvRtt) return;
  const copied = (tp.copiedSeq - tp.rcvqSeq) | 0;
  if (copied > tp.rcvqSpace) {
    if (tp.ns.sysctl.ipv4.tcp_moderate_rcvbuf !== 0 && !tp.rcvbufLocked) {
      let window = 2 * copied + 16 * tp.advmss;
      window += 2 * Math.floor((window * (copied - tp.rcvqSpace)) / Math.max(tp.rcvqSpace, 1));
      const rcvbuf = Math.min(2 * window, tp.ns.sysctl.ipv4.tcp_rmem[2]);
      if (rcvbuf > tp.rcvbuf) {
        tp.rcvbuf = rcvbuf;
        tp.windowClamp = fullSpace(tp);
      }
    }
    tp.rcvqSpace = copied;
  }
  tp.rcvqSeq = tp.copiedSeq;
  tp.rcvqTime = now;
}

/** tcp_try_rmem_schedule and tcp_prune_queue: whether `n` more bytes may be stored; out-of-order data gives way first. */
export function makeRoom(tp: TcpSock, n: number): boolean {
  // Twice the window: what was offered is always taken, and the book-keeping of pieces is bounded by their number.
  while (tp.rcv.ready + tp.rcv.ofo + n > tp.rcvbuf || tp.rcv.ofoChunks >= MAX_OFO_CHUNKS) {
    if (!tp.rcv.hasOfo) return tp.rcv.ready + n <= tp.rcvbuf;
    tp.rcv.prune();
    tp.net.mib.rcvPruned++;
    tp.numSacks = 0;
  }
  return true;
}

/** tcp_sequence: does any of [seq, end) lie in the window? */
export const inWindow = (tp: TcpSock, seq: number, end: number): boolean =>
  !before(end, tp.rcvWup) && !after(seq, (tp.rcvNxt + receiveWindow(tp)) | 0);
