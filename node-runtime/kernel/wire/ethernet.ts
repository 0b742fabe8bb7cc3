// Ethernet II (DIX) framing, RFC 894 and IEEE 802.3 clause 3.2; as struct ethhdr of include/uapi/linux/if_ether.h.
// No preamble and no FCS: Linux hands up neither. 802.1Q tags are not taken apart; their EtherType is shown.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-------------------------------------------------------------+
//   |                     destination (48 bits)                   |
//   +                               +-----------------------------+
//   |                               |                             |
//   +-------------------------------+                             +
//   |                       source (48 bits)                      |
//   +-------------------------------+-----------------------------+
//   |             type              |  payload ...
//   +-------------------------------+

import { type Mac, mac } from './addr.ts';
import { put16, put48, u16, u48 } from './bytes.ts';

export const HLEN = 14;

export const TYPE_IPV4 = 0x0800;
export const TYPE_ARP = 0x0806;
export const TYPE_VLAN = 0x8100;
export const TYPE_IPV6 = 0x86dd;

const DST = 0;
const SRC = 6;
const TYPE = 12;

export const dst = (b: Uint8Array, at: number): Mac => mac(u48(b, at + DST));
export const src = (b: Uint8Array, at: number): Mac => mac(u48(b, at + SRC));
/** EtherType; below 0x600 it is an 802.3 length instead. */
export const type = (b: Uint8Array, at: number): number => u16(b, at + TYPE);

export const setDst = (b: Uint8Array, at: number, v: Mac): void => put48(b, at + DST, v);
export const setSrc = (b: Uint8Array, at: number, v: Mac): void => put48(b, at + SRC, v);
export const setType = (b: Uint8Array, at: number, v: number): void => put16(b, at + TYPE, v);

export interface EthernetFields {
  readonly dst: Mac;
  readonly src: Mac;
  readonly type: number;
}

/** Why bytes[at..end) is not an Ethernet frame, or undefined. */
export function check(_b: Uint8Array, at: number, end: number): string | undefined {
  return end - at < HLEN ? 'ethernet: shorter than 14 bytes' : undefined;
}

/** The header as a record, or undefined where `check` finds fault. */
export function parse(b: Uint8Array, at: number, end: number): EthernetFields | undefined {
  if (check(b, at, end) !== undefined) return undefined;
  return { dst: dst(b, at), src: src(b, at), type: type(b, at) };
}

/** Writes a header at `at`; returns where the payload begins. */
export function put(b: Uint8Array, at: number, fields: EthernetFields): number {
  setDst(b, at, fields.dst);
  setSrc(b, at, fields.src);
  setType(b, at, fields.type);
  return at + HLEN;
}
