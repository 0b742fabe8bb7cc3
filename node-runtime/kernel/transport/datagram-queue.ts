// The receive queue of a datagram socket: sk_receive_queue with sk_rmem_alloc. Packets wait as they came and are
// copied once, when the program takes them.
import type { Skb } from '../skb/skb.ts';
import type { Ipv4 } from '../wire/addr.ts';

export interface Datagram {
  /** A copy that is the receiver's to keep. */
  readonly data: Uint8Array;
  readonly src: Ipv4;
  readonly sport: number;
  /** The address it was sent to (IP_PKTINFO), and the TTL and TOS it arrived with. */
  readonly dst: Ipv4;
  readonly ttl: number;
  readonly tos: number;
  /** ifindex it came in by. */
  readonly iif: number;
  readonly trace: number;
}

const SK_BUFF = 256;
const SHARED_INFO_AND_HEADERS = 384;

/** What a packet counts against SO_RCVBUF: skb->truesize, its data rounded up as kmalloc does. */
function truesize(len: number): number {
  const need = len + SHARED_INFO_AND_HEADERS;
  return SK_BUFF + (need <= 512 ? 512 : 1 << (32 - Math.clz32(need - 1)));
}

export class DatagramQueue {
  #skbs: Skb[] = [];
  #head = 0;
  /** sk_rmem_alloc. */
  used = 0;
  /** Payload bytes waiting, as /proc/net/udp's rx_queue is in truesize and SIOCINQ in bytes. */
  get length(): number {
    return this.#skbs.length - this.#head;
  }

  /** False, and the packet is still the caller's, when it would exceed `limit`. */
  push(skb: Skb, limit: number): boolean {
    const size = truesize(skb.len);
    if (this.used + size > limit && this.used > 0) return false;
    this.used += size;
    this.#skbs.push(skb);
    return true;
  }

  shift(): Skb | undefined {
    if (this.#head === this.#skbs.length) return undefined;
    const skb = this.#skbs[this.#head]!;
    this.#head++;
    if (this.#head === this.#skbs.length) {
      this.#skbs.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#skbs.splice(0, this.#head);
      this.#head = 0;
    }
    this.used -= truesize(skb.len);
    return skb;
  }

  clear(): void {
    for (let skb = this.shift(); skb !== undefined; skb = this.shift()) skb.free();
  }
}
