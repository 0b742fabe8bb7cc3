// VXLAN, RFC 7348 section 5; as struct vxlanhdr of include/net/vxlan.h. Reserved bits are sent as zero; Linux drops a
// received header in which they are set when no extension claims them (vxlan_rcv), and so does `check`.
//
//    0                   1                   2                   3
//    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//   +-+-+-+-+-+-+-+-+-----------------------------------------------+
//   |R|R|R|R|I|R|R|R|                   reserved                    |
//   +-+-+-+-+-+-+-+-+-------------------------------+---------------+
//   |        VXLAN network identifier (VNI)         |   reserved    |
//   +-----------------------------------------------+---------------+

import { put8, put24, put32, u8, u24 } from './bytes.ts';

export const HLEN = 8;
/** The I flag: the VNI is valid. */
export const FLAG_VNI = 0x08;
/** IANA's port, and the one that Linux's module and flannel use. */
export const PORT_IANA = 4789;
export const PORT_LINUX = 8472;

const FLAGS = 0;
const VNI = 4;

export const flags = (b: Uint8Array, at: number): number => u8(b, at + FLAGS);
/** 24 bits. */
export const vni = (b: Uint8Array, at: number): number => u24(b, at + VNI);

export const setFlags = (b: Uint8Array, at: number, v: number): void => put8(b, at + FLAGS, v);
export const setVni = (b: Uint8Array, at: number, v: number): void => put24(b, at + VNI, v);

export interface VxlanFields {
  readonly flags: number;
  readonly vni: number;
}

/** Why bytes[at..end) is not a VXLAN header with a VNI and nothing else, or undefined. */
export function check(b: Uint8Array, at: number, end: number): string | undefined {
  if (end - at < HLEN) return 'vxlan: shorter than 8 bytes';
  if ((flags(b, at) & FLAG_VNI) === 0) return 'vxlan: the VNI flag is not set';
  if (flags(b, at) !== FLAG_VNI || u24(b, at + 1) !== 0 || u8(b, at + 7) !== 0) {
    return 'vxlan: reserved bits are set';
  }
  return undefined;
}

/** The header as a record, or undefined where it is cut short. */
export function parse(b: Uint8Array, at: number, end: number): VxlanFields | undefined {
  if (end - at < HLEN) return undefined;
  return { flags: flags(b, at), vni: vni(b, at) };
}

/** Writes a header at `at`; returns where the inner frame begins. */
export function put(
  b: Uint8Array,
  at: number,
  fields: { readonly vni: number; readonly flags?: number },
): number {
  put32(b, at, (fields.flags ?? FLAG_VNI) << 24);
  put32(b, at + VNI, fields.vni << 8);
  return at + HLEN;
}
