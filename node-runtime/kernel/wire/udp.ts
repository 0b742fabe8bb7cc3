// UDP, RFC 768; as struct udphdr of include/uapi/linux/udp.h.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-------------------------------+-------------------------------+
//   |          source port          |       destination port        |
//   +-------------------------------+-------------------------------+
//   |            length             |           checksum            |
//   +-------------------------------+-------------------------------+

import type { Ipv4 } from './addr.ts';
import { put16, u16 } from './bytes.ts';
import { checksum as internetChecksum, pseudoHeader, verify } from './checksum.ts';

export const HLEN = 8;

const PROTO = 17;
const SRC_PORT = 0;
const DST_PORT = 2;
const LENGTH = 4;
const CHECKSUM = 6;

export const srcPort = (b: Uint8Array, at: number): number => u16(b, at + SRC_PORT);
export const dstPort = (b: Uint8Array, at: number): number => u16(b, at + DST_PORT);
/** Bytes of header and payload. */
export const length = (b: Uint8Array, at: number): number => u16(b, at + LENGTH);
/** 0: the sender computed none. */
export const checksum = (b: Uint8Array, at: number): number => u16(b, at + CHECKSUM);

export const setSrcPort = (b: Uint8Array, at: number, v: number): void => put16(b, at + SRC_PORT, v);
export const setDstPort = (b: Uint8Array, at: number, v: number): void => put16(b, at + DST_PORT, v);
export const setLength = (b: Uint8Array, at: number, v: number): void => put16(b, at + LENGTH, v);
export const setChecksum = (b: Uint8Array, at: number, v: number): void => put16(b, at + CHECKSUM, v);

/** Writes the checksum over bytes[at..end); one that computes to 0 is sent as 0xffff, since 0 means none. */
export function updateChecksum(b: Uint8Array, at: number, end: number, src: Ipv4, dst: Ipv4): void {
  setChecksum(b, at, 0);
  setChecksum(b, at, internetChecksum(b, at, end, pseudoHeader(src, dst, PROTO, end - at)) || 0xffff);
}

/** Whether the checksum of the datagram bytes[at..at + length) holds or is absent. Only after `check`. */
export function checksumOk(b: Uint8Array, at: number, src: Ipv4, dst: Ipv4): boolean {
  const len = length(b, at);
  return checksum(b, at) === 0 || verify(b, at, at + len, pseudoHeader(src, dst, PROTO, len));
}

export interface UdpFields {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly length: number;
  readonly checksum: number;
}

/** Why bytes[at..end) is not a whole UDP datagram, or undefined. The checksum is `checksumOk`'s: it needs addresses. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < HLEN) return 'udp: shorter than 8 bytes';
  const len = length(b, at);
  if (len < HLEN) return `udp: length ${len} is less than the header's`;
  if (len > end - at) return `udp: length ${len} is more than the ${end - at} bytes there are`;
  return undefined;
}

/** The header as a record, or undefined where not even it is whole; `length` may exceed what is there. */
export function parse(b: Uint8Array, at: number, end: number): UdpFields | undefined {
  if (end - at < HLEN) return undefined;
  return {
    srcPort: srcPort(b, at),
    dstPort: dstPort(b, at),
    length: length(b, at),
    checksum: checksum(b, at),
  };
}

/** Writes a header at `at`; returns where the payload begins. Without `checksum` the field is 0. */
export function put(
  b: Uint8Array,
  at: number,
  fields: Omit<UdpFields, 'checksum'> & { readonly checksum?: number },
): number {
  setSrcPort(b, at, fields.srcPort);
  setDstPort(b, at, fields.dstPort);
  setLength(b, at, fields.length);
  setChecksum(b, at, fields.checksum ?? 0);
  return at + HLEN;
}
