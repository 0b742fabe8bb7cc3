// Which flow a wire frame belongs to, and the how-manieth of it it is: the key by which chance is decided, so that an extra
// packet in one flow changes nothing for another.
import { mix32 } from '../netns/dice.ts';
import { ETH_P_ARP, ETH_P_IP, type Skb } from '../skb/skb.ts';
import { u16, u32 } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';

/** Flows that are counted at once; the longest-known is forgotten first, and then counts anew. */
const MAX_FLOWS = 65_536;

/** 31 bits, so that it stays a small integer: direction, addresses, protocol, and ports where there are any. */
export function frameFlow(skb: Skb, hasEthernet: boolean): number {
  const b = skb.bytes;
  let at = skb.data;
  let type = ETH_P_IP;
  if (hasEthernet) {
    if (skb.len < ethernet.HLEN) return 0;
    type = ethernet.type(b, at);
    at += ethernet.HLEN;
  }
  if (type === ETH_P_IP && skb.tail - at >= ip.MIN_HLEN) return ipFlow(b, at, skb.tail);
  if (type === ETH_P_ARP && skb.tail - at >= 28)
    return mix32(mix32(u32(b, at + 14) ^ u16(b, at + 6)) ^ u32(b, at + 24)) >>> 1;
  if (!hasEthernet) return 0;
  const mac = skb.data;
  return mix32(mix32(mix32(u32(b, mac)) ^ u32(b, mac + 4)) ^ u32(b, mac + 8) ^ type) >>> 1;
}

function ipFlow(b: Uint8Array, at: number, end: number): number {
  const proto = ip.proto(b, at);
  const l4 = at + ip.ihl(b, at);
  let h = mix32(mix32(u32(b, at + 12) ^ proto) ^ u32(b, at + 16));
  if (!ip.isFragment(b, at) && end - l4 >= 8) {
    if (proto === ip.PROTO_TCP || proto === ip.PROTO_UDP || proto === ip.PROTO_SCTP)
      h = mix32(h ^ u32(b, l4));
    else if (proto === ip.PROTO_ICMP) h = mix32(h ^ u16(b, l4 + 4) ^ (b[l4]! << 16));
  }
  return h >>> 1;
}

export class FlowOrdinals {
  readonly #counts = new Map<number, number>();

  /** 0 for the first packet of the flow, 1 for the second. */
  next(flow: number): number {
    const n = this.#counts.get(flow);
    if (n === undefined && this.#counts.size >= MAX_FLOWS) {
      for (const oldest of this.#counts.keys()) {
        this.#counts.delete(oldest);
        break;
      }
    }
    this.#counts.set(flow, (n ?? -1) + 1);
    return (n ?? -1) + 1;
  }
}
