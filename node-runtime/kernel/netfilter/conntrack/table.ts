// The table of connections: nf_conntrack_hash and the memory behind it. Slots lie in chunks of an Int32Array each
// (entry.ts), found by both tuples through one hash. A freed slot rests for a second before it is used again, because a
// packet that waits somewhere may still carry its number; the kernel counts references instead.
import {
  DST,
  IPS_ALLOCATED,
  IPS_CONFIRMED,
  IPS_REPLY_ONLY,
  NEXT,
  NEXT_SOURCE,
  PORTS,
  PROTO,
  REPLY_TUPLE,
  SRC,
  STATUS,
  TIMEOUT,
  WORDS,
} from './entry.ts';
import { IntPairQueue } from './int-queue.ts';
import { LinearHash } from './linear-hash.ts';

const CHUNK_BITS = 12;
const CHUNK = 1 << CHUNK_BITS;
/** How long a freed slot rests, and how long an unconfirmed one may live, in milliseconds. */
const REST = 1000;

/** Chunks of slots; slot 0 is never handed out, so that 0 can mean none. */
export class CtSlots {
  readonly chunks: Int32Array[] = [];
  /** Packets and bytes of both directions, four numbers a slot; made when nf_conntrack_acct is on. */
  readonly acct: Float64Array[] = [];
  #used = 1;
  #free = new IntPairQueue();

  chunk(slot: number): Int32Array {
    return this.chunks[slot >>> CHUNK_BITS]!;
  }
  base(slot: number): number {
    return (slot & (CHUNK - 1)) * WORDS;
  }
  /** Where the counters of a slot lie, made on demand. */
  counters(slot: number): { readonly words: Float64Array; readonly at: number } {
    const chunk = slot >>> CHUNK_BITS;
    const words = (this.acct[chunk] ??= new Float64Array(CHUNK * 4));
    return { words, at: (slot & (CHUNK - 1)) * 4 };
  }
  /** Highest slot ever used, plus one. */
  get end(): number {
    return this.#used;
  }

  alloc(now: number): number {
    const free = this.#free;
    let slot: number;
    if (free.size > 0 && ((now - free.second) | 0) >= REST) {
      slot = free.first;
      free.shift();
    } else {
      slot = this.#used++;
      if (slot >>> CHUNK_BITS >= this.chunks.length) this.chunks.push(new Int32Array(CHUNK * WORDS));
    }
    const e = this.chunk(slot);
    const at = this.base(slot);
    e.fill(0, at, at + WORDS);
    e[at + STATUS] = IPS_ALLOCATED;
    this.acct[slot >>> CHUNK_BITS]?.fill(0, (slot & (CHUNK - 1)) * 4, (slot & (CHUNK - 1)) * 4 + 4);
    return slot;
  }

  release(slot: number, now: number): void {
    const e = this.chunk(slot);
    const at = this.base(slot);
    e[at + STATUS] = e[at + STATUS]! & ~IPS_ALLOCATED;
    this.#free.push(slot, now);
  }
}

export function hashTuple(seed: number, src: number, dst: number, ports: number, proto: number): number {
  let h = Math.imul(src ^ seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15) ^ dst, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ ports, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16) ^ proto, 0x27d4eb2f);
  return h ^ (h >>> 15);
}

/** Chains over both tuples: a link is slot << 1 | direction. */
export class TupleHash extends LinearHash {
  readonly slots: CtSlots;
  readonly seed: number;
  constructor(slots: CtSlots, seed: number) {
    super();
    this.slots = slots;
    this.seed = seed;
  }

  protected hashOf(link: number): number {
    const e = this.slots.chunk(link >>> 1);
    const at = this.slots.base(link >>> 1);
    const t = at + (link & 1) * REPLY_TUPLE;
    return hashTuple(this.seed, e[t + SRC]!, e[t + DST]!, e[t + PORTS]!, e[at + PROTO]! & 255);
  }
  protected next(link: number): number {
    return this.slots.chunk(link >>> 1)[this.slots.base(link >>> 1) + NEXT + (link & 1)]!;
  }
  protected setNext(link: number, to: number): void {
    this.slots.chunk(link >>> 1)[this.slots.base(link >>> 1) + NEXT + (link & 1)] = to;
  }

