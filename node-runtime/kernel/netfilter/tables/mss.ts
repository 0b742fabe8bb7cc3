// Where a SYN's maximum segment size lies.
import { dataOffset, MIN_HLEN } from '../../wire/tcp.ts';
import { END, MSS, NOP } from '../../wire/tcp-options.ts';

/** Offset of the two bytes of the MSS option's value, or −1. */
export function findMss(b: Uint8Array, l4: number, end: number): number {
  const stop = Math.min(end, l4 + dataOffset(b, l4));
  for (let i = l4 + MIN_HLEN; i < stop; ) {
    const kind = b[i]!;
    if (kind === END) return -1;
    if (kind === NOP) {
      i++;
      continue;
    }
    const len = i + 1 < stop ? b[i + 1]! : 0;
    if (len < 2 || i + len > stop) return -1;
    if (kind === MSS && len === 4) return i + 2;
    i += len;
  }
  return -1;
}
