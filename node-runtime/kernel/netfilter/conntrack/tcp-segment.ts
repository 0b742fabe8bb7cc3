// What conntrack reads of a TCP segment: segment_seq_plus_len, tcp_options and tcp_sack of
// net/netfilter/nf_conntrack_proto_tcp.c. Sequence numbers are signed 32-bit words, compared around the circle.
import { u8, u16, u32 } from '../../wire/bytes.ts';
import * as tcp from '../../wire/tcp.ts';
import { END, MAX_WSCALE, NOP, SACK, SACK_PERMITTED, WINDOW_SCALE } from '../../wire/tcp-options.ts';

export const before = (a: number, b: number): boolean => ((a - b) | 0) < 0;
export const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;

/** Sequence number behind the segment: SYN and FIN count as one each. */
export function segmentEnd(b: Uint8Array, l4: number, end: number): number {
  const f = u8(b, l4 + 13);
  const payload = end - l4 - tcp.dataOffset(b, l4);
  return (u32(b, l4 + 4) + payload + ((f & tcp.SYN) !== 0 ? 1 : 0) + ((f & tcp.FIN) !== 0 ? 1 : 0)) | 0;
}

/** Window scale in the low four bits, 16 when it was offered, 32 when SACK was. */
export function readOptions(b: Uint8Array, l4: number): number {
  const end = l4 + tcp.dataOffset(b, l4);
  let found = 0;
  for (let i = l4 + tcp.MIN_HLEN; i < end; ) {
    const kind = b[i]!;
    if (kind === END) break;
    if (kind === NOP) {
      i++;
      continue;
    }
    if (i + 1 >= end) break;
    const len = b[i + 1]!;
    if (len < 2 || i + len > end) break;
    if (kind === SACK_PERMITTED && len === 2) found |= 32;
    else if (kind === WINDOW_SCALE && len === 3) found = (found & 32) | 16 | Math.min(b[i + 2]!, MAX_WSCALE);
    i += len;
  }
  return found;
}

/** The highest sequence number that ACK and SACK blocks acknowledge. */
export function sackMax(b: Uint8Array, l4: number, ack: number): number {
  const end = l4 + tcp.dataOffset(b, l4);
  const options = l4 + tcp.MIN_HLEN;
  // Timestamps alone, as most segments have them: nothing to look for.
  if (end === options || (end - options === 12 && u32(b, options) === 0x0101080a)) return ack;
  let max = ack;
  for (let i = options; i < end; ) {
    const kind = b[i]!;
    if (kind === END) break;
    if (kind === NOP) {
      i++;
      continue;
    }
    if (i + 1 >= end) break;
    const len = b[i + 1]!;
    if (len < 2 || i + len > end) break;
    if (kind === SACK && len >= 10 && (len - 2) % 8 === 0)
      for (let k = i + 2; k < i + len; k += 8) {
        const right = (u16(b, k + 4) << 16) | u16(b, k + 6) | 0;
        if (after(right, max)) max = right;
      }
    i += len;
  }
  return max;
}
