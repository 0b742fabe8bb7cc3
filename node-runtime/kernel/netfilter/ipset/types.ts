// The kinds of ip sets and what an element of each consists of: net/netfilter/ipset/ip_set_hash_*.c, ip_set_bitmap_*.c. The
// type's name lists the dimensions of an element; a lookup reads as many fields of a packet as it has dimensions.
import { formatIpv4, ip4, parseIpv4, parsePrefix } from '../../wire/addr.ts';
import { protocolName, protocolNumber } from '../tables/protocols.ts';

export const SET_TYPES = [
  'hash:ip',
  'hash:net',
  'hash:ip,port',
  'hash:ip,port,ip',
  'hash:ip,port,net',
  'hash:net,port',
  'hash:net,net',
  'bitmap:ip',
  'bitmap:port',
] as const;
export type SetType = (typeof SET_TYPES)[number];
export const isSetType = (text: string): text is SetType => SET_TYPES.some((t) => t === text);

export type Dimension = 'ip' | 'net' | 'port';
/** bitmap:port has ports of any protocol; everywhere else a port goes with its protocol. */
export const dimensionsOf = (type: SetType): readonly Dimension[] =>
  type.slice(type.indexOf(':') + 1).split(',') as Dimension[];

/** An address, a port (protocol << 16 | number), or a network as address × 64 + prefix length. */
export type Key = number;

export const netKey = (addr: number, len: number): Key =>
  (len === 0 ? 0 : (addr & (0xffff_ffff << (32 - len))) >>> 0) * 64 + len;

/** The key that a part of an element spells, or why it does not. */
export function parseKey(dimension: Dimension, anyProto: boolean, text: string): Key | string {
  if (dimension === 'ip')
    return parseIpv4(text) ?? `Syntax error: cannot parse ${text}: resolving to IPv4 address failed`;
  if (dimension === 'net') {
    const p = parsePrefix(text);
    return p === undefined
      ? `Syntax error: cannot parse ${text}: resolving to IPv4 address failed`
      : netKey(p.addr, p.len);
  }
  const colon = text.indexOf(':');
  const proto = colon === -1 ? 6 : protocolNumber(text.slice(0, colon));
  const port = Number(text.slice(colon + 1));
  if (proto === undefined) return `Syntax error: cannot parse '${text.slice(0, colon)}' as a protocol`;
  if (!/^\d+$/.test(text.slice(colon + 1)) || port > 65_535)
    return `Syntax error: '${text.slice(colon + 1)}' is invalid as number`;
  return anyProto ? port : (proto << 16) | port;
}

export function keyText(dimension: Dimension, anyProto: boolean, key: Key): string {
  if (dimension === 'ip') return formatIpv4(ip4(key));
  if (dimension === 'net') {
    const len = key % 64;
    return formatIpv4(ip4(Math.floor(key / 64))) + (len === 32 ? '' : `/${len}`);
  }
  return anyProto ? `${key}` : `${protocolName(key >>> 16)}:${key & 0xffff}`;
}
