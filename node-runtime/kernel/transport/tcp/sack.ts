// Incoming SACK blocks: tcp_sacktag_write_queue (net/ipv4/tcp_input.c; RFC 2018, 2883, 6675).
import { FLAG_DATA_SACKED, FLAG_DSACK_TLP, FLAG_DSACKING_ACK, FLAG_ORIG_SACK_ACKED } from './ack-flags.ts';
import { rackAdvance } from './rack.ts';
import { EVER_RETRANS, LOST, RETRANS, SACKED, type TxSeg } from './rtx-queue.ts';
import type { SackState } from './sack-state.ts';
import { fragment } from './scoreboard.ts';
import type { Segment } from './segment.ts';
import { after, before, seqDiff } from './sequence.ts';
import type { TcpSock } from './tcp-sock.ts';

/** tcp_sacktag_write_queue. */
export function tagSacked(tp: TcpSock, seg: Segment, priorUna: number, state: SackState, now: number): void {
  const blocks = seg.sack;
  let first = 0;
  if (tp.sackedOut === 0) {
    tp.highestSack = undefined;
    tp.sackCached = 0;
  }
  if (isDsack(tp, seg, priorUna, state)) first = 1;
  // An ACK older than the window tells nothing.
  if (before(seg.ack, (priorUna - tp.maxWindow) | 0)) return;
  for (let i = first; i < seg.sacks; i++) {
    const start = blocks[2 * i]!;
    const end = blocks[2 * i + 1]!;
    if (!validBlock(tp, start, end) || cached(tp, start, end)) continue;
    walk(tp, start, end, state, now);
  }
  for (let i = first; i < seg.sacks; i++) {
    tp.sackCache[2 * (i - first)] = blocks[2 * i]!;
    tp.sackCache[2 * (i - first) + 1] = blocks[2 * i + 1]!;
  }
  tp.sackCached = seg.sacks - first;
  if (state.hasReord) checkReordering(tp, state.reord);
}

/** tcp_check_dsack: is the first block one of duplicates? */
function isDsack(tp: TcpSock, seg: Segment, priorUna: number, state: SackState): boolean {
  if (seg.sacks === 0) return false;
  const start = seg.sack[0]!;
  const end = seg.sack[1]!;
  const below = before(start, seg.ack);
  const within =
    seg.sacks > 1 && !after(end, seg.sack[3]!) && !before(start, seg.sack[2]!) && before(start, end);
  if (!below && !within) return false;
  tp.net.mib.dsackRecv++;
  if (!before(start, end) || seqDiff(end, start) > tp.maxWindow) return true;
  if (tp.hasUndoMarker && !after(tp.undoMarker, end) && tp.undoRetrans > 0) {
    tp.undoRetrans = Math.max(0, tp.undoRetrans - Math.max(1, Math.ceil(seqDiff(end, start) / tp.mss)));
  }
  // A DSACK from before this recovery says nothing about it.
  if (!before(end, priorUna) || after(end, (priorUna - tp.maxWindow) | 0)) {
    state.flag |= FLAG_DSACKING_ACK;
    tp.rackDsackSeen = true;
    if (tp.tlpOn && tp.tlpRetrans && end === tp.tlpHighSeq) state.flag |= FLAG_DSACK_TLP;
  }
  return true;
}

/** tcp_is_sackblock_valid. */
const validBlock = (tp: TcpSock, start: number, end: number): boolean =>
  !after(end, tp.sndNxt) && before(start, end) && before(start, tp.sndNxt) && after(end, tp.sndUna);

/** Blocks come again with every ACK; one that the last ACK had, word for word, has nothing new. */
function cached(tp: TcpSock, start: number, end: number): boolean {
  for (let i = 0; i < tp.sackCached; i++)
    if (tp.sackCache[2 * i] === start && tp.sackCache[2 * i + 1] === end) return true;
  return false;
}

/** tcp_sacktag_walk. */
function walk(tp: TcpSock, start: number, end: number, state: SackState, now: number): void {
  const hint = tp.highestSack;
  const from = hint !== undefined && !before(start, hint.seq) ? hint : tp.rtx.head;
  let seg = tp.rtx.find(start, from);
  while (seg !== undefined && before(seg.seq, end)) {
    const next: TxSeg | undefined = seg.next;
    if ((seg.sacked & SACKED) === 0) {
      const hit = matchToSack(tp, seg, start, end);
      if (hit !== undefined) {
        tagOne(tp, hit, state, now);
        seg = hit.next;
        continue;
      }
    }
    seg = next;
  }
}

/** tcp_match_skb_to_sack: cuts a super-segment at the edges of a block, in whole packets. */
function matchToSack(tp: TcpSock, seg: TxSeg, start: number, end: number): TxSeg | undefined {
  const { mss } = tp;
  if (before(seg.seq, start)) {
    const skip = Math.ceil(seqDiff(start, seg.seq) / mss) * mss;
    if (skip >= seqDiff(seg.end, seg.seq)) return undefined;
    seg = fragment(tp, seg, skip, mss);
    if (!before(seg.seq, end)) return undefined;
  }
  if (!after(seg.end, end)) return seg;
  const keep = Math.floor(seqDiff(end, seg.seq) / mss) * mss;
  if (keep <= 0) return undefined;
  fragment(tp, seg, keep, mss);
  return seg;
}

/** tcp_sacktag_one. */
function tagOne(tp: TcpSock, seg: TxSeg, state: SackState, now: number): void {
  rackAdvance(tp, seg, now);
  if ((seg.sacked & RETRANS) !== 0) {
    if ((seg.sacked & LOST) !== 0) {
      seg.sacked &= ~(LOST | RETRANS);
      tp.lostOut -= seg.pcount;
      tp.retransOut -= seg.pcount;
    }
  } else {
    if ((seg.sacked & EVER_RETRANS) === 0) {
      const highest = tp.highestSack;
      if (
        highest !== undefined &&
        before(seg.seq, highest.seq) &&
        (!state.hasReord || before(seg.seq, state.reord))
      ) {
        state.reord = seg.seq;
        state.hasReord = true;
      }
      if (!after(seg.end, tp.highSeq)) state.flag |= FLAG_ORIG_SACK_ACKED;
      if (state.firstSackt === 0) state.firstSackt = seg.xmitTime;
      state.lastSackt = seg.xmitTime;
    }
    if ((seg.sacked & LOST) !== 0) {
      seg.sacked &= ~LOST;
      tp.lostOut -= seg.pcount;
    }
  }
  seg.sacked |= SACKED;
  state.flag |= FLAG_DATA_SACKED;
  tp.sackedOut += seg.pcount;
  tp.delivered += seg.pcount;
  if ((seg.sacked & RETRANS) !== 0) {
    seg.sacked &= ~RETRANS;
    tp.retransOut -= seg.pcount;
  }
  tp.rtx.untime(seg);
  if (tp.highestSack === undefined || after(seg.seq, tp.highestSack.seq)) tp.highestSack = seg;
}

/** tcp_check_sack_reordering: how far a packet was overtaken. */
export function checkReordering(tp: TcpSock, low: number): void {
  const high = tp.highestSack;
  if (high === undefined || !before(low, high.end)) return;
  const metric = seqDiff(high.end, low);
  if (metric > tp.reordering * tp.mss) tp.reordering = Math.min(Math.ceil(metric / tp.mss), 300);
  tp.reordSeen++;
}
