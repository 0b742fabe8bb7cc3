// Tracking of TCP: net/netfilter/nf_conntrack_proto_tcp.c, after G. van Rooij, "Real stateful TCP packet filtering in IP
// Filter" (2001). The state table and the window check are Linux's; sequence adjustment is left out, since no helper
// changes the length of a payload here.
import { CHECKSUM_NONE, type Skb } from '../../skb/skb.ts';
import { u8, u16, u32 } from '../../wire/bytes.ts';
import { pseudoHeader, verify } from '../../wire/checksum.ts';
import * as tcp from '../../wire/tcp.ts';
import type { Conntrack } from './conntrack.ts';
import {
  dirOf,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_FIXED_TIMEOUT,
  IPS_SEEN_REPLY,
  PROTO,
  STATUS,
  TCP,
  TIMEOUT,
} from './entry.ts';
import { CT_ACCEPT, CT_DROP, CT_INVALID, CT_REPEAT, type CtResult } from './result.ts';
import { after, before, readOptions, sackMax, segmentEnd } from './tcp-segment.ts';

export const TCP_STATES = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
] as const;
const sSS = 1;
const sSR = 2;
const sES = 3;
const sFW = 4;
const sCW = 5;
const sLA = 6;
const sTW = 7;
const sCL = 8;
const sS2 = 9;
const sIV = 10;
const sIG = 11;
export const TCP_TIME_WAIT = sTW;

/** enum tcp_bit_set: the kind of segment. */
const SYN_SET = 0;
const SYNACK_SET = 1;
const FIN_SET = 2;
const ACK_SET = 3;
const RST_SET = 4;
const NONE_SET = 5;

const CODES: Readonly<Record<string, number>> = {
  SS: sSS,
  SR: sSR,
  ES: sES,
  FW: sFW,
  CW: sCW,
  LA: sLA,
  TW: sTW,
  CL: sCL,
  S2: sS2,
  IV: sIV,
  IG: sIG,
};
const row = (text: string): number[] => text.split(' ').map((code) => CODES[code]!);

/** tcp_conntracks[dir][kind of segment][state], flat: ten states a row (none SS SR ES FW CW LA TW CL S2). */
const NEXT_STATE: readonly (readonly number[])[] = [
  [
    ...row('SS SS IG IG IG IG IG SS SS S2'), // SYN
    ...row('IV IV SR IV IV IV IV IV IV SR'), // SYN ACK
    ...row('IV IV FW FW LA LA LA TW CL IV'), // FIN
    ...row('ES IV ES ES CW CW TW TW CL IV'), // ACK
    ...row('IV CL CL CL CL CL CL CL CL CL'), // RST
    ...row('IV IV IV IV IV IV IV IV IV IV'), // none
  ],
  [
    ...row('IV S2 IV IV IV IV IV SS IV S2'),
    ...row('IV SR IG IG IG IG IG IG IG SR'),
    ...row('IV IV FW FW LA LA LA TW CL IV'),
    ...row('IV IG SR ES CW CW TW TW CL IG'),
    ...row('IV CL CL CL CL CL CL CL CL CL'),
    ...row('IV IV IV IV IV IV IV IV IV IV'),
  ],
];

// struct ip_ct_tcp in words: the two directions, then what the last segment was.
const DIR = 4;
const END = TCP;
const MAXEND = TCP + 1;
const MAXWIN = TCP + 2;
const MAXACK = TCP + 3;
const LAST_SEQ = TCP + 8;
const LAST_ACK = TCP + 9;
const LAST_END = TCP + 10;
/** last_win | last_index << 16 | last_dir << 19 | retrans << 20 (saturates at 15) | last_wscale << 24. */
const LAST = TCP + 11;
/** flags of direction 0 and 1, last_flags, then both td_scale in one byte. */
const FLAGS = TCP + 12;

const F_WINDOW_SCALE = 0x01;
const F_SACK_PERM = 0x02;
const F_CLOSE_INIT = 0x04;
const F_BE_LIBERAL = 0x08;
const F_DATA_UNACKNOWLEDGED = 0x10;
const F_MAXACK_SET = 0x20;
const F_EXP_CHALLENGE_ACK = 0x40;
const F_SIMULTANEOUS_OPEN = 0x80;
const MAXACKWINCONST = 66_000;

