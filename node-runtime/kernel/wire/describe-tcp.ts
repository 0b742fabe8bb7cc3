// The TCP part of a described packet, in tcpdump's words (its print-tcp.c) but with absolute sequence numbers.

import * as tcp from './tcp.ts';
import { parseOptions, type TcpOptions } from './tcp-options.ts';

const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [tcp.FIN, 'F'],
  [tcp.SYN, 'S'],
  [tcp.RST, 'R'],
  [tcp.PSH, 'P'],
  [tcp.URG, 'U'],
  [tcp.ECE, 'E'],
  [tcp.CWR, 'W'],
  [tcp.ACK, '.'],
];

/** "S.", "P.", "none". */
export function flagsText(flags: number): string {
  let text = '';
  for (const [bit, letter] of FLAG_LETTERS) if ((flags & bit) !== 0) text += letter;
  return text === '' ? 'none' : text;
}

function optionsText(o: TcpOptions): string {
  const parts: string[] = [];
  if (o.mss !== undefined) parts.push(`mss ${o.mss}`);
  if (o.sackPermitted) parts.push('sackOK');
  if (o.timestamps !== undefined) parts.push(`TS val ${o.timestamps.value} ecr ${o.timestamps.echo}`);
  if (o.wscale !== undefined) parts.push(`wscale ${o.wscale}`);
  if (o.sack !== undefined) {
    parts.push(`sack ${o.sack.length} ${o.sack.map((s) => `{${s.left}:${s.right}}`).join('')}`);
  }
  for (const u of o.unknown ?? []) parts.push(`unknown-${u.kind}`);
  return parts.join(',');
}

/**
 * "Flags [P.], seq 1:11, ack 7, win 502, options [TS val 1 ecr 2], length 10". `len` is the segment's length by its IP
 * header, of which bytes[at..end) may be less.
 */
export function describeTcp(b: Uint8Array, at: number, end: number, len: number): string {
  const hlen = tcp.dataOffset(b, at);
  const flags = tcp.flags(b, at);
  const seq = tcp.seq(b, at);
  const payload = Math.max(0, len - hlen);
  const parts = [`Flags [${flagsText(flags)}]`];
  if (payload > 0) parts.push(`seq ${seq}:${(seq + payload) % 0x1_0000_0000}`);
  else if ((flags & (tcp.SYN | tcp.FIN | tcp.RST)) !== 0) parts.push(`seq ${seq}`);
  if ((flags & tcp.ACK) !== 0) parts.push(`ack ${tcp.ack(b, at)}`);
  parts.push(`win ${tcp.window(b, at)}`);
  if ((flags & tcp.URG) !== 0) parts.push(`urg ${tcp.urgent(b, at)}`);
  const options = optionsText(parseOptions(b, at + tcp.MIN_HLEN, Math.min(end, at + hlen)));
  if (options !== '') parts.push(`options [${options}]`);
  parts.push(`length ${payload}`);
  return parts.join(', ');
}
