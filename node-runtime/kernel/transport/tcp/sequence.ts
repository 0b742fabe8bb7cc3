// Sequence numbers (RFC 9293 section 3.4). They are kept as signed 32-bit integers, which V8 holds without a heap
// number, and compared by the sign of their difference as before() and after() in include/net/tcp.h do.

export const seqAdd = (a: number, n: number): number => (a + n) | 0;
/** a - b, meaningful while the two are less than 2^31 apart. */
export const seqDiff = (a: number, b: number): number => (a - b) | 0;
export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;
/** first <= s <= last. */
export const between = (s: number, first: number, last: number): boolean =>
  (last - first) >>> 0 >= (s - first) >>> 0;
export const maxSeq = (a: number, b: number): number => (after(a, b) ? a : b);