const flags = (e: Int32Array, at: number, dir: number): number => (e[at + FLAGS]! >>> (dir << 3)) & 255;
const setFlags = (e: Int32Array, at: number, dir: number, v: number): void => {
  const shift = dir << 3;
  e[at + FLAGS] = (e[at + FLAGS]! & ~(255 << shift)) | (v << shift);
};
const orFlag = (e: Int32Array, at: number, dir: number, v: number): void => {
  e[at + FLAGS]! |= v << (dir << 3);
};
const clearFlag = (e: Int32Array, at: number, dir: number, v: number): void => {
  e[at + FLAGS]! &= ~(v << (dir << 3));
};
/** Third "direction" of FLAGS: last_flags. */
const LASTF = 2;
const scale = (e: Int32Array, at: number, dir: number): number => (e[at + FLAGS]! >>> (24 + dir * 4)) & 15;
const setScale = (e: Int32Array, at: number, dir: number, v: number): void => {
  const shift = 24 + dir * 4;
  e[at + FLAGS] = (e[at + FLAGS]! & ~(15 << shift)) | (v << shift);
};

const lastWin = (e: Int32Array, at: number): number => e[at + LAST]! & 0xffff;
const lastIndex = (e: Int32Array, at: number): number => (e[at + LAST]! >>> 16) & 7;
const lastDir = (e: Int32Array, at: number): number => (e[at + LAST]! >>> 19) & 1;
const retrans = (e: Int32Array, at: number): number => (e[at + LAST]! >>> 20) & 15;
const lastWscale = (e: Int32Array, at: number): number => (e[at + LAST]! >>> 24) & 15;
const setLast = (e: Int32Array, at: number, mask: number, v: number): void => {
  e[at + LAST] = (e[at + LAST]! & ~mask) | v;
};
const M_WIN = 0xffff;
const M_INDEX = 7 << 16;
const M_DIR = 1 << 19;
const M_RETRANS = 15 << 20;
const M_WSCALE = 15 << 24;

export const tcpState = (e: Int32Array, at: number): number => (e[at + PROTO]! >>> 8) & 255;

function indexOf(f: number): number {
  if ((f & tcp.RST) !== 0) return RST_SET;
  if ((f & tcp.SYN) !== 0) return (f & tcp.ACK) !== 0 ? SYNACK_SET : SYN_SET;
  if ((f & tcp.FIN) !== 0) return FIN_SET;
  return (f & tcp.ACK) !== 0 ? ACK_SET : NONE_SET;
}

/** tcp_valid_flags: the combinations that a sane peer sends, ECE, CWR and PSH aside. */
function validFlags(f: number): boolean {
  switch (f & ~(tcp.ECE | tcp.CWR | tcp.PSH)) {
    case tcp.SYN:
    case tcp.SYN | tcp.URG:
    case tcp.SYN | tcp.ACK:
    case tcp.RST:
    case tcp.RST | tcp.ACK:
    case tcp.FIN | tcp.ACK:
    case tcp.FIN | tcp.ACK | tcp.URG:
    case tcp.ACK:
    case tcp.ACK | tcp.URG:
      return true;
    default:
      return false;
  }
}

/** tcp_error: whether the segment is too broken to be tracked. */
function tcpError(ct: Conntrack, skb: Skb, verifySums: boolean): boolean {
  const { l4, end, src, dst } = ct.tuple;
  const b = skb.bytes;
  if (l4 + tcp.MIN_HLEN > end) return true;
  const hlen = tcp.dataOffset(b, l4);
  if (hlen < tcp.MIN_HLEN || l4 + hlen > end) return true;
  if (verifySums && skb.ipSummed === CHECKSUM_NONE) {
    if (!verify(b, l4, end, pseudoHeader(src >>> 0, dst >>> 0, 6, end - l4))) return true;
  }
  return !validFlags(tcp.flags(b, l4));
}

