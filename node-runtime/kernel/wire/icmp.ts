// ICMP, RFC 792, with RFC 1122 and 1812's codes, RFC 1191's MTU and RFC 4884's length; as struct icmphdr of
// include/uapi/linux/icmp.h. Which error is sent when is the ipv4 room's.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +---------------+---------------+-------------------------------+
//   |     type      |     code      |           checksum            |
//   +---------------+---------------+-------------------------------+
//   |          identifier           |        sequence number        |  echo, echo reply
//   |    unused     |    length     |         next-hop MTU          |  unreachable (MTU: code 4 only)
//   |                        gateway address                        |  redirect
//   |    pointer    |    length     |            unused             |  parameter problem
//   |    unused     |    length     |            unused             |  time exceeded
//   +---------------+---------------+-------------------------------+
//   |  echo: any data; errors: the IPv4 header and at least 8 bytes of the packet that caused it

import { type Ipv4, ip4 } from './addr.ts';
import { put8, put16, put32, u8, u16, u32 } from './bytes.ts';
import { checksum as internetChecksum, verify } from './checksum.ts';

export const HLEN = 8;

export const ECHO_REPLY = 0;
export const DEST_UNREACH = 3;
export const SOURCE_QUENCH = 4;
export const REDIRECT = 5;
export const ECHO = 8;
export const TIME_EXCEEDED = 11;
export const PARAMETER_PROBLEM = 12;
export const TIMESTAMP = 13;
export const TIMESTAMP_REPLY = 14;

// Codes of DEST_UNREACH.
export const NET_UNREACH = 0;
export const HOST_UNREACH = 1;
export const PROT_UNREACH = 2;
export const PORT_UNREACH = 3;
export const FRAG_NEEDED = 4;
export const SR_FAILED = 5;
export const NET_UNKNOWN = 6;
export const HOST_UNKNOWN = 7;
export const HOST_ISOLATED = 8;
export const NET_PROHIBITED = 9;
export const HOST_PROHIBITED = 10;
export const NET_UNREACH_TOS = 11;
export const HOST_UNREACH_TOS = 12;
export const ADMIN_PROHIBITED = 13;
export const PRECEDENCE_VIOLATION = 14;
export const PRECEDENCE_CUTOFF = 15;

// Codes of REDIRECT.
export const REDIRECT_NET = 0;
export const REDIRECT_HOST = 1;
export const REDIRECT_NET_TOS = 2;
export const REDIRECT_HOST_TOS = 3;

// Codes of TIME_EXCEEDED.
export const TTL_EXCEEDED = 0;
export const REASSEMBLY_EXCEEDED = 1;

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const REST = 4;
const LENGTH = 5;
const LOW = 6;

export const type = (b: Uint8Array, at: number): number => u8(b, at + TYPE);
export const code = (b: Uint8Array, at: number): number => u8(b, at + CODE);
export const checksum = (b: Uint8Array, at: number): number => u16(b, at + CHECKSUM);
export const id = (b: Uint8Array, at: number): number => u16(b, at + REST);
export const seq = (b: Uint8Array, at: number): number => u16(b, at + LOW);
/** Next-hop MTU in bytes; 0 from a router older than RFC 1191. */
export const mtu = (b: Uint8Array, at: number): number => u16(b, at + LOW);
export const gateway = (b: Uint8Array, at: number): Ipv4 => ip4(u32(b, at + REST));
/** Byte of the quoted packet that a parameter problem points at. */
export const pointer = (b: Uint8Array, at: number): number => u8(b, at + REST);

export const setType = (b: Uint8Array, at: number, v: number): void => put8(b, at + TYPE, v);
export const setCode = (b: Uint8Array, at: number, v: number): void => put8(b, at + CODE, v);
export const setChecksum = (b: Uint8Array, at: number, v: number): void => put16(b, at + CHECKSUM, v);
export const setId = (b: Uint8Array, at: number, v: number): void => put16(b, at + REST, v);
export const setSeq = (b: Uint8Array, at: number, v: number): void => put16(b, at + LOW, v);
export const setMtu = (b: Uint8Array, at: number, v: number): void => put16(b, at + LOW, v);
export const setGateway = (b: Uint8Array, at: number, v: Ipv4): void => put32(b, at + REST, v);
export const setPointer = (b: Uint8Array, at: number, v: number): void => put8(b, at + REST, v);

/** Whether the message reports on another packet, which it quotes: icmp_is_err of include/net/icmp.h, and redirects. */
export const isError = (type: number): boolean =>
  type === DEST_UNREACH ||
  type === SOURCE_QUENCH ||
  type === REDIRECT ||
  type === TIME_EXCEEDED ||
  type === PARAMETER_PROBLEM;

