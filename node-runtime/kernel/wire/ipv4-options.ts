// IPv4 options, RFC 791 section 3.1 and RFC 2113 (router alert). `faultAt` is ip_options_compile of net/ipv4/ip_options.c:
// which octet an ICMP parameter problem names. Options are rare, so they are records; nothing here is on a hot path.

import { type Ipv4, ip4 } from './addr.ts';
import { put8, put16, put32, u8, u16, u32 } from './bytes.ts';
import { ihl, MIN_HLEN } from './ipv4.ts';

export const END = 0;
export const NOP = 1;
export const RECORD_ROUTE = 7;
export const TIMESTAMP = 68;
export const LOOSE_ROUTE = 131;
export const ROUTER_ALERT = 148;
export const STRICT_ROUTE = 137;

// Flags of TIMESTAMP.
export const TS_ONLY = 0;
export const TS_AND_ADDR = 1;
export const TS_PRESPECIFIED = 3;

/** Copied into every fragment: the copied flag, RFC 791 page 15. */
export const isCopied = (type: number): boolean => (type & 0x80) !== 0;

/** `pointer` counts from the option's first octet as 1, as RFC 791 does. */
export type Ipv4Option =
  | { readonly kind: 'nop' }
  | {
      readonly kind: 'record-route' | 'loose-route' | 'strict-route';
      readonly pointer: number;
      readonly route: readonly Ipv4[];
    }
  | {
      readonly kind: 'timestamp';
      readonly pointer: number;
      readonly overflow: number;
      readonly flag: number;
      readonly words: readonly number[];
    }
  | { readonly kind: 'router-alert'; readonly value: number }
  | { readonly kind: 'unknown'; readonly type: number; readonly data: Uint8Array };

const ROUTE_TYPES = {
  'record-route': RECORD_ROUTE,
  'loose-route': LOOSE_ROUTE,
  'strict-route': STRICT_ROUTE,
} as const;

function words(b: Uint8Array, at: number, end: number): number[] {
  const list: number[] = [];
  for (; at + 4 <= end; at += 4) list.push(u32(b, at));
  return list;
}

function readOption(b: Uint8Array, at: number, len: number): Ipv4Option {
  const type = u8(b, at);
  const end = at + len;
  const routed = len >= 3 && (len - 3) % 4 === 0;
  for (const kind of ['record-route', 'loose-route', 'strict-route'] as const) {
    if (type === ROUTE_TYPES[kind] && routed) {
      return { kind, pointer: u8(b, at + 2), route: words(b, at + 3, end).map(ip4) };
    }
  }
  if (type === TIMESTAMP && len >= 4 && len % 4 === 0) {
    const last = u8(b, at + 3);
    const entries = words(b, at + 4, end);
    return {
      kind: 'timestamp',
      pointer: u8(b, at + 2),
      overflow: last >>> 4,
      flag: last & 15,
      words: entries,
    };
  }
  if (type === ROUTER_ALERT && len === 4) return { kind: 'router-alert', value: u16(b, at + 2) };
  return { kind: 'unknown', type, data: b.slice(at + 2, end) };
}

/** The options in bytes[at..end), up to END or the first one whose length cannot be. Never throws. */
export function parseOptions(b: Uint8Array, at: number, end: number): Ipv4Option[] {
  const options: Ipv4Option[] = [];
  while (at < end && u8(b, at) !== END) {
    if (u8(b, at) === NOP) {
      options.push({ kind: 'nop' });
      at++;
      continue;
    }
    const len = at + 1 < end ? u8(b, at + 1) : 0;
    if (len < 2 || len > end - at) break;
    options.push(readOption(b, at, len));
    at += len;
  }
  return options;
}