/** tcp_new: the first segment of a connection. False: it cannot begin one. */
function tcpNew(ct: Conntrack, b: Uint8Array, e: Int32Array, at: number, index: number): boolean {
  const first = NEXT_STATE[0]![index * 10]!;
  if (first >= sIV) return false;
  const { l4, end } = ct.tuple;
  const win = tcp.window(b, l4) || 1;
  const segEnd = segmentEnd(b, l4, end);
  e.fill(0, at + TCP, at + FLAGS + 1);
  e[at + END] = segEnd;
  e[at + MAXWIN] = win;
  if (first === sSS) {
    e[at + MAXEND] = segEnd;
    takeOptions(e, at, 0, b, l4);
  } else {
    if (ct.ns.sysctl.netfilter.nf_conntrack_tcp_loose === 0) return false;
    // Picked up in the middle: its history is lost, so the windows are not to be trusted.
    e[at + MAXEND] = (segEnd + win) | 0;
    setFlags(e, at, 0, F_SACK_PERM | F_BE_LIBERAL);
    setFlags(e, at, 1, F_SACK_PERM | F_BE_LIBERAL);
  }
  setLast(e, at, M_INDEX, NONE_SET << 16);
  return true;
}

/** tcp_options: scale and SACK as the SYN of `dir` offers them. */
function takeOptions(e: Int32Array, at: number, dir: number, b: Uint8Array, l4: number): void {
  const o = readOptions(b, l4);
  setScale(e, at, dir, o & 15);
  const kept = flags(e, at, dir) & F_BE_LIBERAL;
  setFlags(e, at, dir, kept | ((o & 16) !== 0 ? F_WINDOW_SCALE : 0) | ((o & 32) !== 0 ? F_SACK_PERM : 0));
}

/** tcp_init_sender: true when the segment is a simultaneous open, which needs no further check. */
function initSender(
  e: Int32Array,
  at: number,
  dir: number,
  b: Uint8Array,
  l4: number,
  end: number,
  win: number,
): void {
  const s = at + dir * DIR;
  e[s + END] = end;
  e[s + MAXEND] = end;
  e[s + MAXWIN] = win === 0 ? 1 : win;
  takeOptions(e, at, dir, b, l4);
  // RFC 7323: both SYNs must offer window scaling, or neither direction uses it.
  if (dir === 1 && (flags(e, at, 0) & flags(e, at, 1) & F_WINDOW_SCALE) === 0) {
    setScale(e, at, 0, 0);
    setScale(e, at, 1, 0);
  }
}

const WIN_ACCEPT = 0;
const WIN_IGNORE = 1;
const WIN_INVALID = 2;

/** What a failed check comes to: accepted anyway where the windows are not trusted. */
function outOfWindow(ct: Conntrack, e: Int32Array, at: number, dir: number, otherwise: number): number {
  return (flags(e, at, dir) & F_BE_LIBERAL) !== 0 || ct.ns.sysctl.netfilter.nf_conntrack_tcp_be_liberal !== 0
    ? WIN_ACCEPT
    : otherwise;
}

