// Cutting a packet to an MTU: ip_do_fragment of net/ipv4/ip_output.c.
import { completeChecksum } from '../skb/gso.ts';
import type { Skb, SkbPool } from '../skb/skb.ts';
import * as ip from '../wire/ipv4.ts';

/** Bits of skb.cb on the IPv4 path: IPCB(skb)->flags. */
export const IPSKB_FORWARDED = 1;
export const IPSKB_DOREDIRECT = 2;
/** Its fragments all had DF set: so will those it is cut into again. */
export const IPSKB_FRAG_PMTU = 4;

const OPTION_END = 0;
const OPTION_NOOP = 1;
const COPIED = 0x80;

/**
 * Cuts the packet (`data` at the IP header) into packets of at most `mtu` bytes, and of at most the largest fragment it
 * was reassembled from. Takes the skb, unless there is no room for data and the answer is empty. A multiple of 8 bytes of data goes into each but the last.
 */
export function fragmentSkb(skb: Skb, mtu: number, pool: SkbPool): Skb[] {
  completeChecksum(skb);
  const b = skb.bytes;
  const at = skb.data;
  const hlen = ip.ihl(b, at);
  const limit = skb.fragMaxSize > 0 && skb.fragMaxSize < mtu ? skb.fragMaxSize : mtu;
  const room = limit - hlen;
  const df = (skb.cb & IPSKB_FRAG_PMTU) !== 0 ? ip.FLAG_DF : 0;
  const lastHasMore = ip.mf(b, at);
  const base = ip.fragOffset(b, at);
  const total = skb.len - hlen;
  const parts: Skb[] = [];
  if (room < 8) return parts;
  for (let done = 0; done < total; ) {
    const left = total - done;
    const len = left <= room ? left : room & ~7;
    const part = cut(skb, pool, hlen, done, len);
    const pb = part.bytes;
    const more = done + len < total || lastHasMore ? ip.FLAG_MF : 0;
    ip.setFragField(pb, part.data, df | more | ((base + done) >>> 3));
    ip.setTotalLen(pb, part.data, hlen + len);
    if (done > 0 && hlen > ip.MIN_HLEN) blankOptions(pb, part.data, hlen);
    ip.updateChecksum(pb, part.data);
    parts.push(part);
    done += len;
  }
  skb.free();
  return parts;
}

function cut(skb: Skb, pool: SkbPool, hlen: number, from: number, len: number): Skb {
  const part = pool.alloc(hlen + len);
  const at = part.put(hlen + len);
  const payload = skb.data + hlen + from;
  part.bytes.set(skb.bytes.subarray(skb.data, skb.data + hlen), at);
  part.bytes.set(skb.bytes.subarray(payload, payload + len), at + hlen);
  part.inherit(skb);
  part.fragMaxSize = 0;
  part.network = at;
  part.transport = at + hlen;
  return part;
}

/** ip_options_fragment: options that are not to be copied are blanked in all fragments but the first. */
function blankOptions(b: Uint8Array, at: number, hlen: number): void {
  let i = at + ip.MIN_HLEN;
  const end = at + hlen;
  while (i < end && b[i] !== OPTION_END) {
    if (b[i] === OPTION_NOOP) {
      i++;
      continue;
    }
    const len = i + 1 < end ? b[i + 1]! : 0;
    if (len < 2 || i + len > end) return;
    if ((b[i]! & COPIED) === 0) b.fill(OPTION_NOOP, i, i + len);
    i += len;
  }
}
