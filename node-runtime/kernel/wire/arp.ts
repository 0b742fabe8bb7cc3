// ARP for IPv4 over Ethernet, RFC 826; as net/ipv4/arp.c reads it (arp_process). Other hardware or protocol types are
// malformed here, as Linux drops them on an Ethernet device.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-------------------------------+-------------------------------+
//   |       hardware type (1)       |    protocol type (0x0800)     |
//   +---------------+---------------+-------------------------------+
//   |    hlen (6)   |    plen (4)   |           operation           |
//   +---------------+---------------+-------------------------------+
//   |                   sender hardware address                     |
//   +                               +-------------------------------+
//   |                               |   sender protocol address     |
//   +-------------------------------+-------------------------------+
//   |          (continued)          |   target hardware address     |
//   +-------------------------------+                               +
//   |                                                               |
//   +---------------------------------------------------------------+
//   |                   target protocol address                     |
//   +---------------------------------------------------------------+

import { type Ipv4, ip4, type Mac, mac } from './addr.ts';
import { put8, put16, put32, put48, u8, u16, u32, u48 } from './bytes.ts';

export const HLEN = 28;
export const REQUEST = 1;
export const REPLY = 2;

const HTYPE = 0;
const PTYPE = 2;
const HWLEN = 4;
const PLEN = 5;
const OP = 6;
const SHA = 8;
const SPA = 14;
const THA = 18;
const TPA = 24;

const ETHERNET = 1;
const IPV4 = 0x0800;

export const op = (b: Uint8Array, at: number): number => u16(b, at + OP);
export const sha = (b: Uint8Array, at: number): Mac => mac(u48(b, at + SHA));
export const spa = (b: Uint8Array, at: number): Ipv4 => ip4(u32(b, at + SPA));
export const tha = (b: Uint8Array, at: number): Mac => mac(u48(b, at + THA));
export const tpa = (b: Uint8Array, at: number): Ipv4 => ip4(u32(b, at + TPA));

export const setOp = (b: Uint8Array, at: number, v: number): void => put16(b, at + OP, v);
export const setSha = (b: Uint8Array, at: number, v: Mac): void => put48(b, at + SHA, v);
export const setSpa = (b: Uint8Array, at: number, v: Ipv4): void => put32(b, at + SPA, v);
export const setTha = (b: Uint8Array, at: number, v: Mac): void => put48(b, at + THA, v);
export const setTpa = (b: Uint8Array, at: number, v: Ipv4): void => put32(b, at + TPA, v);

export interface ArpFields {
  readonly op: number;
  readonly sha: Mac;
  readonly spa: Ipv4;
  readonly tha: Mac;
  readonly tpa: Ipv4;
}

/** Why bytes[at..end) is not an ARP packet for IPv4 over Ethernet, or undefined. Padding behind it is fine. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < HLEN) return 'arp: shorter than 28 bytes';
  if (u16(b, at + HTYPE) !== ETHERNET || u8(b, at + HWLEN) !== 6) return 'arp: hardware is not Ethernet';
  if (u16(b, at + PTYPE) !== IPV4 || u8(b, at + PLEN) !== 4) return 'arp: protocol is not IPv4';
  return undefined;
}

/** The packet as a record, or undefined where `check` finds fault. */
export function parse(b: Uint8Array, at: number, end: number): ArpFields | undefined {
  if (check(b, at, end) !== undefined) return undefined;
  return { op: op(b, at), sha: sha(b, at), spa: spa(b, at), tha: tha(b, at), tpa: tpa(b, at) };
}

/** Writes a packet at `at`; returns where it ends. */
export function put(b: Uint8Array, at: number, fields: ArpFields): number {
  put16(b, at + HTYPE, ETHERNET);
  put16(b, at + PTYPE, IPV4);
  put8(b, at + HWLEN, 6);
  put8(b, at + PLEN, 4);
  setOp(b, at, fields.op);
  setSha(b, at, fields.sha);
  setSpa(b, at, fields.spa);
  setTha(b, at, fields.tha);
  setTpa(b, at, fields.tpa);
  return at + HLEN;
}