function tcpInWindow(
  ct: Conntrack,
  e: Int32Array,
  at: number,
  dir: 0 | 1,
  index: number,
  b: Uint8Array,
): number {
  const { l4, end: packetEnd } = ct.tuple;
  const snd = at + dir * DIR;
  const rcv = at + (1 - dir) * DIR;
  const f = tcp.flags(b, l4);
  const state = tcpState(e, at);
  let seq = u32(b, l4 + 4) | 0;
  let ack = u32(b, l4 + 8) | 0;
  let sack = ack;
  const winRaw = u16(b, l4 + 14);
  let win = winRaw;
  let end = segmentEnd(b, l4, packetEnd);

  if ((flags(e, at, 1 - dir) & F_SACK_PERM) !== 0) sack = sackMax(b, l4, ack);

  if (e[snd + MAXWIN] === 0) {
    if ((f & tcp.SYN) !== 0) {
      initSender(e, at, dir, b, l4, end, win);
      if ((f & tcp.ACK) === 0) return WIN_ACCEPT; // simultaneous open
    } else {
      e[snd + END] = end;
      const swin = win << scale(e, at, dir);
      e[snd + MAXWIN] = swin === 0 ? 1 : swin;
      e[snd + MAXEND] = (end + e[snd + MAXWIN]!) | 0;
      if (e[rcv + MAXWIN] === 0) {
        e[rcv + END] = sack;
        e[rcv + MAXEND] = sack;
      } else if (sack === ((e[rcv + END]! + 1) | 0)) e[rcv + END] = sack; // likely the answer to a keepalive
    }
  } else if ((f & tcp.SYN) !== 0 && after(end, e[snd + END]!) && (state === sSS || state === sSR)) {
    initSender(e, at, dir, b, l4, end, win);
    if (dir === 1 && (f & tcp.ACK) === 0) return WIN_ACCEPT;
  }

  if ((f & tcp.ACK) === 0 || ((f & tcp.RST) !== 0 && ack === 0)) {
    ack = e[rcv + END]!;
    sack = ack;
  }
  if ((f & tcp.RST) !== 0 && seq === 0 && state === sSS) {
    seq = e[snd + END]!;
    end = seq;
  }

  const maxAckWindow = Math.max(e[snd + MAXWIN]!, MAXACKWINCONST);
  if (!before(seq, e[snd + MAXEND]! + 1)) {
    const overshot = (end - e[snd + MAXEND]! + 1) >>> 0;
    const ackOk = after(sack, e[rcv + END]! - maxAckWindow - 1);
    const inWin = e[rcv + MAXWIN] !== 0 && after(end, e[snd + END]! - e[rcv + MAXWIN]! - 1);
    if (inWin && ackOk && overshot <= e[rcv + MAXWIN]! && before(sack, e[rcv + END]! + 1)) {
      // More than the window allows, but should the peer take it, its ACK must not look like one from nowhere.
      e[snd + END] = end;
      orFlag(e, at, dir, F_DATA_UNACKNOWLEDGED);
      ct.why = 'more bytes than expected';
      return outOfWindow(ct, e, at, dir, WIN_IGNORE);
    }
    ct.why = 'SEQ is over upper bound (over the window of the receiver)';
    return outOfWindow(ct, e, at, dir, WIN_INVALID);
  }
  if (!before(sack, e[rcv + END]! + 1)) {
    ct.why = 'ACK is over upper bound (ACKed data not seen yet)';
    return outOfWindow(ct, e, at, dir, WIN_INVALID);
  }
  if (e[rcv + MAXWIN] !== 0 && !after(end, e[snd + END]! - e[rcv + MAXWIN]! - 1)) {
    ct.why = 'SEQ is under lower bound (already ACKed data retransmitted)';
    return outOfWindow(ct, e, at, dir, WIN_IGNORE);
  }
  if (!after(sack, e[rcv + END]! - maxAckWindow - 1)) {
    ct.why = 'ignored ACK under lower bound (possible overly delayed)';
    return outOfWindow(ct, e, at, dir, WIN_IGNORE);
  }

  if ((f & tcp.SYN) === 0) win <<= scale(e, at, dir);
  const swin = win + ((sack - ack) | 0);
  if (e[snd + MAXWIN]! < swin) e[snd + MAXWIN] = swin;
  if (after(end, e[snd + END]!)) {
    e[snd + END] = end;
    orFlag(e, at, dir, F_DATA_UNACKNOWLEDGED);
  }
  if ((f & tcp.ACK) !== 0) {
    if ((flags(e, at, dir) & F_MAXACK_SET) === 0) {
      e[snd + MAXACK] = ack;
      orFlag(e, at, dir, F_MAXACK_SET);
    } else if (after(ack, e[snd + MAXACK]!)) e[snd + MAXACK] = ack;
  }
  if (e[rcv + MAXWIN] !== 0 && after(end, e[snd + MAXEND]!)) e[rcv + MAXWIN]! += (end - e[snd + MAXEND]!) | 0;
  if (after(sack + win, e[rcv + MAXEND]! - 1)) e[rcv + MAXEND] = (sack + win + (win === 0 ? 1 : 0)) | 0;
  if (ack === e[rcv + END]) clearFlag(e, at, 1 - dir, F_DATA_UNACKNOWLEDGED);

  if (index === ACK_SET) {
    if (
      lastDir(e, at) === dir &&
      e[at + LAST_SEQ] === seq &&
      e[at + LAST_ACK] === ack &&
      e[at + LAST_END] === end &&
      lastWin(e, at) === winRaw
    ) {
      if (retrans(e, at) < 15) e[at + LAST]! += 1 << 20;
    } else {
      e[at + LAST_SEQ] = seq;
      e[at + LAST_ACK] = ack;
      e[at + LAST_END] = end;
      setLast(e, at, M_DIR | M_WIN | M_RETRANS, (dir << 19) | winRaw);
    }
  }
  return WIN_ACCEPT;
}

