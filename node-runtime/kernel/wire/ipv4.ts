// The IPv4 header, RFC 791 with the DS field of RFC 2474 and ECN of RFC 3168; as struct iphdr of
// include/uapi/linux/ip.h, checked as ip_rcv_core does. Options are ipv4-options.ts.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-------+-------+---------------+-------------------------------+
//   |version|  ihl  | tos: dscp |ecn|         total length          |
//   +-------+-------+---------------+-+-+-+-------------------------+
//   |        identification         |0|D|M|     fragment offset     |
//   +---------------+---------------+-+-+-+-------------------------+
//   |      ttl      |   protocol    |        header checksum        |
//   +---------------+---------------+-------------------------------+
//   |                        source address                         |
//   +---------------------------------------------------------------+
//   |                     destination address                       |
//   +---------------------------------------------------------------+
//   |                    options (up to 40 bytes)                   |
//   +---------------------------------------------------------------+

import { type Ipv4, ip4 } from './addr.ts';
import { put8, put16, put32, u8, u16, u32 } from './bytes.ts';
import { checksum, update16, verify } from './checksum.ts';

export const MIN_HLEN = 20;
export const MAX_HLEN = 60;

export const PROTO_ICMP = 1;
export const PROTO_IGMP = 2;
export const PROTO_IPIP = 4;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_GRE = 47;
export const PROTO_SCTP = 132;

/** Bits of fragField. */
export const FLAG_DF = 0x4000;
export const FLAG_MF = 0x2000;
const OFFSET_MASK = 0x1fff;

/** What `check` returns for that, and for nothing else: Linux counts it apart (InCsumErrors, InHdrErrors). */
export const BAD_CHECKSUM = 'ipv4: header checksum is wrong';

const VERSION_IHL = 0;
const TOS = 1;
const TOTAL_LEN = 2;
const ID = 4;
const FRAG = 6;
const TTL = 8;
const PROTO = 9;
const HEADER_CHECKSUM = 10;
const SRC = 12;
const DST = 16;

export const version = (b: Uint8Array, at: number): number => u8(b, at + VERSION_IHL) >>> 4;
/** Bytes of header, options included. */
export const ihl = (b: Uint8Array, at: number): number => (u8(b, at + VERSION_IHL) & 15) << 2;
export const tos = (b: Uint8Array, at: number): number => u8(b, at + TOS);
export const dscp = (b: Uint8Array, at: number): number => u8(b, at + TOS) >>> 2;
/** 0 not capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced. */
export const ecn = (b: Uint8Array, at: number): number => u8(b, at + TOS) & 3;
/** Bytes of header and payload. */
export const totalLen = (b: Uint8Array, at: number): number => u16(b, at + TOTAL_LEN);
export const id = (b: Uint8Array, at: number): number => u16(b, at + ID);
/** The 16 bits of flags and offset (in units of 8 bytes): 0 or FLAG_DF for a packet that is not a fragment. */
export const fragField = (b: Uint8Array, at: number): number => u16(b, at + FRAG);
export const df = (b: Uint8Array, at: number): boolean => (u16(b, at + FRAG) & FLAG_DF) !== 0;
export const mf = (b: Uint8Array, at: number): boolean => (u16(b, at + FRAG) & FLAG_MF) !== 0;
/** Where in the datagram this fragment lies, in bytes. */
export const fragOffset = (b: Uint8Array, at: number): number => (u16(b, at + FRAG) & OFFSET_MASK) << 3;
/** Whether it is one piece of several: ip_is_fragment. */
export const isFragment = (b: Uint8Array, at: number): boolean =>
  (u16(b, at + FRAG) & (FLAG_MF | OFFSET_MASK)) !== 0;
export const ttl = (b: Uint8Array, at: number): number => u8(b, at + TTL);
export const proto = (b: Uint8Array, at: number): number => u8(b, at + PROTO);
export const headerChecksum = (b: Uint8Array, at: number): number => u16(b, at + HEADER_CHECKSUM);
export const src = (b: Uint8Array, at: number): Ipv4 => ip4(u32(b, at + SRC));
export const dst = (b: Uint8Array, at: number): Ipv4 => ip4(u32(b, at + DST));

// Setters do not touch the checksum: updateChecksum, or update16 and update32 of checksum.ts, mend it.
export const setVersion = (b: Uint8Array, at: number, v: number): void =>
  put8(b, at + VERSION_IHL, (v << 4) | (u8(b, at + VERSION_IHL) & 15));
export const setIhl = (b: Uint8Array, at: number, bytes: number): void =>
  put8(b, at + VERSION_IHL, (u8(b, at + VERSION_IHL) & 0xf0) | (bytes >>> 2));
export const setTos = (b: Uint8Array, at: number, v: number): void => put8(b, at + TOS, v);
export const setTotalLen = (b: Uint8Array, at: number, v: number): void => put16(b, at + TOTAL_LEN, v);
export const setId = (b: Uint8Array, at: number, v: number): void => put16(b, at + ID, v);
export const setFragField = (b: Uint8Array, at: number, v: number): void => put16(b, at + FRAG, v);
export const setDf = (b: Uint8Array, at: number, v: boolean): void =>
  put16(b, at + FRAG, (u16(b, at + FRAG) & ~FLAG_DF) | (v ? FLAG_DF : 0));
export const setMf = (b: Uint8Array, at: number, v: boolean): void =>
  put16(b, at + FRAG, (u16(b, at + FRAG) & ~FLAG_MF) | (v ? FLAG_MF : 0));
