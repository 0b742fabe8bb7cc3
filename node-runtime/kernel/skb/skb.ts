// The packet buffer, after Linux's struct sk_buff (include/linux/skbuff.h): one stretch of bytes with room in front,
// and offsets to the layers. Encapsulation prepends into the headroom; nothing on the way through a node copies.
//
//   bytes: |<-- headroom -->|<- mac ->|<- network ->|<- transport ->|<- payload ->|<- tailroom ->|
//                           ^ data (moves with push and pull)                      ^ tail
//
// Ownership is single, as in Linux: who is handed an skb passes it on, frees it (`free`), or drops it with a reason
// (`Kernel.drop`, which counts and then frees). A freed skb's buffer is used again, so a reader that wants to keep
// bytes copies them.

/** Room in front of a new frame: two tunnels' worth, and ≡ 2 mod 4 so that the IP header behind 14 bytes is aligned. */
export const HEADROOM = 130;
/** Bytes of the buffers that are kept for use again, and how many of each: a wire frame's, two sizes for a few of them sent as one, and
 * the largest super-segment's. Zeroing a new buffer costs by its size, so that a message of 3 KB must not take 66. */
const SIZES = [2048, 8192, 24_576, 65_536 + 2048].map((size) => size + HEADROOM);
const KEEP = [512, 64, 32, 32];

export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
export const ETH_P_IPV6 = 0x86dd;

/** Who a received frame was addressed to: skb->pkt_type (include/uapi/linux/if_packet.h). */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;

/** State of the transport checksum: skb->ip_summed. */
export const CHECKSUM_NONE = 0;
/** Verified, or known good because it never left memory. */
export const CHECKSUM_UNNECESSARY = 1;
/** The field holds the pseudo-header's sum only; whoever needs wire bytes completes it (`gso.ts`). */
export const CHECKSUM_PARTIAL = 3;

export class Skb {
  bytes: Uint8Array;
  /** Where the current layer begins, and where the packet ends (exclusive). */
  data = HEADROOM;
  tail = HEADROOM;
  /** Offset of the Ethernet header, or -1 where the packet has none (TUN). */
  mac = -1;
  /** Offset of the network (IP or ARP) header, or -1. */
  network = -1;
  /** Offset of the transport header, or -1. */
  transport = -1;
  /** EtherType of the network layer, host order. */
  protocol = 0;
  pktType = PACKET_HOST;
  ipSummed = CHECKSUM_NONE;
  /** Payload bytes per segment of a super-segment, or 0: cutting makes packets of at most this much TCP payload. */
  gsoSize = 0;
  /**
   * The packet carries another in a tunnel, and `gsoSize` and CHECKSUM_PARTIAL are about the inner one. The outer UDP
   * checksum is then complete already, but for a super-segment, where it holds its pseudo-header's sum: skb->encapsulation.
   */
  encapsulation = false;
  /** fwmark. */
  mark = 0;
  priority = 0;
  /** The connection this belongs to; the netfilter room's Conn, opaque below it. */
  ct: object | undefined = undefined;
  /** ctinfo: which direction and state (netfilter/conntrack). Meaningless while `ct` is undefined. */
  ctinfo = 0;
  /** ifindex of the device the packet came in by (skb->skb_iif), 0 for local output. */
  iif = 0;
  /** ifindex of the bridge port a bridged frame came in and goes out by, 0 otherwise: nf_bridge's physindev, physoutdev. */
  physin = 0;
  physout = 0;
  /** Source MAC of a bridged packet whose new destination's neighbour is being resolved: nf_bridge_info.neigh_header. */
  bridgedFrom = 0;
  /** The route looked up for it (skb_dst); the ipv4 room's, opaque below it. */
  dst: object | undefined = undefined;
  /** The socket it is sent by (skb->sk); the transport room's, opaque below it. */
  sk: object | undefined = undefined;
  /** Largest fragment it was reassembled from, or 0 (IPCB(skb)->frag_max_size). */
  fragMaxSize = 0;
  /** Small per-layer flags, cleared at each layer's entry (IPCB(skb)->flags). */
  cb = 0;
  /** Trace id, 0 = not traced. The only thing an untraced packet is asked. */
  trace = 0;
  /** Lateness in milliseconds that a delayed frame brings along, taken off the next delay. */
  late = 0;
  pool: SkbPool | undefined;

  constructor(bytes: Uint8Array, pool: SkbPool | undefined) {
    this.bytes = bytes;
    this.pool = pool;
  }

  get len(): number {
    return this.tail - this.data;
  }
  get headroom(): number {
    return this.data;
  }

  /** Makes `n` bytes of headroom part of the packet; returns the new start. */
  push(n: number): number {
    if (n > this.data) this.#grow(n);
    this.data -= n;
    return this.data;
  }
  /** Takes `n` bytes off the front; returns the new start. */
  pull(n: number): number {
    this.data += n;
    return this.data;
  }
  /** Extends the packet by `n` bytes at its end; returns where they begin. */
  put(n: number): number {
    const at = this.tail;
    if (at + n > this.bytes.length) throw new RangeError(`skb: ${n} bytes do not fit behind ${at}`);
    this.tail = at + n;
    return at;
  }
  /** Cuts the packet to `len` bytes from `data`. */
  trim(len: number): void {
    if (this.data + len < this.tail) this.tail = this.data + len;
  }
  /** The current layer's bytes, as a view: valid until the skb moves on. */
  view(): Uint8Array {
    return this.bytes.subarray(this.data, this.tail);
  }