/** nf_tcp_handle_invalid: a FIN or RST that looked out of window makes a dead connection go sooner. */
function handleInvalid(ct: Conntrack, e: Int32Array, at: number, dir: number, index: number): void {
  const status = e[at + STATUS]!;
  if ((status & IPS_ASSURED) === 0 || (status & IPS_FIXED_TIMEOUT) !== 0) return;
  if (index !== RST_SET && index !== FIN_SET) return;
  const last = lastIndex(e, at);
  if (lastDir(e, at) !== dir && (last === FIN_SET || last === RST_SET)) {
    const left = (e[at + TIMEOUT]! - ct.now) | 0;
    if (left < 120_000) return;
    const unack = ct.ns.sysctl.netfilter.nf_conntrack_tcp_timeout_unacknowledged * 1000;
    if (left > unack) e[at + TIMEOUT] = (unack + ct.now) | 0;
  } else setLast(e, at, M_INDEX | M_DIR, (index << 16) | (dir << 19));
}

function stateTimeout(ct: Conntrack, state: number): number {
  const s = ct.ns.sysctl.netfilter;
  switch (state) {
    case sSR:
      return s.nf_conntrack_tcp_timeout_syn_recv;
    case sES:
      return s.nf_conntrack_tcp_timeout_established;
    case sFW:
      return s.nf_conntrack_tcp_timeout_fin_wait;
    case sCW:
      return s.nf_conntrack_tcp_timeout_close_wait;
    case sLA:
      return s.nf_conntrack_tcp_timeout_last_ack;
    case sTW:
      return s.nf_conntrack_tcp_timeout_time_wait;
    case sCL:
      return s.nf_conntrack_tcp_timeout_close;
    default:
      return s.nf_conntrack_tcp_timeout_syn_sent; // SYN_SENT and SYN_SENT2
  }
}

/** Seconds until the connection is forgotten, after a segment of kind `index` led to `state`. */
function timeoutAfter(ct: Conntrack, e: Int32Array, at: number, state: number, index: number): number {
  const s = ct.ns.sysctl.netfilter;
  const t = stateTimeout(ct, state);
  if (retrans(e, at) >= s.nf_conntrack_tcp_max_retrans && t > s.nf_conntrack_tcp_timeout_max_retrans)
    return s.nf_conntrack_tcp_timeout_max_retrans;
  if (index === RST_SET) return s.nf_conntrack_tcp_timeout_close;
  if (
    ((flags(e, at, 0) | flags(e, at, 1)) & F_DATA_UNACKNOWLEDGED) !== 0 &&
    t > s.nf_conntrack_tcp_timeout_unacknowledged
  )
    return s.nf_conntrack_tcp_timeout_unacknowledged;
  if (lastWin(e, at) === 0 && t > s.nf_conntrack_tcp_timeout_max_retrans)
    return s.nf_conntrack_tcp_timeout_max_retrans;
  return t;
}

const established = (state: number): boolean => state >= sES && state < sTW;

/** Notes a segment that the state table says to ignore, and lets it pass. */
function noteIgnored(
  ct: Conntrack,
  e: Int32Array,
  at: number,
  dir: number,
  index: number,
  oldState: number,
  b: Uint8Array,
): void {
  const { l4, end } = ct.tuple;
  e[at + LAST_SEQ] = u32(b, l4 + 4) | 0;
  e[at + LAST_END] = segmentEnd(b, l4, end);
  setLast(e, at, M_INDEX | M_DIR | M_WIN, (index << 16) | (dir << 19) | u16(b, l4 + 14));
  // A SYN of the original direction: the ends may agree where we do not, so its options are kept for the SYN/ACK.
  if (index === SYN_SET && dir === 0) {
    const o = readOptions(b, l4);
    const f = ((o & 16) !== 0 ? F_WINDOW_SCALE : 0) | ((o & 32) !== 0 ? F_SACK_PERM : 0);
    setLast(e, at, M_WSCALE, (o & 15) << 24);
    setFlags(e, at, LASTF, f | (oldState === sLA ? F_EXP_CHALLENGE_ACK : 0));
  }
  if (oldState === sSS && index === ACK_SET && dir === 1) e[at + LAST_ACK] = u32(b, l4 + 8) | 0;
}

