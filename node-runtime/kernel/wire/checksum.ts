// The Internet checksum: RFC 1071 for whole packets, RFC 1624 equation 3 for fields that change. As Linux's
// lib/checksum.c and include/net/checksum.h, with sums kept folded to 16 bits in network byte order.
//
// A *sum* is the ones-complement sum of 16-bit words; a *check* is its complement, what a header field holds. Ones
// complement has two zeros: a sum is 0 only when every word was 0, otherwise 0xffff stands for zero.

import { put16 } from './bytes.ts';

/** Below this many bytes a loop over bytes beats making a 16-bit view (32 ns). */
const VIEW_FROM = 128;
/** Words that can be added before 31 bits run over. */
const CHUNK = 0x4000;
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** `n` (unsigned, below 2^32) folded to 16 bits with end-around carry. */
export function fold(n: number): number {
  n = (n & 0xffff) + (n >>> 16);
  return (n & 0xffff) + (n >>> 16);
}

const swap = (n: number): number => ((n & 0xff) << 8) | (n >>> 8);

function sumBytes(b: Uint8Array, at: number, end: number, acc: number): number {
  let i = at;
  for (; i + 3 < end; i += 4) acc += ((b[i]! << 8) | b[i + 1]!) + ((b[i + 2]! << 8) | b[i + 3]!);
  if (i + 1 < end) {
    acc += (b[i]! << 8) | b[i + 1]!;
    i += 2;
  }
  if (i < end) acc += b[i]! << 8;
  return acc;
}

/** Words in the machine's own byte order, eight at a time: RFC 1071 section 2 (B), the sum is the same, swapped. */
function sumWords(w: Uint16Array): number {
  let total = 0;
  for (let from = 0; from < w.length; from += CHUNK) {
    const to = Math.min(from + CHUNK, w.length);
    let acc = 0;
    let i = from;
    for (; i + 7 < to; i += 8) {
      acc += w[i]! + w[i + 1]! + w[i + 2]! + w[i + 3]! + w[i + 4]! + w[i + 5]! + w[i + 6]! + w[i + 7]!;
    }
    for (; i < to; i++) acc += w[i]!;
    total += fold(acc);
  }
  return fold(total);
}

/** The sum of bytes[at..end) and of `acc`, a sum of what precedes them. An odd last byte counts as a word's high half. */
export function sum(b: Uint8Array, at: number, end: number, acc = 0): number {
  const len = end - at;
  if (len < VIEW_FROM) return fold(sumBytes(b, at, end, acc));
  const start = b.byteOffset + at;
  const odd = start & 1;
  const words = (len - odd) >>> 1;
  let middle = sumWords(new Uint16Array(b.buffer, start + odd, words));
  if (LITTLE_ENDIAN) middle = swap(middle);
  // Begun one byte late, every byte was in the other half of its word.
  if (odd === 1) middle = fold(swap(middle) + (b[at]! << 8));
  if (((len - odd) & 1) === 1) middle += odd === 1 ? b[end - 1]! : b[end - 1]! << 8;
  return fold(middle + acc);
}

/** What a checksum field over bytes[at..end) holds, the field itself counted as zero by the caller. */
export const checksum = (b: Uint8Array, at: number, end: number, acc = 0): number =>
  ~sum(b, at, end, acc) & 0xffff;

/** Sum of the pseudo-header of TCP and UDP over IPv4 (RFC 9293 section 3.1, RFC 768). `len`: bytes of the segment. */
export const pseudoHeader = (src: number, dst: number, proto: number, len: number): number =>
  fold((src >>> 16) + (src & 0xffff) + (dst >>> 16) + (dst & 0xffff) + proto + (len >>> 16) + (len & 0xffff));

/** A sum, not inverted, after one of its words changed: what a CHECKSUM_PARTIAL field needs. */
export const updateSum16 = (s: number, old: number, now: number): number => fold(s + (~old & 0xffff) + now);
export const updateSum32 = (s: number, old: number, now: number): number =>
  fold(s + (~old >>> 16) + (~old & 0xffff) + (now >>> 16) + (now & 0xffff));

/** A check after one of its words changed: HC' = ~(~HC + ~m + m') (RFC 1624 [Eqn. 3]). */
export const update16 = (check: number, old: number, now: number): number =>
  ~updateSum16(~check & 0xffff, old, now) & 0xffff;
/** As update16 for a field of 32 bits that lies on a word boundary. */
export const update32 = (check: number, old: number, now: number): number =>
  ~updateSum32(~check & 0xffff, old, now) & 0xffff;

/** As update16 for UDP, whose 0 means "no checksum" (RFC 768): absent stays absent, a computed 0 becomes 0xffff. */
export const updateUdp16 = (check: number, old: number, now: number): number =>
  check === 0 ? 0 : update16(check, old, now) || 0xffff;
export const updateUdp32 = (check: number, old: number, now: number): number =>
  check === 0 ? 0 : update32(check, old, now) || 0xffff;

/** Puts into the field at `field` the check over bytes[at..end) and `acc`; the field counts as zero. */
export function store(b: Uint8Array, field: number, at: number, end: number, acc = 0): void {
  put16(b, field, 0);
  put16(b, field, checksum(b, at, end, acc));
}

/** Whether bytes[at..end) with their checksum field, and `acc`, sum to zero. */
export const verify = (b: Uint8Array, at: number, end: number, acc = 0): boolean =>
  sum(b, at, end, acc) === 0xffff;
