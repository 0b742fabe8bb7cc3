// What a node does to a pod's datagram for a Service, as one loop over typed arrays that knows this one path and nothing
// else: bridge, conntrack, DNAT, route, TTL, VXLAN. It is the measure of what the general kernel costs; what it sends is
// compared byte for byte with what the kernel sends (groups/datapath.ts).
//
// The tables are open-addressed with linear probing. Left out is everything a packet of this path does not meet: other
// protocols, fragments, expiry, rules (their verdict is in the connection), counters per rule, drops, traces.

const HEADROOM = 64;
const ETH = 14;
const OUTER = 50;

export interface Endpoint {
  /** 48 bits. */
  readonly mac: number;
  readonly addr: number;
}
export interface HandFusedOptions {
  /** Slots of the connection table: a power of two, at least twice the tuples. */
  readonly slots: number;
  /** The bridge's own MAC, which routed frames carry. */
  readonly bridgeMac: number;
  readonly tunnel: { readonly mac: number; readonly vni: number; readonly port: number };
  readonly remote: { readonly mac: number };
  readonly local: Endpoint;
  /** The peer node on the underlay. */
  readonly peer: Endpoint;
}

const hash = (a: number, b: number, c: number): number => {
  let h = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13) ^ c, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
const fold = (n: number): number => {
  n = (n & 0xffff) + (n >>> 16);
  return (n & 0xffff) + (n >>> 16);
};

export class HandFused {
  readonly #mask: number;
  /** Per slot: source, destination, ports, connection + 1. */
  readonly #keys: Int32Array;
  /** Per connection: address and port it is translated to. */
  readonly #nat: Int32Array;
  readonly #seen: Float64Array;
  readonly #packets: Uint32Array;
  readonly #bytes: Float64Array;
  #connections = 0;
  /** Per slot: MAC high, MAC low, port + 1. */
  readonly #fdb = new Int32Array(256 * 3);
  readonly #fdbSeen = new Float64Array(256);
  /** 16 + 16 bits: next hop by the upper half, or by the lower half in a second-level block. */
  readonly #routes = new Uint16Array(0x10000);
  readonly #blocks: Uint16Array[] = [];
  readonly #outer = new Uint8Array(OUTER);
  readonly #outerSum: number;
  readonly #bridgeHigh: number;
  readonly #bridgeLow: number;
  readonly #tunnelMac: Uint8Array;
  #id = 0;
  forwarded = 0;