/** A SYN/ACK that answers a SYN we had ignored: both ends are in step, and now we are. */
function resync(e: Int32Array, at: number, dir: number): void {
  const other = lastDir(e, at);
  const s = at + other * DIR;
  e[s + END] = e[at + LAST_END]!;
  e[s + MAXEND] = e[at + LAST_END]!;
  e[s + MAXWIN] = lastWin(e, at) || 1;
  setScale(e, at, other, lastWscale(e, at));
  clearFlag(e, at, LASTF, F_EXP_CHALLENGE_ACK);
  setFlags(e, at, other, flags(e, at, LASTF));
  e.fill(0, at + dir * DIR + END, at + dir * DIR + END + DIR);
  // Seen on 6.18: where windows were not trusted before, those of the answering side still are not.
  setFlags(e, at, dir, flags(e, at, dir) & F_BE_LIBERAL);
  setScale(e, at, dir, 0);
}

const IN_WINDOW = -1;
const STOP_INVALID = -2;

/** The special cases of an RST; returns the state to go to, IN_WINDOW for "skip the window check", or STOP_INVALID. */
function onReset(
  ct: Conntrack,
  e: Int32Array,
  at: number,
  dir: number,
  oldState: number,
  b: Uint8Array,
): number {
  const { l4 } = ct.tuple;
  if (oldState === sFW || oldState === sLA || oldState === sTW || oldState === sCL || oldState === sCW)
    return IN_WINDOW; // tcp_can_early_drop: the tuple may be in use anew
  const seq = u32(b, l4 + 4) | 0;
  const maxack = e[at + (1 - dir) * DIR + MAXACK]!;
  if ((flags(e, at, 1 - dir) & F_MAXACK_SET) !== 0 && lastIndex(e, at) !== SYN_SET) {
    if (seq === 0 && !established(oldState)) return sCL;
    if (before(seq, maxack) && ct.ns.sysctl.netfilter.nf_conntrack_tcp_ignore_invalid_rst === 0) {
      ct.why = 'RST with a sequence number that was acknowledged already';
      return STOP_INVALID;
    }
    if (!established(oldState) || seq === maxack) return sCL;
    if (lastIndex(e, at) === ACK_SET && lastDir(e, at) === dir && seq === e[at + LAST_END]) return sCL;
    // Not exactly the next sequence number: the peer may answer with a challenge ACK and go on.
    return oldState;
  }
  const status = e[at + STATUS]!;
  if (
    (((status & IPS_SEEN_REPLY) !== 0 && lastIndex(e, at) === SYN_SET) ||
      ((status & IPS_ASSURED) === 0 && lastIndex(e, at) === ACK_SET)) &&
    (u32(b, l4 + 8) | 0) === e[at + LAST_END]
  )
    return IN_WINDOW;
  // The answer to a challenge ACK that was let through.
  if (oldState === sSS && lastIndex(e, at) === ACK_SET && lastDir(e, at) === 1 && seq === e[at + LAST_ACK])
    return IN_WINDOW;
  return sCL;
}

