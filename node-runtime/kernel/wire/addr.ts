// Addresses are numbers: an IPv4 address 32 bits in host order, a MAC 48 bits. Text exists only in parse* and
// format*, and in Kubernetes objects.

declare const brand: unique symbol;
/** An IPv4 address as an unsigned 32-bit number: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number & { readonly [brand]: 'ipv4' };
/** A MAC address as an unsigned 48-bit number: 02:42:ac:11:00:02 is 0x0242ac110002. */
export type Mac = number & { readonly [brand]: 'mac' };

/** An address and how many leading bits of it are the network. */
export interface Prefix {
  readonly addr: Ipv4;
  readonly len: number;
}

export const ip4 = (n: number): Ipv4 => (n >>> 0) as Ipv4;
export const mac = (n: number): Mac => n as Mac;

export const ANY = ip4(0);
export const BROADCAST = ip4(0xffffffff);
export const LOOPBACK = ip4(0x7f000001);
export const MAC_ZERO = mac(0);
export const MAC_BROADCAST = mac(0xffffffffffff);

/** The address `text` spells in dotted quad, or undefined. Leading zeros are refused, as Kubernetes does. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let n = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    n = n * 256 + octet;
  }
  return ip4(n);
}

/** As parseIpv4, for text that the program itself wrote; throws on anything else. */
export function ipv4(text: string): Ipv4 {
  const addr = parseIpv4(text);
  if (addr === undefined) throw new TypeError(`not an IPv4 address: ${text}`);
  return addr;
}

export const formatIpv4 = (a: Ipv4): string =>
  `${a >>> 24}.${(a >>> 16) & 255}.${(a >>> 8) & 255}.${a & 255}`;

/** "10.244.1.0/24", or a bare address as /32. The address keeps its host bits. */
export function parsePrefix(text: string): Prefix | undefined {
  const [host, bits, ...rest] = text.split('/');
  const addr = parseIpv4(host ?? '');
  if (addr === undefined || rest.length > 0) return undefined;
  if (bits === undefined) return { addr, len: 32 };
  if (!/^(0|[1-9]\d?)$/.test(bits) || Number(bits) > 32) return undefined;
  return { addr, len: Number(bits) };
}

/** As parsePrefix, for text that the program itself wrote; throws on anything else. */
export function prefix(text: string): Prefix {
  const p = parsePrefix(text);
  if (p === undefined) throw new TypeError(`not an IPv4 prefix: ${text}`);
  return p;
}

export const formatPrefix = (p: Prefix): string => `${formatIpv4(p.addr)}/${p.len}`;
export const netmask = (len: number): Ipv4 => ip4(len === 0 ? 0 : 0xffffffff << (32 - len));
export const network = (p: Prefix): Ipv4 => ip4(p.addr & netmask(p.len));
export const broadcastOf = (p: Prefix): Ipv4 => ip4(p.addr | ~netmask(p.len));
export const inPrefix = (a: Ipv4, p: Prefix): boolean => ((a ^ p.addr) & netmask(p.len)) === 0;
export const overlaps = (a: Prefix, b: Prefix): boolean =>
  inPrefix(a.addr, { addr: b.addr, len: Math.min(a.len, b.len) });

export const isMulticast = (a: Ipv4): boolean => a >>> 28 === 0xe;
export const isLoopback = (a: Ipv4): boolean => a >>> 24 === 127;

export function parseMac(text: string): Mac | undefined {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) return undefined;
  return mac(Number.parseInt(text.replaceAll(':', ''), 16));
}
export function formatMac(m: Mac): string {
  return m
    .toString(16)
    .padStart(12, '0')
    .replace(/..(?=.)/g, '$&:');
}
/** The group bit: broadcast and multicast frames have it. */
export const isGroupMac = (m: Mac): boolean => (Math.floor(m / 0x100_0000_0000) & 1) === 1;
