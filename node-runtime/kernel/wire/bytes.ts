// Big-endian reads and writes at an offset: the only place that knows how multi-byte fields lie in a frame.
// Plain functions over (bytes, at), not views: a view object per header costs more than the reads themselves.

export const u8 = (b: Uint8Array, at: number): number => b[at]!;
export const u16 = (b: Uint8Array, at: number): number => (b[at]! << 8) | b[at + 1]!;
export const u24 = (b: Uint8Array, at: number): number => (b[at]! << 16) | (b[at + 1]! << 8) | b[at + 2]!;
export const u32 = (b: Uint8Array, at: number): number =>
  ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
/** 48 bits: a double holds them exactly, so no bigint. */
export const u48 = (b: Uint8Array, at: number): number => u16(b, at) * 0x1_0000_0000 + u32(b, at + 2);

export function put8(b: Uint8Array, at: number, v: number): void {
  b[at] = v;
}
export function put16(b: Uint8Array, at: number, v: number): void {
  b[at] = v >>> 8;
  b[at + 1] = v;
}
export function put24(b: Uint8Array, at: number, v: number): void {
  b[at] = v >>> 16;
  b[at + 1] = v >>> 8;
  b[at + 2] = v;
}
export function put32(b: Uint8Array, at: number, v: number): void {
  b[at] = v >>> 24;
  b[at + 1] = v >>> 16;
  b[at + 2] = v >>> 8;
  b[at + 3] = v;
}
export function put48(b: Uint8Array, at: number, v: number): void {
  put16(b, at, Math.floor(v / 0x1_0000_0000));
  put32(b, at + 2, v % 0x1_0000_0000);
}
