// IP addresses as DNS needs them: text to bytes and back, reverse names (RFC 1035 section 3.5, RFC 3596 section 2.5), and
// prefixes. node:net says what is an address.
import { isIP, isIPv4 } from 'node:net';
import { splitName } from './name.ts';

/** 4 or 16 bytes; undefined for what is no address. A zone (%eth0) is cut off. */
export function addrBytes(text: string): Uint8Array | undefined {
  const bare = text.split('%')[0]!;
  const family = isIP(bare);
  if (family === 4) return Uint8Array.from(bare.split('.'), Number);
  if (family !== 6) return undefined;
  const v4 = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  let hex = bare;
  if (v4 !== null) {
    const [a, b, c, d] = v4[2]!.split('.').map(Number);
    hex = `${v4[1]}${((a! << 8) | b!).toString(16)}:${((c! << 8) | d!).toString(16)}`;
  }
  const [head = '', tail] = hex.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((g) => Number.parseInt(g, 16));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((g) => [g >> 8, g & 255]));
}

/** "10.0.0.1"; IPv6 with its longest run of zeros shortened (RFC 5952). */
export function addrText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  if (groups.slice(0, 5).every((g) => g === 0) && groups[5] === 0xffff)
    return `::ffff:${bytes.slice(12).join('.')}`;
  let best = 0;
  let bestAt = -1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > best && n > 1) [best, bestAt] = [n, i];
  }
  const hex = (from: readonly number[]): string => from.map((g) => g.toString(16)).join(':');
  if (bestAt === -1) return hex(groups);
  return `${hex(groups.slice(0, bestAt))}::${hex(groups.slice(bestAt + best))}`;
}

/** "1.0.0.10.in-addr.arpa." for 10.0.0.1; undefined for what is no address. */
export function reverseName(text: string): string | undefined {
  const bytes = addrBytes(text);
  if (bytes === undefined) return undefined;
  if (bytes.length === 4) return `${[...bytes].reverse().join('.')}.in-addr.arpa.`;
  return `${[...bytes]
    .reverse()
    .map((b) => `${(b & 15).toString(16)}.${(b >> 4).toString(16)}`)
    .join('.')}.ip6.arpa.`;
}

/** The address that a whole reverse name stands for; undefined for every other name (plugin/pkg/dnsutil/reverse.go). */
export function addrOfReverse(name: string): string | undefined {
  const labels = splitName(name).reverse();
  if (labels[0] !== 'arpa') return undefined;
  if (labels[1] === 'in-addr' && labels.length === 6) {
    const text = labels.slice(2).join('.');
    return isIPv4(text) ? text : undefined;
  }
  if (labels[1] !== 'ip6' || labels.length !== 34) return undefined;
  const nibbles = labels.slice(2);
  if (!nibbles.every((n) => /^[0-9a-f]$/.test(n))) return undefined;
  return addrText(
    Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(nibbles[2 * i]! + nibbles[2 * i + 1]!, 16)),
  );
}

export interface Cidr {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** "10.0.0.0/8", or an address alone. Bits behind the prefix are cleared. */
export function parseCidr(text: string): Cidr | undefined {
  const [addr = '', len, more] = text.split('/');
  const bytes = addrBytes(addr);
  if (bytes === undefined || more !== undefined) return undefined;
  const bits = len === undefined ? bytes.length * 8 : /^\d{1,3}$/.test(len) ? Number(len) : -1;
  if (bits < 0 || bits > bytes.length * 8) return undefined;
  for (let i = 0; i < bytes.length; i++) {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    bytes[i] = bytes[i]! & (0xff << (8 - kept)) & 0xff;
  }
  return { bytes, bits };
}

export function inCidr({ bytes, bits }: Cidr, addr: Uint8Array): boolean {
  if (addr.length !== bytes.length) return false;
  for (let i = 0, left = bits; left > 0; i++, left -= 8)
    if ((bytes[i]! ^ addr[i]!) >> Math.max(0, 8 - left) !== 0) return false;
  return true;
}

/** The reverse zones that cover a prefix: one on an octet (a nibble in IPv6), else all below (plugin/pkg/cidr). */
export function reverseZones({ bytes, bits }: Cidr): string[] {
  const step = bytes.length === 4 ? 8 : 4;
  const whole = Math.ceil(bits / step);
  const spare = whole * step - bits;
  const zones: string[] = [];
  for (let n = 0; n < 1 << spare; n++) {
    const digits = unitsOf(bytes, step).slice(0, whole);
    if (spare > 0) digits[whole - 1]! += n;
    const labels = digits.reverse().map((d) => d.toString(step === 8 ? 10 : 16));
    zones.push(`${[...labels, step === 8 ? 'in-addr' : 'ip6', 'arpa'].join('.')}.`);
  }
  return zones;
}

const unitsOf = (bytes: Uint8Array, step: number): number[] =>
  step === 8 ? [...bytes] : [...bytes].flatMap((b) => [b >> 4, b & 15]);