  constructor(options: HandFusedOptions) {
    const { slots, tunnel, remote, local, peer } = options;
    this.#mask = slots - 1;
    this.#keys = new Int32Array(slots * 4);
    this.#nat = new Int32Array(slots);
    this.#seen = new Float64Array(slots >> 1);
    this.#packets = new Uint32Array(slots >> 1);
    this.#bytes = new Float64Array(slots >> 1);
    this.#bridgeHigh = Math.floor(options.bridgeMac / 0x10000) | 0;
    this.#bridgeLow = options.bridgeMac & 0xffff;
    const o = this.#outer;
    const view = new DataView(o.buffer);
    const mac = (at: number, value: number): void => {
      view.setUint16(at, Math.floor(value / 0x1_0000_0000));
      view.setUint32(at + 2, value >>> 0);
    };
    mac(0, peer.mac);
    mac(6, local.mac);
    view.setUint16(12, 0x0800);
    view.setUint16(14, 0x4500);
    view.setUint8(22, 64);
    view.setUint8(23, 17);
    view.setUint32(26, local.addr);
    view.setUint32(30, peer.addr);
    view.setUint16(36, tunnel.port);
    view.setUint32(42, 0x0800_0000);
    view.setUint32(46, tunnel.vni << 8);
    let sum = 0;
    for (let i = 14; i < 34; i += 2) sum += view.getUint16(i);
    this.#outerSum = sum;
    this.#tunnelMac = new Uint8Array(12);
    const inner = new DataView(this.#tunnelMac.buffer);
    inner.setUint16(0, Math.floor(remote.mac / 0x1_0000_0000));
    inner.setUint32(2, remote.mac >>> 0);
    inner.setUint16(6, Math.floor(tunnel.mac / 0x1_0000_0000));
    inner.setUint32(8, tunnel.mac >>> 0);
  }

  /** A prefix of 24 bits or fewer, to next hop `hop` (1 and up). */
  route(prefix: number, len: number, hop: number): void {
    const high = prefix >>> 16;
    if (len <= 16) {
      for (let i = 0; i < 1 << (16 - len); i++) this.#routes[high + i] = hop;
      return;
    }
    let block = this.#routes[high]! & 0x8000 ? this.#blocks[this.#routes[high]! & 0x7fff] : undefined;
    if (block === undefined) {
      block = new Uint16Array(0x10000).fill(this.#routes[high]!);
      this.#routes[high] = 0x8000 | this.#blocks.length;
      this.#blocks.push(block);
    }
    const low = prefix & 0xffff;
    block.fill(hop, low, low + (1 << (32 - len)));
  }

  /** A tracked connection and its reply's tuple. */
  connection(src: number, dst: number, ports: number, natDst: number, natPort: number): void {
    const at = this.#connections++;
    this.#nat[2 * at] = natDst;
    this.#nat[2 * at + 1] = natPort;
    this.#insert(src, dst, ports, at);
    this.#insert(natDst, src, (natPort << 16) | (ports >>> 16), at);
  }
  #insert(src: number, dst: number, ports: number, at: number): void {
    let slot = hash(src, dst, ports) & this.#mask;
    while (this.#keys[4 * slot + 3] !== 0) slot = (slot + 1) & this.#mask;
    this.#keys[4 * slot] = src;
    this.#keys[4 * slot + 1] = dst;
    this.#keys[4 * slot + 2] = ports;
    this.#keys[4 * slot + 3] = at + 1;
  }

  /**
   * The frame of `len` bytes at HEADROOM of `b`, its UDP checksum partial: what leaves by eth0 begins at the offset returned,
   * -1 when it is not for this path. `now` in milliseconds.
   */
  forward(b: Uint8Array, len: number, now: number): number {
    const e = HEADROOM;
    // Bridge: for us? And learn where the source is.
    const high = (b[e]! << 24) | (b[e + 1]! << 16) | (b[e + 2]! << 8) | b[e + 3]!;
    if (high !== this.#bridgeHigh || ((b[e + 4]! << 8) | b[e + 5]!) !== this.#bridgeLow) return -1;
    const fdb = this.#fdb;
    const srcHigh = (b[e + 6]! << 24) | (b[e + 7]! << 16) | (b[e + 8]! << 8) | b[e + 9]!;
    const srcLow = (b[e + 10]! << 8) | b[e + 11]!;
    let f = hash(srcHigh, srcLow, 0) & 255;
    while (fdb[3 * f + 2] !== 0 && (fdb[3 * f] !== srcHigh || fdb[3 * f + 1] !== srcLow)) f = (f + 1) & 255;
    fdb[3 * f] = srcHigh;
    fdb[3 * f + 1] = srcLow;
    fdb[3 * f + 2] = 1;
    this.#fdbSeen[f] = now;
    // IPv4: version, length, checksum.
    const n = e + ETH;
    if (b[n] !== 0x45 || b[n + 9] !== 17) return -1;
    const total = (b[n + 2]! << 8) | b[n + 3]!;
    if (total > len - ETH) return -1;
    let sum = 0;
    for (let i = n; i < n + 20; i += 2) sum += (b[i]! << 8) | b[i + 1]!;
    if (fold(sum) !== 0xffff) return -1;
    const src = (b[n + 12]! << 24) | (b[n + 13]! << 16) | (b[n + 14]! << 8) | b[n + 15]!;
    let dst = (b[n + 16]! << 24) | (b[n + 17]! << 16) | (b[n + 18]! << 8) | b[n + 19]!;
    // Conntrack.
    const t = n + 20;
    const ports = (b[t]! << 24) | (b[t + 1]! << 16) | (b[t + 2]! << 8) | b[t + 3]!;
    const keys = this.#keys;
    let slot = hash(src, dst, ports) & this.#mask;
    while (
      keys[4 * slot + 3] !== 0 &&
      (keys[4 * slot] !== src || keys[4 * slot + 1] !== dst || keys[4 * slot + 2] !== ports)
    )
      slot = (slot + 1) & this.#mask;
    const conn = keys[4 * slot + 3]! - 1;
    if (conn < 0) return -1;
    this.#seen[conn] = now + 30_000;
    this.#packets[conn] = this.#packets[conn]! + 1;
    this.#bytes[conn] = this.#bytes[conn]! + total;
    // DNAT: address and port; the partial checksum holds the pseudo-header's sum, so the port does not count.
    const to = this.#nat[2 * conn]!;
    const port = this.#nat[2 * conn + 1]!;
    const delta = (~dst >>> 16) + (~dst & 0xffff) + (to >>> 16) + (to & 0xffff);
    b[n + 16] = to >>> 24;
    b[n + 17] = to >>> 16;
    b[n + 18] = to >>> 8;
    b[n + 19] = to;
    b[t + 2] = port >>> 8;
    b[t + 3] = port;
    const partial = fold(((b[t + 6]! << 8) | b[t + 7]!) + delta);
    b[t + 6] = partial >>> 8;
    b[t + 7] = partial;
    dst = to;
    // Route.
    let hop = this.#routes[dst >>> 16]!;
    if ((hop & 0x8000) !== 0) hop = this.#blocks[hop & 0x7fff]![dst & 0xffff]!;
    if (hop === 0) return -1;
    // TTL, and both changes in the header's checksum.
    const ttl = b[n + 8]!;
    if (ttl <= 1) return -1;
    b[n + 8] = ttl - 1;
    const old = (b[n + 10]! << 8) | b[n + 11]!;
    const check = ~fold((~old & 0xffff) + delta + 0xfeff);
    b[n + 10] = check >>> 8;
    b[n + 11] = check;
    // VXLAN: inner Ethernet header, then 50 bytes in front from a template.
    const macs = this.#tunnelMac;
    for (let i = 0; i < 12; i++) b[e + i] = macs[i]!;
    const o = e - OUTER;
    const outer = this.#outer;
    for (let i = 0; i < OUTER; i++) b[o + i] = outer[i]!;
    const outerLen = total + ETH + 36;
    const id = (this.#id = (this.#id + 1) & 0xffff);
    b[o + 16] = outerLen >>> 8;
    b[o + 17] = outerLen;
    b[o + 18] = id >>> 8;
    b[o + 19] = id;
    const ipCheck = ~fold(this.#outerSum + outerLen + id);
    b[o + 24] = ipCheck >>> 8;
    b[o + 25] = ipCheck;
    const flow = hash(src, dst, ports);
    const sport = 32_768 + (flow % 28_232);
    const udpLen = outerLen - 20;
    b[o + 34] = sport >>> 8;
    b[o + 35] = sport;
    b[o + 38] = udpLen >>> 8;
    b[o + 39] = udpLen;
    // Local checksum offload: up to the inner transport header, and the complement of the inner partial sum.
    let s = 17 + udpLen + (~partial & 0xffff);
    for (let i = o + 26; i < t; i += 2) s += (b[i]! << 8) | b[i + 1]!;
    const udpCheck = ~fold(s) & 0xffff || 0xffff;
    b[o + 40] = udpCheck >>> 8;
    b[o + 41] = udpCheck;
    this.forwarded++;
    return o;
  }
}
