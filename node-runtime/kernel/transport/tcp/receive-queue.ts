// Data that arrived: sk_receive_queue (in order, waiting for the program) and out_of_order_queue (behind a hole).
// Payload is copied once, out of the packet into a chunk that the program then owns; small segments share a chunk.
import { after, before } from './sequence.ts';

const MIN_CHUNK = 1024;
const MAX_CHUNK = 65_536;

/** A stretch of the stream. `bytes` may have room behind `end` for what comes next. */
class Chunk {
  start: number;
  end: number;
  readonly bytes: Uint8Array;
  /** Where `start` lies in `bytes`. */
  at: number;
  constructor(start: number, bytes: Uint8Array) {
    this.start = start;
    this.end = start;
    this.bytes = bytes;
    this.at = 0;
  }
  get length(): number {
    return (this.end - this.start) | 0;
  }
  get room(): number {
    return this.bytes.length - this.at - this.length;
  }
  append(from: Uint8Array, at: number, n: number): void {
    const to = this.at + this.length;
    if (n <= 32) for (let i = 0; i < n; i++) this.bytes[to + i] = from[at + i]!;
    else this.bytes.set(from.subarray(at, at + n), to);
    this.end = (this.end + n) | 0;
  }
}

export class ReceiveQueue {
  #ready: Chunk[] = [];
  /** Sorted, neither touching nor overlapping unless their chunks were full. */
  readonly #ofo: Chunk[] = [];
  #chunkSize = MIN_CHUNK;
  /** In-order bytes not taken yet. */
  ready = 0;
  /** Bytes behind a hole. */
  ofo = 0;

  get hasOfo(): boolean {
    return this.#ofo.length > 0;
  }
  get ofoChunks(): number {
    return this.#ofo.length;
  }

  /** Appends in-order data; `seq` is that of its first byte. */
  append(seq: number, from: Uint8Array, at: number, n: number): void {
    this.ready += n;
    const last = this.#ready[this.#ready.length - 1];
    if (last !== undefined && last.end === seq) {
      const fits = Math.min(last.room, n);
      if (fits > 0) last.append(from, at, fits);
      if (fits === n) return;
      // The program has not kept up with a whole chunk: the next one is larger.
      if (this.#chunkSize < MAX_CHUNK) this.#chunkSize *= 2;
      seq = (seq + fits) | 0;
      at += fits;
      n -= fits;
    }
    const chunk = new Chunk(seq, Buffer.allocUnsafeSlow(Math.max(n, this.#chunkSize)));
    chunk.append(from, at, n);
    this.#ready.push(chunk);
  }

  /** tcp_data_queue_ofo: keeps data that lies behind a hole. Returns how many of its bytes were new. */
  insert(seq: number, end: number, from: Uint8Array, at: number): number {
    const list = this.#ofo;
    let i = list.length;
    while (i > 0 && after(list[i - 1]!.start, seq)) i--;
    let added = 0;
    if (i > 0 && !before(list[i - 1]!.end, seq)) {
      const prev = list[i - 1]!;
      if (!after(end, prev.end)) return 0;
      const skip = (prev.end - seq) | 0;
      at += skip;
      seq = prev.end;
    }
    while (before(seq, end)) {
      const next = list[i];
      const upTo = next !== undefined && before(next.start, end) ? next.start : end;
      const n = (upTo - seq) | 0;
      if (n > 0) {
        i = this.#put(i, seq, from, at, n);
        added += n;
        at += n;
        seq = upTo;
      }
      if (next === undefined || upTo === end) break;
      if (!after(end, next.end)) break;
      at += (next.end - seq) | 0;
      seq = next.end;
      i++;
    }
    this.ofo += added;
    return added;
  }

  /** Stores one stretch before list[i]; returns the index behind it. */
  #put(i: number, seq: number, from: Uint8Array, at: number, n: number): number {
    const prev = this.#ofo[i - 1];
    if (prev !== undefined && prev.end === seq && prev.room >= n) {
      prev.append(from, at, n);
      return i;
    }
    // Behind a hole more usually follows, so the chunk has room for some of it.
    const chunk = new Chunk(seq, Buffer.allocUnsafeSlow(Math.max(n, Math.min(this.#chunkSize * 4, 16_384))));
    chunk.append(from, at, n);
    this.#ofo.splice(i, 0, chunk);
    return i + 1;
  }

  /** tcp_ofo_queue: moves to the ready queue what has become contiguous with `rcvNxt`; returns the new rcvNxt. */
  advance(rcvNxt: number): number {
    while (this.#ofo.length > 0) {
      const first = this.#ofo[0]!;
      if (after(first.start, rcvNxt)) break;
      this.#ofo.shift();
      const known = (rcvNxt - first.start) | 0;
      this.ofo -= first.length;
      if (!after(first.end, rcvNxt)) continue;
      first.start = rcvNxt;
      first.at += known;
      this.ready += first.length;
      rcvNxt = first.end;
      this.#ready.push(first);
    }
    return rcvNxt;
  }

  /** Where the out-of-order stretch that holds `seq` begins and ends, written to out[0] and out[1]; contiguous ones count as one. */
  range(seq: number, out: Int32Array): boolean {
    const list = this.#ofo;
    for (let i = 0; i < list.length; i++) {
      const start = list[i]!.start;
      let { end } = list[i]!;
      while (i + 1 < list.length && list[i + 1]!.start === end) end = list[++i]!.end;
      if (!after(start, seq) && !before(end, seq)) {
        out[0] = start;
        out[1] = end;
        return true;
      }
    }
    return false;
  }

  /** Drops the out-of-order data that lies highest, as tcp_prune_ofo_queue does when memory is short. */
  prune(): void {
    const last = this.#ofo.pop();
    if (last !== undefined) this.ofo -= last.length;
  }

  /** Takes up to `max` in-order bytes, as a piece of memory that is the caller's; undefined when none wait. */
  take(max = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const chunk = this.#ready[0];
    if (chunk === undefined) return undefined;
    const n = Math.min(chunk.length, max);
    const data = chunk.bytes.subarray(chunk.at, chunk.at + n);
    if (n === chunk.length) {
      this.#ready.shift();
      // What was read before its chunk was a quarter full needs no such chunks.
      if (n * 4 < this.#chunkSize && this.#chunkSize > MIN_CHUNK) this.#chunkSize >>= 1;
    } else {
      chunk.at += n;
      chunk.start = (chunk.start + n) | 0;
    }
    this.ready -= n;
    return data;
  }

  clear(): void {
    this.#ready = [];
    this.#ofo.length = 0;
    this.ready = 0;
    this.ofo = 0;
  }
}