function optionBytes(o: Ipv4Option): Uint8Array {
  switch (o.kind) {
    case 'nop':
      return Uint8Array.of(NOP);
    case 'record-route':
    case 'loose-route':
    case 'strict-route': {
      const b = new Uint8Array(3 + 4 * o.route.length);
      put8(b, 0, ROUTE_TYPES[o.kind]);
      put8(b, 2, o.pointer);
      o.route.forEach((addr, i) => {
        put32(b, 3 + 4 * i, addr);
      });
      return b;
    }
    case 'timestamp': {
      const b = new Uint8Array(4 + 4 * o.words.length);
      put8(b, 0, TIMESTAMP);
      put8(b, 2, o.pointer);
      put8(b, 3, (o.overflow << 4) | o.flag);
      o.words.forEach((word, i) => {
        put32(b, 4 + 4 * i, word);
      });
      return b;
    }
    case 'router-alert': {
      const b = new Uint8Array(4);
      put8(b, 0, ROUTER_ALERT);
      put16(b, 2, o.value);
      return b;
    }
    case 'unknown': {
      const b = new Uint8Array(2 + o.data.length);
      put8(b, 0, o.type);
      b.set(o.data, 2);
      return b;
    }
  }
}

/** The options as `Ipv4Fields.options` wants them: whole words, padded with END. */
export function formatOptions(options: readonly Ipv4Option[]): Uint8Array {
  const parts = options.map((o) => {
    const b = optionBytes(o);
    if (o.kind !== 'nop') put8(b, 1, b.length);
    return b;
  });
  const len = parts.reduce((n, part) => n + part.length, 0);
  const all = new Uint8Array((len + 3) & ~3);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Offset from the start of the IPv4 header at `at` of the octet that Linux finds fault with, which a parameter problem's
 * pointer names, or -1. Only after `checkHeader`.
 */
export function faultAt(b: Uint8Array, at: number): number {
  const end = at + ihl(b, at);
  const seen = new Set<number>();
  let i = at + MIN_HLEN;
  while (i < end && u8(b, i) !== END) {
    if (u8(b, i) === NOP) {
      i++;
      continue;
    }
    const len = i + 1 < end ? u8(b, i + 1) : 0;
    if (len < 2 || len > end - i) return i - at;
    const fault = faultIn(b, i, len, seen);
    if (fault >= 0) return i - at + fault;
    i += len;
  }
  return -1;
}

/** The faulty octet within one option, or -1. A second option of a kind that may come once is at fault as a whole. */
function faultIn(b: Uint8Array, at: number, len: number, seen: Set<number>): number {
  const type = u8(b, at);
  switch (type) {
    case LOOSE_ROUTE:
    case STRICT_ROUTE:
      if (len < 3) return 1;
      if (u8(b, at + 2) < 4) return 2;
      return once(seen, LOOSE_ROUTE); // either kind of source route
    case RECORD_ROUTE:
      if (once(seen, type) >= 0) return 0;
      if (len < 3) return 1;
      return badPointer(u8(b, at + 2), 4, len) ? 2 : -1;
    case TIMESTAMP:
      if (once(seen, type) >= 0) return 0;
      if (len < 4) return 1;
      return timestampFault(b, at, len);
    case ROUTER_ALERT:
      return len < 4 ? 1 : -1;
    default:
      return -1;
  }
}

function once(seen: Set<number>, type: number): number {
  if (seen.has(type)) return 0;
  seen.add(type);
  return -1;
}

/** Below the first slot, or a slot that does not end within the option. Past the end means full, which is fine. */
const badPointer = (pointer: number, first: number, len: number): boolean =>
  pointer < first || (pointer <= len && pointer + 3 > len);

function timestampFault(b: Uint8Array, at: number, len: number): number {
  const pointer = u8(b, at + 2);
  const flag = u8(b, at + 3) & 15;
  if (badPointer(pointer, 5, len)) return 2;
  if (pointer > len) return u8(b, at + 3) >>> 4 === 15 && flag !== TS_PRESPECIFIED ? 3 : -1;
  if (flag === TS_ONLY) return -1;
  if (flag !== TS_AND_ADDR && flag !== TS_PRESPECIFIED) return 3;
  return pointer + 7 > len ? 2 : -1;
}