  /** The link whose tuple this is, or 0. Expired entries are found too: the caller knows the time. */
  find(src: number, dst: number, ports: number, proto: number): number {
    const slots = this.slots;
    const hash = hashTuple(this.seed, src, dst, ports, proto);
    let link = this.heads[this.bucket(hash)]!;
    while (link !== 0) {
      const e = slots.chunk(link >>> 1);
      const at = slots.base(link >>> 1);
      const t = at + (link & 1) * REPLY_TUPLE;
      if (
        e[t + SRC] === src &&
        e[t + DST] === dst &&
        e[t + PORTS] === ports &&
        (e[at + PROTO]! & 255) === proto
      )
        return link;
      link = e[at + NEXT + (link & 1)]!;
    }
    return 0;
  }
}

/** Chains over the source of the original tuple: nf_nat_bysource. A link is the slot. */
export class SourceHash extends LinearHash {
  readonly slots: CtSlots;
  readonly seed: number;
  constructor(slots: CtSlots, seed: number) {
    super();
    this.slots = slots;
    this.seed = seed;
  }
  /** Head of the chain in which connections from this source are. */
  head(src: number, port: number, proto: number): number {
    return this.heads[this.bucket(hashTuple(this.seed, src, 0, port, proto))]!;
  }
  next(slot: number): number {
    return this.slots.chunk(slot)[this.slots.base(slot) + NEXT_SOURCE]!;
  }
  protected hashOf(slot: number): number {
    const e = this.slots.chunk(slot);
    const at = this.slots.base(slot);
    return hashTuple(this.seed, e[at + SRC]!, 0, e[at + PORTS]! >>> 16, e[at + PROTO]! & 255);
  }
  protected setNext(slot: number, to: number): void {
    this.slots.chunk(slot)[this.slots.base(slot) + NEXT_SOURCE] = to;
  }
}

/** Slots, hash and the order of birth of what is not confirmed yet. */
export class CtTable {
  readonly slots = new CtSlots();
  readonly tuples: TupleHash;
  readonly sources: SourceHash;
  /** Connections there are, unconfirmed ones included: nf_conntrack_count. */
  count = 0;
  #unconfirmed = new IntPairQueue();

  constructor(seed: number) {
    this.tuples = new TupleHash(this.slots, seed);
    this.sources = new SourceHash(this.slots, seed ^ 0x5bd1e995);
  }

  alloc(now: number): number {
    this.reap(now);
    const slot = this.slots.alloc(now);
    this.slots.chunk(slot)[this.slots.base(slot) + NEXT] = now;
    this.#unconfirmed.push(slot, now);
    this.count++;
    return slot;
  }

  /** Into the hash, by both tuples or by the reply's only. */
  insert(slot: number, replyOnly: boolean): void {
    const e = this.slots.chunk(slot);
    const at = this.slots.base(slot);
    e[at + STATUS]! |= IPS_CONFIRMED | (replyOnly ? IPS_REPLY_ONLY : 0);
    if (!replyOnly) this.tuples.add(slot << 1);
    this.tuples.add((slot << 1) | 1);
  }

  /** Out of every chain, and the slot to rest. */
  remove(slot: number, now: number): void {
    const e = this.slots.chunk(slot);
    const at = this.slots.base(slot);
    const status = e[at + STATUS]!;
    if ((status & IPS_CONFIRMED) !== 0) {
      if ((status & IPS_REPLY_ONLY) === 0) this.tuples.remove(slot << 1);
      this.tuples.remove((slot << 1) | 1);
    }
    this.count--;
    this.slots.release(slot, now);
  }

  /** The link behind `link` in its chain, or 0. */
  nextLink(link: number): number {
    return this.slots.chunk(link >>> 1)[this.slots.base(link >>> 1) + NEXT + (link & 1)]!;
  }

  /** Milliseconds until a confirmed entry expires; not above 0 when it has. */
  left(slot: number, now: number): number {
    return (this.slots.chunk(slot)[this.slots.base(slot) + TIMEOUT]! - now) | 0;
  }

  /**
   * A packet that was dropped before its connection was confirmed takes the kernel's last reference with it; here nobody
   * tells us, so what is unconfirmed for a second is taken back. Between its hooks a packet never waits so long.
   */
  reap(now: number): void {
    const queue = this.#unconfirmed;
    while (queue.size > 0 && ((now - queue.second) | 0) > REST) {
      const slot = queue.first;
      const e = this.slots.chunk(slot);
      const at = this.slots.base(slot);
      const status = e[at + STATUS]!;
      if ((status & IPS_ALLOCATED) !== 0 && (status & IPS_CONFIRMED) === 0 && e[at + NEXT] === queue.second) {
        this.onReap(slot);
        this.remove(slot, now);
      }
      queue.shift();
    }
  }
  /** Before an abandoned unconfirmed slot goes: NAT takes it off its own list. */
  onReap: (slot: number) => void = () => {};
}
