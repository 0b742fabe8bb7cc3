// What is in flight: tcp_rtx_queue, a list of stretches in sequence order, and tsorted_sent_queue, the same in the order
// they were last sent, which RACK walks. A stretch is a packet or a super-segment; it has no bytes (send-ring.ts) and is
// used again when acknowledged, so that steady sending makes no objects.
import { before } from './sequence.ts';

/** TCP_SKB_CB(skb)->sacked. */
export const SACKED = 1;
export const RETRANS = 2;
export const LOST = 4;
export const EVER_RETRANS = 8;

export class TxSeg {
  seq = 0;
  end = 0;
  /** FIN or SYN, where it has one: tcp_flags. */
  control = 0;
  sacked = 0;
  /** How many packets it is on the wire: tcp_skb_pcount. */
  pcount = 1;
  /** When it was last sent, and whether the sender was limited by the program then. */
  xmitTime = 0;
  /** Counts transmissions: tells apart those within one tick of a virtual clock. */
  order = 0;
  /** How many packets had been delivered by then: rate_sample's prior_delivered. */
  delivered = 0;
  next: TxSeg | undefined = undefined;
  prev: TxSeg | undefined = undefined;
  tnext: TxSeg | undefined = undefined;
  tprev: TxSeg | undefined = undefined;
  /** On the time-sorted list. */
  timed = false;
}

const KEEP = 128;

export class RtxQueue {
  head: TxSeg | undefined = undefined;
  tail: TxSeg | undefined = undefined;
  /** Earliest and latest sent. */
  thead: TxSeg | undefined = undefined;
  #ttail: TxSeg | undefined = undefined;
  #free: TxSeg | undefined = undefined;
  #freeCount = 0;
  #order = 0;

  append(seq: number, end: number, control: number, pcount: number, now: number, delivered: number): TxSeg {
    const seg = this.#take(seq, end, control, pcount);
    seg.prev = this.tail;
    if (this.tail !== undefined) this.tail.next = seg;
    else this.head = seg;
    this.tail = seg;
    this.sent(seg, now, delivered);
    return seg;
  }

  /** Moves `seg` to the end of the time-sorted list: it has been sent now. */
  sent(seg: TxSeg, now: number, delivered: number): void {
    seg.xmitTime = now;
    seg.delivered = delivered;
    seg.order = ++this.#order;
    this.untime(seg);
    seg.tprev = this.#ttail;
    if (this.#ttail !== undefined) this.#ttail.tnext = seg;
    else this.thead = seg;
    this.#ttail = seg;
    seg.timed = true;
  }

  /** Takes `seg` off the time-sorted list: it arrived, or is known to be lost. */
  untime(seg: TxSeg): void {
    if (!seg.timed) return;
    if (seg.tprev !== undefined) seg.tprev.tnext = seg.tnext;
    else this.thead = seg.tnext;
    if (seg.tnext !== undefined) seg.tnext.tprev = seg.tprev;
    else this.#ttail = seg.tprev;
    seg.tnext = undefined;
    seg.tprev = undefined;
    seg.timed = false;
  }

  /** tcp_fragment: cuts `seg` at `at`; returns the new second part. Both keep marks and time; pcounts are the caller's. */
  split(seg: TxSeg, at: number): TxSeg {
    const rest = this.#take(at, seg.end, seg.control, 1);
    rest.sacked = seg.sacked;
    rest.xmitTime = seg.xmitTime;
    rest.order = seg.order;
    rest.delivered = seg.delivered;
    seg.end = at;
    seg.control = 0;
    rest.next = seg.next;
    rest.prev = seg;
    if (seg.next !== undefined) seg.next.prev = rest;
    else this.tail = rest;
    seg.next = rest;
    if (seg.timed) {
      rest.tnext = seg.tnext;
      rest.tprev = seg;
      if (seg.tnext !== undefined) seg.tnext.tprev = rest;
      else this.#ttail = rest;
      seg.tnext = rest;
      rest.timed = true;
    }
    return rest;
  }

  /** Unlinks the head, which the caller has done with. */
  shift(): void {
    const seg = this.head!;
    this.untime(seg);
    this.head = seg.next;
    if (this.head !== undefined) this.head.prev = undefined;
    else this.tail = undefined;
    seg.prev = undefined;
    seg.next = undefined;
    if (this.#freeCount < KEEP) {
      seg.next = this.#free;
      this.#free = seg;
      this.#freeCount++;
    }
  }

  clear(): void {
    this.head = undefined;
    this.tail = undefined;
    this.thead = undefined;
    this.#ttail = undefined;
    this.#free = undefined;
    this.#freeCount = 0;
  }

  /** The first stretch that ends behind `seq`, searched from `from` on. */
  find(seq: number, from = this.head): TxSeg | undefined {
    let seg = from;
    while (seg !== undefined && !before(seq, seg.end)) seg = seg.next;
    return seg;
  }

  #take(seq: number, end: number, control: number, pcount: number): TxSeg {
    const seg = this.#free ?? new TxSeg();
    if (this.#free !== undefined) {
      this.#free = seg.next;
      this.#freeCount--;
      seg.next = undefined;
    }
    seg.seq = seq;
    seg.end = end;
    seg.control = control;
    seg.pcount = pcount;
    seg.sacked = 0;
    return seg;
  }
}
