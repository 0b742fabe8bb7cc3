// Generic routing encapsulation: RFC 2784, with key and sequence number of RFC 2890; as include/net/gre.h. Version 0 without
// routing, which is all that Linux takes.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-+-+-+-+-----------------+-----+-------------------------------+
//   |C|R|K|S|    reserved     | ver |         protocol type         |
//   +-+-+-+-+-----------------+-----+-------------------------------+
//   |      checksum (C)             |       reserved (C)            |
//   +-------------------------------+-------------------------------+
//   |                         key (K)                               |
//   +---------------------------------------------------------------+
//   |                   sequence number (S)                         |
//   +---------------------------------------------------------------+

import { put16, put32, u16, u32 } from './bytes.ts';
import * as checksums from './checksum.ts';

export const MIN_HLEN = 4;

const CSUM = 0x8000;
const ROUTING = 0x4000;
const KEY = 0x2000;
const SEQ = 0x1000;
const VERSION = 0x0007;

export interface GreFields {
  /** EtherType of what is carried. */
  readonly protocol: number;
  /** Whether a checksum is there. */
  readonly checksum: boolean;
  readonly key: number | undefined;
  readonly seq: number | undefined;
}

const flags = (b: Uint8Array, at: number): number => u16(b, at);
export const protocol = (b: Uint8Array, at: number): number => u16(b, at + 2);
export const hasChecksum = (b: Uint8Array, at: number): boolean => (flags(b, at) & CSUM) !== 0;
export const hasKey = (b: Uint8Array, at: number): boolean => (flags(b, at) & KEY) !== 0;
export const hasSeq = (b: Uint8Array, at: number): boolean => (flags(b, at) & SEQ) !== 0;

/** Bytes of header for these options. */
export const hlenOf = (checksum: boolean, key: boolean, seq: boolean): number =>
  MIN_HLEN + (checksum ? 4 : 0) + (key ? 4 : 0) + (seq ? 4 : 0);
export const hlen = (b: Uint8Array, at: number): number =>
  hlenOf(hasChecksum(b, at), hasKey(b, at), hasSeq(b, at));

/** Only where `hasKey`. */
export const key = (b: Uint8Array, at: number): number => u32(b, at + 4 + (hasChecksum(b, at) ? 4 : 0));
/** Only where `hasSeq`. */
export const seq = (b: Uint8Array, at: number): number => u32(b, at + hlen(b, at) - 4);

/** Why bytes[at..end) is not a GRE packet that Linux takes, or undefined. The checksum covers header and payload. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < MIN_HLEN) return 'gre: shorter than 4 bytes';
  if ((flags(b, at) & (ROUTING | VERSION)) !== 0) return 'gre: version or routing not supported';
  if (end - at < hlen(b, at)) return 'gre: shorter than its options';
  if (hasChecksum(b, at) && !checksums.verify(b, at, end)) return 'gre: checksum is wrong';
  return undefined;
}

/** The header as a record, or undefined where it is cut short or of another version. */
export function parse(b: Uint8Array, at: number, end: number): GreFields | undefined {
  if (end - at < MIN_HLEN || (flags(b, at) & (ROUTING | VERSION)) !== 0 || end - at < hlen(b, at))
    return undefined;
  return {
    protocol: protocol(b, at),
    checksum: hasChecksum(b, at),
    key: hasKey(b, at) ? key(b, at) : undefined,
    seq: hasSeq(b, at) ? seq(b, at) : undefined,
  };
}

/** Writes a header at `at`, its checksum over bytes[at..end) when asked for; returns where the payload begins. */
export function put(b: Uint8Array, at: number, end: number, fields: GreFields): number {
  const { checksum, key, seq } = fields;
  put16(b, at, (checksum ? CSUM : 0) | (key === undefined ? 0 : KEY) | (seq === undefined ? 0 : SEQ));
  put16(b, at + 2, fields.protocol);
  let next = at + MIN_HLEN;
  if (checksum) {
    put32(b, next, 0);
    next += 4;
  }
  if (key !== undefined) {
    put32(b, next, key);
    next += 4;
  }
  if (seq !== undefined) {
    put32(b, next, seq);
    next += 4;
  }
  if (checksum) checksums.store(b, at + 4, at, end);
  return next;
}