/** nf_conntrack_tcp_packet. */
export function tcpPacket(
  ct: Conntrack,
  skb: Skb,
  slot: number,
  info: number,
  verifySums: boolean,
): CtResult {
  const e = ct.table.slots.chunk(slot);
  const at = ct.table.slots.base(slot);
  const b = skb.bytes;
  ct.why = 'malformed TCP header';
  if (tcpError(ct, skb, verifySums)) return CT_INVALID;
  const { l4 } = ct.tuple;
  const index = indexOf(u8(b, l4 + 13));
  if ((e[at + STATUS]! & IPS_CONFIRMED) === 0) {
    ct.why = 'this segment cannot begin a connection';
    if (!tcpNew(ct, b, e, at, index)) return CT_INVALID;
  }
  const dir = dirOf(info);
  let oldState = tcpState(e, at);
  let newState = NEXT_STATE[dir]![index * 10 + oldState]!;
  let checked = false;

  switch (newState) {
    case sSS:
    case sIG:
      if (newState === sSS) {
        if (oldState < sTW) break;
        if (
          ((flags(e, at, 0) | flags(e, at, 1)) & F_CLOSE_INIT) !== 0 ||
          (lastDir(e, at) === dir && lastIndex(e, at) === RST_SET)
        ) {
          // The same ports again after the end: a new connection.
          return ct.kill(slot) ? CT_REPEAT : CT_DROP;
        }
      }
      if (
        index === SYNACK_SET &&
        lastIndex(e, at) === SYN_SET &&
        lastDir(e, at) !== dir &&
        (u32(b, l4 + 8) | 0) === e[at + LAST_END]
      ) {
        oldState = sSS;
        newState = sSR;
        resync(e, at, dir);
        break;
      }
      noteIgnored(ct, e, at, dir, index, oldState, b);
      return CT_ACCEPT;
    case sIV:
      ct.why = `invalid segment in state ${TCP_STATES[oldState]}`;
      return CT_INVALID;
    case sTW:
      if (
        oldState === sLA &&
        index === ACK_SET &&
        lastDir(e, at) !== dir &&
        lastIndex(e, at) === SYN_SET &&
        (flags(e, at, LASTF) & F_EXP_CHALLENGE_ACK) !== 0
      ) {
        clearFlag(e, at, LASTF, F_EXP_CHALLENGE_ACK); // RFC 5961: it does not acknowledge the FIN
        return CT_ACCEPT;
      }
      break;
    case sS2:
      orFlag(e, at, LASTF, F_SIMULTANEOUS_OPEN);
      break;
    case sSR:
      if (dir === 1 && index === ACK_SET && (flags(e, at, LASTF) & F_SIMULTANEOUS_OPEN) !== 0) newState = sES;
      break;
    case sCL:
      if (index === RST_SET) {
        const to = onReset(ct, e, at, dir, oldState, b);
        if (to === STOP_INVALID) return CT_INVALID;
        if (to === IN_WINDOW) checked = true;
        else newState = to;
      }
      break;
    default:
  }

  if (!checked) {
    const verdict = tcpInWindow(ct, e, at, dir, index, b);
    if (verdict === WIN_IGNORE) return CT_ACCEPT;
    if (verdict === WIN_INVALID) {
      handleInvalid(ct, e, at, dir, index);
      return CT_INVALID;
    }
  }

  setLast(e, at, M_INDEX | M_DIR, (index << 16) | (dir << 19));
  e[at + PROTO] = (e[at + PROTO]! & ~0xff00) | (newState << 8);
  if (oldState !== newState) {
    if (newState === sFW) orFlag(e, at, dir, F_CLOSE_INIT);
    ct.changed();
  }

  let timeout = timeoutAfter(ct, e, at, newState, index);
  const status = e[at + STATUS]!;
  if ((status & IPS_SEEN_REPLY) === 0) {
    if (index === RST_SET) {
      // Answered by nothing but a reset: no connection worth keeping.
      ct.kill(slot);
      return CT_ACCEPT;
    }
    // A SYN sent again does not renew: a client that gives up and tries another server must lose this entry.
    if (index === SYN_SET && oldState === sSS) return CT_ACCEPT;
    if (newState === sES)
      timeout = Math.min(timeout, ct.ns.sysctl.netfilter.nf_conntrack_tcp_timeout_unacknowledged);
  } else if ((status & IPS_ASSURED) === 0 && (oldState === sSR || oldState === sES) && newState === sES) {
    e[at + STATUS]! |= IPS_ASSURED;
    ct.changed();
  }
  ct.refresh(e, at, timeout * 1000);
  return CT_ACCEPT;
}

/** nf_seq_has_advanced: the new connection's first segment lies behind all that the old one sent. */
export const seqHasAdvanced = (old: Int32Array, oldAt: number, now: Int32Array, nowAt: number): boolean =>
  after(now[nowAt + END]!, old[oldAt + END]!);