/** `bytes` is a multiple of 8. */
export const setFragOffset = (b: Uint8Array, at: number, bytes: number): void =>
  put16(b, at + FRAG, (u16(b, at + FRAG) & ~OFFSET_MASK) | (bytes >>> 3));
export const setTtl = (b: Uint8Array, at: number, v: number): void => put8(b, at + TTL, v);
export const setProto = (b: Uint8Array, at: number, v: number): void => put8(b, at + PROTO, v);
export const setHeaderChecksum = (b: Uint8Array, at: number, v: number): void =>
  put16(b, at + HEADER_CHECKSUM, v);
export const setSrc = (b: Uint8Array, at: number, v: Ipv4): void => put32(b, at + SRC, v);
export const setDst = (b: Uint8Array, at: number, v: Ipv4): void => put32(b, at + DST, v);

/** Takes one off the TTL and mends the checksum (RFC 1624); returns the new TTL. The caller has seen that it is not 0. */
export function decTtl(b: Uint8Array, at: number): number {
  const word = u16(b, at + TTL);
  put16(b, at + TTL, word - 0x100);
  put16(b, at + HEADER_CHECKSUM, update16(u16(b, at + HEADER_CHECKSUM), word, word - 0x100));
  return (word >>> 8) - 1;
}

/** Computes the header checksum afresh. */
export function updateChecksum(b: Uint8Array, at: number): void {
  put16(b, at + HEADER_CHECKSUM, 0);
  put16(b, at + HEADER_CHECKSUM, checksum(b, at, at + ihl(b, at)));
}

export interface Ipv4Fields {
  /** Bytes of header, options included. */
  readonly ihl: number;
  readonly tos: number;
  readonly totalLen: number;
  readonly id: number;
  readonly df: boolean;
  readonly mf: boolean;
  /** In bytes. */
  readonly fragOffset: number;
  readonly ttl: number;
  readonly proto: number;
  readonly headerChecksum: number;
  readonly src: Ipv4;
  readonly dst: Ipv4;
  /** As they lie in the header, padding included. */
  readonly options: Uint8Array;
}

/** What `put` needs; the rest has the defaults of a plain packet, and the checksum is computed unless given. */
export type Ipv4Init = Pick<Ipv4Fields, 'totalLen' | 'proto' | 'src' | 'dst'> & Partial<Ipv4Fields>;

/** Why the header at `at` cannot be read, or undefined: all that can be asked of the header quoted in an ICMP error. */
export function checkHeader(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < MIN_HLEN) return 'ipv4: shorter than 20 bytes';
  if (version(b, at) !== 4) return `ipv4: version is ${version(b, at)}`;
  const hlen = ihl(b, at);
  if (hlen < MIN_HLEN) return `ipv4: header length ${hlen} is less than 20`;
  if (hlen > end - at) return `ipv4: header length ${hlen} is more than the ${end - at} bytes there are`;
  return undefined;
}

/** Why bytes[at..end) is not a packet, in ip_rcv_core's order, or undefined. Bytes behind totalLen are padding. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  const why = checkHeader(b, at, end);
  if (why !== undefined) return why;
  if (!verify(b, at, at + ihl(b, at))) return BAD_CHECKSUM;
  const len = totalLen(b, at);
  if (len > end - at) return `ipv4: total length ${len} is more than the ${end - at} bytes there are`;
  if (len < ihl(b, at)) return `ipv4: total length ${len} is less than the header's`;
  return undefined;
}

/** The header as a record, or undefined where `checkHeader` finds fault. */
export function parse(b: Uint8Array, at: number, end: number): Ipv4Fields | undefined {
  if (checkHeader(b, at, end) !== undefined) return undefined;
  return {
    ihl: ihl(b, at),
    tos: tos(b, at),
    totalLen: totalLen(b, at),
    id: id(b, at),
    df: df(b, at),
    mf: mf(b, at),
    fragOffset: fragOffset(b, at),
    ttl: ttl(b, at),
    proto: proto(b, at),
    headerChecksum: headerChecksum(b, at),
    src: src(b, at),
    dst: dst(b, at),
    options: b.slice(at + MIN_HLEN, at + ihl(b, at)),
  };
}

/** Writes a header at `at`; returns where the payload begins. Its length follows from the options, padded to words. */
export function put(b: Uint8Array, at: number, fields: Ipv4Init): number {
  const options = fields.options;
  const hlen = MIN_HLEN + (((options?.length ?? 0) + 3) & ~3);
  if (hlen > MAX_HLEN) throw new RangeError(`ipv4: ${hlen - MIN_HLEN} bytes of options, at most 40 fit`);
  put8(b, at + VERSION_IHL, 0x40 | (hlen >>> 2));
  put8(b, at + TOS, fields.tos ?? 0);
  put16(b, at + TOTAL_LEN, fields.totalLen);
  put16(b, at + ID, fields.id ?? 0);
  put16(
    b,
    at + FRAG,
    (fields.df ? FLAG_DF : 0) | (fields.mf ? FLAG_MF : 0) | ((fields.fragOffset ?? 0) >>> 3),
  );
  put8(b, at + TTL, fields.ttl ?? 64);
  put8(b, at + PROTO, fields.proto);
  put32(b, at + SRC, fields.src);
  put32(b, at + DST, fields.dst);
  if (options !== undefined && options.length > 0) {
    b.fill(0, at + MIN_HLEN, at + hlen);
    b.set(options, at + MIN_HLEN);
  }
  if (fields.headerChecksum === undefined) updateChecksum(b, at);
  else put16(b, at + HEADER_CHECKSUM, fields.headerChecksum);
  return at + hlen;
}
