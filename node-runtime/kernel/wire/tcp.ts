// The TCP header, RFC 9293 section 3.1; as struct tcphdr of include/uapi/linux/tcp.h. Options are tcp-options.ts.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-------------------------------+-------------------------------+
//   |          source port          |       destination port        |
//   +-------------------------------+-------------------------------+
//   |                        sequence number                        |
//   +---------------------------------------------------------------+
//   |                    acknowledgment number                      |
//   +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
//   | data  | rsvd  |C|E|U|A|P|R|S|F|            window             |
//   | offset|       |W|C|R|C|S|S|Y|I|                               |
//   |       |       |R|E|G|K|H|T|N|N|                               |
//   +-------+-------+-+-+-+-+-+-+-+-+-------------------------------+
//   |           checksum            |        urgent pointer         |
//   +-------------------------------+-------------------------------+
//   |                    options (up to 40 bytes)                   |
//   +---------------------------------------------------------------+

import type { Ipv4 } from './addr.ts';
import { put8, put16, put32, u8, u16, u32 } from './bytes.ts';
import { checksum as internetChecksum, pseudoHeader, verify } from './checksum.ts';
import { optionsLength, parseOptions, putOptions, type TcpOptions } from './tcp-options.ts';

export const MIN_HLEN = 20;
export const MAX_HLEN = 60;

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const PSH = 8;
export const ACK = 16;
export const URG = 32;
export const ECE = 64;
export const CWR = 128;

const PROTO = 6;
const SRC_PORT = 0;
const DST_PORT = 2;
const SEQ = 4;
const ACK_NUMBER = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = 16;
const URGENT = 18;

export const srcPort = (b: Uint8Array, at: number): number => u16(b, at + SRC_PORT);
export const dstPort = (b: Uint8Array, at: number): number => u16(b, at + DST_PORT);
/** Unsigned 32 bits. */
export const seq = (b: Uint8Array, at: number): number => u32(b, at + SEQ);
/** Unsigned 32 bits. */
export const ack = (b: Uint8Array, at: number): number => u32(b, at + ACK_NUMBER);
/** Bytes of header, options included. */
export const dataOffset = (b: Uint8Array, at: number): number => (u8(b, at + DATA_OFFSET) >>> 4) << 2;
/** The eight control bits: FIN … CWR. */
export const flags = (b: Uint8Array, at: number): number => u8(b, at + FLAGS);
/** As sent: not scaled. */
export const window = (b: Uint8Array, at: number): number => u16(b, at + WINDOW);
export const checksum = (b: Uint8Array, at: number): number => u16(b, at + CHECKSUM);
export const urgent = (b: Uint8Array, at: number): number => u16(b, at + URGENT);

export const setSrcPort = (b: Uint8Array, at: number, v: number): void => put16(b, at + SRC_PORT, v);
export const setDstPort = (b: Uint8Array, at: number, v: number): void => put16(b, at + DST_PORT, v);
export const setSeq = (b: Uint8Array, at: number, v: number): void => put32(b, at + SEQ, v);
export const setAck = (b: Uint8Array, at: number, v: number): void => put32(b, at + ACK_NUMBER, v);
/** `bytes` is a multiple of 4; the reserved bits become 0. */
export const setDataOffset = (b: Uint8Array, at: number, bytes: number): void =>
  put8(b, at + DATA_OFFSET, bytes << 2);
export const setFlags = (b: Uint8Array, at: number, v: number): void => put8(b, at + FLAGS, v);
export const setWindow = (b: Uint8Array, at: number, v: number): void => put16(b, at + WINDOW, v);
export const setChecksum = (b: Uint8Array, at: number, v: number): void => put16(b, at + CHECKSUM, v);
export const setUrgent = (b: Uint8Array, at: number, v: number): void => put16(b, at + URGENT, v);

/** Computes the checksum of the segment bytes[at..end) afresh. */
export function updateChecksum(b: Uint8Array, at: number, end: number, src: Ipv4, dst: Ipv4): void {
  setChecksum(b, at, 0);
  setChecksum(b, at, internetChecksum(b, at, end, pseudoHeader(src, dst, PROTO, end - at)));
}

/** Whether the checksum of the segment bytes[at..end) holds. */
export const checksumOk = (b: Uint8Array, at: number, end: number, src: Ipv4, dst: Ipv4): boolean =>
  verify(b, at, end, pseudoHeader(src, dst, PROTO, end - at));

export interface TcpFields {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly seq: number;
  readonly ack: number;
  /** Bytes of header, options included. */
  readonly dataOffset: number;
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
  readonly urgent: number;
  readonly options: TcpOptions;
}

/** What `put` needs; the header's length follows from the options. */
export type TcpInit = Pick<TcpFields, 'srcPort' | 'dstPort' | 'seq' | 'flags'> & Partial<TcpFields>;

/** Why bytes[at..end) is not a TCP segment, or undefined. The checksum is `checksumOk`'s: it needs the addresses. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < MIN_HLEN) return 'tcp: shorter than 20 bytes';
  const hlen = dataOffset(b, at);
  if (hlen < MIN_HLEN) return `tcp: data offset ${hlen} is less than 20`;
  if (hlen > end - at) return `tcp: data offset ${hlen} is more than the ${end - at} bytes there are`;
  return undefined;
}

/** The header as a record, or undefined where `check` finds fault. */
export function parse(b: Uint8Array, at: number, end: number): TcpFields | undefined {
  if (check(b, at, end) !== undefined) return undefined;
  return {
    srcPort: srcPort(b, at),
    dstPort: dstPort(b, at),
    seq: seq(b, at),
    ack: ack(b, at),
    dataOffset: dataOffset(b, at),
    flags: flags(b, at),
    window: window(b, at),
    checksum: checksum(b, at),
    urgent: urgent(b, at),
    options: parseOptions(b, at + MIN_HLEN, at + dataOffset(b, at)),
  };
}

/** Writes a header at `at`; returns where the payload begins. Without `checksum` the field is 0. */
export function put(b: Uint8Array, at: number, fields: TcpInit): number {
  const hlen = MIN_HLEN + (fields.options === undefined ? 0 : optionsLength(fields.options));
  if (hlen > MAX_HLEN) throw new RangeError(`tcp: ${hlen - MIN_HLEN} bytes of options, at most 40 fit`);
  put16(b, at + SRC_PORT, fields.srcPort);
  put16(b, at + DST_PORT, fields.dstPort);
  put32(b, at + SEQ, fields.seq);
  put32(b, at + ACK_NUMBER, fields.ack ?? 0);
  setDataOffset(b, at, hlen);
  put8(b, at + FLAGS, fields.flags);
  put16(b, at + WINDOW, fields.window ?? 0);
  put16(b, at + CHECKSUM, fields.checksum ?? 0);
  put16(b, at + URGENT, fields.urgent ?? 0);
  if (fields.options !== undefined) putOptions(b, at + MIN_HLEN, fields.options);
  return at + hlen;
}