/** Computes the checksum of the message bytes[at..end) afresh. */
export function updateChecksum(b: Uint8Array, at: number, end: number): void {
  setChecksum(b, at, 0);
  setChecksum(b, at, internetChecksum(b, at, end));
}

/** Whether the checksum over bytes[at..end) holds. Never of a fragment or of a quote. */
export const checksumOk = (b: Uint8Array, at: number, end: number): boolean => verify(b, at, end);

/** A message as a record. `length` counts the quote in 4-byte words where extensions follow it (RFC 4884), else 0. */
export type IcmpFields = { readonly checksum: number; readonly body: Uint8Array } & (
  | { readonly type: 'echo' | 'echo-reply'; readonly code: number; readonly id: number; readonly seq: number }
  | { readonly type: 'dest-unreach'; readonly code: number; readonly length: number; readonly mtu: number }
  | { readonly type: 'redirect'; readonly code: number; readonly gateway: Ipv4 }
  | { readonly type: 'time-exceeded'; readonly code: number; readonly length: number }
  | {
      readonly type: 'parameter-problem';
      readonly code: number;
      readonly length: number;
      readonly pointer: number;
    }
  | { readonly type: 'other'; readonly number: number; readonly code: number; readonly rest: number }
);

/** What `put` needs: the checksum is computed unless given. */
export type IcmpInit = IcmpFields extends infer F
  ? F extends IcmpFields
    ? Omit<F, 'checksum'> & { readonly checksum?: number }
    : never
  : never;

/** Why bytes[at..end) is not an ICMP message, or undefined. The checksum is `checksumOk`'s, since a fragment has none. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < HLEN) return 'icmp: shorter than 8 bytes';
  if (isError(type(b, at)) && end - at < HLEN + 20) return 'icmp: an error that quotes no IPv4 header';
  return undefined;
}

/** The message as a record, its body copied, or undefined where it is shorter than its header. */
export function parse(b: Uint8Array, at: number, end: number): IcmpFields | undefined {
  if (end - at < HLEN) return undefined;
  const common = { code: code(b, at), checksum: checksum(b, at), body: b.slice(at + HLEN, end) };
  const length = u8(b, at + LENGTH);
  switch (type(b, at)) {
    case ECHO:
      return { type: 'echo', ...common, id: id(b, at), seq: seq(b, at) };
    case ECHO_REPLY:
      return { type: 'echo-reply', ...common, id: id(b, at), seq: seq(b, at) };
    case DEST_UNREACH:
      return { type: 'dest-unreach', ...common, length, mtu: mtu(b, at) };
    case REDIRECT:
      return { type: 'redirect', ...common, gateway: gateway(b, at) };
    case TIME_EXCEEDED:
      return { type: 'time-exceeded', ...common, length };
    case PARAMETER_PROBLEM:
      return { type: 'parameter-problem', ...common, length, pointer: pointer(b, at) };
    default:
      return { type: 'other', number: type(b, at), ...common, rest: u32(b, at + REST) };
  }
}

function typeNumber(fields: IcmpInit): number {
  switch (fields.type) {
    case 'echo':
      return ECHO;
    case 'echo-reply':
      return ECHO_REPLY;
    case 'dest-unreach':
      return DEST_UNREACH;
    case 'redirect':
      return REDIRECT;
    case 'time-exceeded':
      return TIME_EXCEEDED;
    case 'parameter-problem':
      return PARAMETER_PROBLEM;
    case 'other':
      return fields.number;
  }
}

/** The second word, which means something else in each type. */
function restWord(fields: IcmpInit): number {
  switch (fields.type) {
    case 'echo':
    case 'echo-reply':
      return (fields.id << 16) | fields.seq;
    case 'dest-unreach':
      return (fields.length << 16) | fields.mtu;
    case 'redirect':
      return fields.gateway;
    case 'time-exceeded':
      return fields.length << 16;
    case 'parameter-problem':
      return (fields.pointer << 24) | (fields.length << 16);
    case 'other':
      return fields.rest;
  }
}

/** Writes a whole message at `at`; returns where it ends. */
export function put(b: Uint8Array, at: number, fields: IcmpInit): number {
  const end = at + HLEN + fields.body.length;
  setType(b, at, typeNumber(fields));
  setCode(b, at, fields.code);
  put32(b, at + REST, restWord(fields));
  b.set(fields.body, at + HLEN);
  if (fields.checksum === undefined) updateChecksum(b, at, end);
  else setChecksum(b, at, fields.checksum);
  return end;
}
