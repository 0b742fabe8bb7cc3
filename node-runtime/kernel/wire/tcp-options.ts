// TCP options: RFC 9293 section 3.2 (MSS), RFC 7323 (window scale, timestamps), RFC 2018 (SACK). Read as
// tcp_parse_options of net/ipv4/tcp_input.c reads them and laid out as tcp_options_write lays them.
//
// Hostile lengths end the list, as in Linux: what came before them counts. An option of a known kind with a length that
// is not its own is kept as an unknown one. Parsing gives a record and allocates; the transport's receive path reads the
// timestamps of an established connection with `alignedTimestamps` instead.

import { put8, put16, put32, u8, u16, u32 } from './bytes.ts';

export const END = 0;
export const NOP = 1;
export const MSS = 2;
export const WINDOW_SCALE = 3;
export const SACK_PERMITTED = 4;
export const SACK = 5;
export const TIMESTAMPS = 8;

/** The largest window scale (RFC 7323 section 2.3); a larger one counts as this. */
export const MAX_WSCALE = 14;
/** NOP NOP timestamps: the 12 bytes that Linux puts into every segment of a connection that negotiated them. */
export const TIMESTAMPS_ALIGNED = 12;

/** [left edge, right edge) in sequence numbers. */
export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

export interface UnknownOption {
  readonly kind: number;
  readonly data: Uint8Array;
}

/** What a header's options say; a key is there only if the option is. */
export interface TcpOptions {
  readonly mss?: number;
  /** As sent; RFC 7323 has it cut to MAX_WSCALE by who uses it. */
  readonly wscale?: number;
  readonly sackPermitted?: true;
  readonly sack?: readonly SackBlock[];
  readonly timestamps?: { readonly value: number; readonly echo: number };
  readonly unknown?: readonly UnknownOption[];
}

type Draft = { -readonly [K in keyof TcpOptions]: TcpOptions[K] };

/** The options in bytes[at..end). Never throws. */
export function parseOptions(b: Uint8Array, at: number, end: number): TcpOptions {
  const found: Draft = {};
  while (at < end) {
    const kind = u8(b, at);
    if (kind === END) break;
    if (kind === NOP) {
      at++;
      continue;
    }
    if (at + 1 >= end) break;
    const len = u8(b, at + 1);
    if (len < 2 || len > end - at) break;
    if (!readKnown(found, b, at, kind, len)) {
      found.unknown = [...(found.unknown ?? []), { kind, data: b.slice(at + 2, at + len) }];
    }
    at += len;
  }
  return found;
}

function readKnown(to: Draft, b: Uint8Array, at: number, kind: number, len: number): boolean {
  if (kind === MSS && len === 4) to.mss = u16(b, at + 2);
  else if (kind === WINDOW_SCALE && len === 3) to.wscale = u8(b, at + 2);
  else if (kind === SACK_PERMITTED && len === 2) to.sackPermitted = true;
  else if (kind === TIMESTAMPS && len === 10) to.timestamps = { value: u32(b, at + 2), echo: u32(b, at + 6) };
  else if (kind === SACK && len >= 10 && (len - 2) % 8 === 0) {
    const blocks: SackBlock[] = [];
    for (let i = at + 2; i < at + len; i += 8) blocks.push({ left: u32(b, i), right: u32(b, i + 4) });
    to.sack = blocks;
  } else return false;
  return true;
}

/** Bytes that putOptions writes, a multiple of 4. */
export function optionsLength(o: TcpOptions): number {
  let n = 0;
  if (o.mss !== undefined) n += 4;
  if (o.timestamps !== undefined) n += TIMESTAMPS_ALIGNED;
  else if (o.sackPermitted) n += 4;
  if (o.wscale !== undefined) n += 4;
  if (o.sack !== undefined && o.sack.length > 0) n += 4 + 8 * o.sack.length;
  for (const u of o.unknown ?? []) n += 2 + u.data.length;
  return (n + 3) & ~3;
}

/**
 * Writes the options at `at` in Linux's order and alignment: MSS; timestamps, whose two NOPs a SACK-permitted takes the
 * place of; SACK-permitted alone behind two NOPs; NOP and window scale; NOP NOP and SACK blocks; then unknown ones as
 * they are, padded with NOPs. Returns where they end.
 */
export function putOptions(b: Uint8Array, at: number, o: TcpOptions): number {
  if (o.mss !== undefined) {
    put32(b, at, (MSS << 24) | (4 << 16) | o.mss);
    at += 4;
  }
  if (o.timestamps !== undefined) {
    put16(b, at, o.sackPermitted ? (SACK_PERMITTED << 8) | 2 : (NOP << 8) | NOP);
    putTimestamps(b, at + 2, o.timestamps.value, o.timestamps.echo);
    at += TIMESTAMPS_ALIGNED;
  } else if (o.sackPermitted) {
    put32(b, at, (NOP << 24) | (NOP << 16) | (SACK_PERMITTED << 8) | 2);
    at += 4;
  }
  if (o.wscale !== undefined) {
    put32(b, at, (NOP << 24) | (WINDOW_SCALE << 16) | (3 << 8) | o.wscale);
    at += 4;
  }
  if (o.sack !== undefined && o.sack.length > 0) {
    put32(b, at, (NOP << 24) | (NOP << 16) | (SACK << 8) | (2 + 8 * o.sack.length));
    at += 4;
    for (const block of o.sack) {
      put32(b, at, block.left);
      put32(b, at + 4, block.right);
      at += 8;
    }
  }
  return putUnknown(b, at, o.unknown ?? []);
}

function putUnknown(b: Uint8Array, at: number, options: readonly UnknownOption[]): number {
  let used = 0;
  for (const u of options) {
    put8(b, at + used, u.kind);
    put8(b, at + used + 1, 2 + u.data.length);
    b.set(u.data, at + used + 2);
    used += 2 + u.data.length;
  }
  while ((used & 3) !== 0) put8(b, at + used++, NOP);
  return at + used;
}

function putTimestamps(b: Uint8Array, at: number, value: number, echo: number): void {
  put16(b, at, (TIMESTAMPS << 8) | 10);
  put32(b, at + 2, value);
  put32(b, at + 6, echo);
}

/** Writes NOP NOP timestamps, all that a data segment without SACK blocks carries; returns where they end. */
export function putAlignedTimestamps(b: Uint8Array, at: number, value: number, echo: number): number {
  put16(b, at, (NOP << 8) | NOP);
  putTimestamps(b, at + 2, value, echo);
  return at + TIMESTAMPS_ALIGNED;
}

/** Whether bytes[at..end) begin as putAlignedTimestamps writes: value at `at` + 4, echo at `at` + 8 (RFC 7323 app. A). */
export const alignedTimestamps = (b: Uint8Array, at: number, end: number): boolean =>
  end - at >= TIMESTAMPS_ALIGNED && u32(b, at) === 0x0101080a;