  /** A deep copy with the same offsets and marks, for floods, captures and retransmission. */
  clone(): Skb {
    const to =
      this.pool === undefined
        ? new Skb(new Uint8Array(this.bytes.length), undefined)
        : this.pool.alloc(this.tail - HEADROOM);
    if (to.bytes.length < this.tail) throw new RangeError('skb: clone does not fit');
    const from = this.mac >= 0 && this.mac < this.data ? this.mac : this.data;
    const start = this.network >= 0 && this.network < from ? this.network : from;
    if (this.tail - start < 64) for (let i = start; i < this.tail; i++) to.bytes[i] = this.bytes[i]!;
    else to.bytes.set(this.bytes.subarray(start, this.tail), start);
    to.data = this.data;
    to.tail = this.tail;
    to.mac = this.mac;
    to.network = this.network;
    to.transport = this.transport;
    to.ipSummed = this.ipSummed;
    to.gsoSize = this.gsoSize;
    to.encapsulation = this.encapsulation;
    to.inherit(this);
    return to;
  }

  /** Takes over what a copy or a part of `from` shares with it: all but bytes, offsets and offload state. */
  inherit(from: Skb): void {
    this.protocol = from.protocol;
    this.pktType = from.pktType;
    this.mark = from.mark;
    this.priority = from.priority;
    this.ct = from.ct;
    this.ctinfo = from.ctinfo;
    this.iif = from.iif;
    this.physin = from.physin;
    this.physout = from.physout;
    this.bridgedFrom = from.bridgedFrom;
    this.dst = from.dst;
    this.sk = from.sk;
    this.fragMaxSize = from.fragMaxSize;
    this.cb = from.cb;
    this.trace = from.trace;
    this.late = from.late;
  }

  /**
   * Forgets what the stack has learnt about the packet: skb_scrub_packet. Bytes, trace and lateness stay; the mark too
   * when the packet stays in its namespace (`crossing` false), as it does when a tunnel wraps or unwraps it.
   */
  scrub(crossing = true): void {
    this.ct = undefined;
    this.ctinfo = 0;
    if (crossing) {
      this.mark = 0;
      this.priority = 0;
    }
    this.iif = 0;
    this.physin = 0;
    this.physout = 0;
    this.bridgedFrom = 0;
    this.dst = undefined;
    this.sk = undefined;
    this.cb = 0;
    this.pktType = PACKET_HOST;
  }

  /** Gives the buffer back. The skb must not be touched afterwards. */
  free(): void {
    this.pool?.release(this);
  }

  #grow(need: number): void {
    const extra = need - this.data + HEADROOM;
    const bytes = new Uint8Array(this.bytes.length + extra);
    bytes.set(this.bytes.subarray(this.data, this.tail), this.data + extra);
    this.bytes = bytes;
    this.data += extra;
    this.tail += extra;
    if (this.mac >= 0) this.mac += extra;
    if (this.network >= 0) this.network += extra;
    if (this.transport >= 0) this.transport += extra;
    this.pool = undefined; // an odd size does not go back to the pool
  }
}

/** Free skbs of a few sizes. One per kernel; bounded, so that a burst does not stay in memory for ever. */
export class SkbPool {
  readonly #free: readonly Skb[][] = SIZES.map(() => []);

  /** An empty skb that can hold `len` bytes behind the usual headroom. */
  alloc(len: number): Skb {
    const needed = len + HEADROOM;
    for (let i = 0; i < SIZES.length; i++)
      if (needed <= SIZES[i]!) return this.#free[i]!.pop() ?? new Skb(new Uint8Array(SIZES[i]!), this);
    return new Skb(new Uint8Array(needed), undefined);
  }

  /** A packet holding a copy of `from[at..end)`, its `data` at the first byte. */
  copyOf(from: Uint8Array, at = 0, end = from.length): Skb {
    const skb = this.alloc(end - at);
    skb.bytes.set(at === 0 && end === from.length ? from : from.subarray(at, end), skb.data);
    skb.tail = skb.data + (end - at);
    return skb;
  }

  release(skb: Skb): void {
    const size = SIZES.indexOf(skb.bytes.length);
    const list = this.#free[size];
    if (list === undefined || list.length >= KEEP[size]!) return;
    skb.data = HEADROOM;
    skb.tail = HEADROOM;
    skb.mac = -1;
    skb.network = -1;
    skb.transport = -1;
    skb.protocol = 0;
    skb.ipSummed = CHECKSUM_NONE;
    skb.gsoSize = 0;
    skb.encapsulation = false;
    skb.fragMaxSize = 0;
    skb.trace = 0;
    skb.late = 0;
    skb.scrub();
    list.push(skb);
  }
}
