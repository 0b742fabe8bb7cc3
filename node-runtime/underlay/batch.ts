// How frames lie in a WebSocket message: one message per link and turn, a header that carries the credit, then frames,
// each behind 16 bytes of what the receiving kernel must know besides its bytes. All big-endian.
//
//   batch:  version 8 | 0 8 | session 16 | acknowledged session 16 | 0 16 | acknowledged bytes 32 | frames …
//   frame:  length 24 | flags 8 | gsoSize 16 | trace 16 | lateness 64 (IEEE 754, milliseconds) | bytes …
//
// No MessagePack here: per frame it costs ten to forty times as much as these stores.
import type { Skb, SkbPool } from '../kernel/skb/skb.ts';
import { put16, put24, put32, u16, u24, u32 } from '../kernel/wire/bytes.ts';

export const BATCH_VERSION = 1;
export const BATCH_HEADER = 12;
export const FRAME_HEADER = 16;
/** Frames are gathered up to here; larger batches gain nothing over TCP. */
export const BATCH_BYTES = 65_536;
/** The longest frame: a super-segment of 64 KiB with room for its own and two tunnels' headers. */
export const MAX_FRAME = 65_536 + 512;
/** A batch holds at least one frame, however long. */
export const BATCH_CAPACITY = BATCH_HEADER + FRAME_HEADER + MAX_FRAME;

const SUMMED = 0x03; // CHECKSUM_NONE, _UNNECESSARY or _PARTIAL as they are
const ENCAPSULATION = 0x04;
const MIN_FRAME = 14;

/** Scratch for one double: nothing is kept in it between calls. */
const scratch = new DataView(new ArrayBuffer(8));

/** Writes behind `at` what skb holds from `data` on; the caller made sure of the room. Returns where it ends. */
export function putFrame(b: Uint8Array, at: number, skb: Skb): number {
  const length = skb.tail - skb.data;
  put24(b, at, length);
  b[at + 3] = (skb.ipSummed & SUMMED) | (skb.encapsulation ? ENCAPSULATION : 0);
  put16(b, at + 4, skb.gsoSize);
  put16(b, at + 6, skb.trace);
  if (skb.late === 0) b.fill(0, at + 8, at + 16);
  else {
    scratch.setFloat64(0, skb.late);
    for (let i = 0; i < 8; i++) b[at + 8 + i] = scratch.getUint8(i);
  }
  b.set(skb.bytes.subarray(skb.data, skb.tail), at + FRAME_HEADER);
  return at + FRAME_HEADER + length;
}

export interface BatchFields {
  readonly session: number;
  readonly ackSession: number;
  readonly acked: number;
}

export function putHeader(b: Uint8Array, session: number, ackSession: number, acked: number): void {
  b[0] = BATCH_VERSION;
  b[1] = 0;
  put16(b, 2, session);
  put16(b, 4, ackSession);
  put16(b, 6, 0);
  put32(b, 8, acked);
}

/** Undefined when this is not a batch that we can read. */
export function parseHeader(b: Uint8Array): BatchFields | undefined {
  if (b.length < BATCH_HEADER || b[0] !== BATCH_VERSION) return undefined;
  return { session: u16(b, 2), ackSession: u16(b, 4), acked: u32(b, 8) };
}

/**
 * Hands each frame of a batch to `receive` as an skb of `pool`, copied once. Returns how many there were, or -1 when the
 * rest could not be read; what came before it has been handed over.
 */
export function eachFrame(b: Uint8Array, pool: SkbPool, receive: (skb: Skb) => void): number {
  let at = BATCH_HEADER;
  let frames = 0;
  while (at < b.length) {
    if (at + FRAME_HEADER > b.length) return -1;
    const length = u24(b, at);
    const end = at + FRAME_HEADER + length;
    if (length < MIN_FRAME || length > MAX_FRAME || end > b.length) return -1;
    const flags = b[at + 3]!;
    if ((flags & SUMMED) === 2 || flags > (SUMMED | ENCAPSULATION)) return -1;
    const skb = pool.copyOf(b, at + FRAME_HEADER, end);
    skb.ipSummed = flags & SUMMED;
    skb.encapsulation = (flags & ENCAPSULATION) !== 0;
    skb.gsoSize = u16(b, at + 4);
    skb.trace = u16(b, at + 6);
    skb.late = lateness(b, at + 8);
    at = end;
    frames++;
    receive(skb);
  }
  return frames;
}

function lateness(b: Uint8Array, at: number): number {
  if (b[at] === 0 && b[at + 1] === 0) return 0; // zero, or too small to matter
  for (let i = 0; i < 8; i++) scratch.setUint8(i, b[at + i]!);
  const late = scratch.getFloat64(0);
  // A link is never late by less than nothing, nor by an hour.
  return late > 0 && late < 3_600_000 ? late : 0;
}
