// Raw IPv4 sockets: net/ipv4/raw.c. They are shown a copy of each packet of their protocol, IP header included, and
// send either a payload behind a header the kernel makes, or (IP_HDRINCL) the header themselves.
import type { Netns } from '../netns/netns.ts';
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import { put16, put32 } from '../wire/bytes.ts';
import * as ip from '../wire/ipv4.ts';
import { mayBindTo } from './bind-table.ts';
import { DatagramSock, type SendOptions } from './datagram-sock.ts';
import type { Errno } from './errno.ts';
import { IP_HLEN, localOut, pushIpHeader, wantsDf } from './ip-xmit.ts';
import { IP_PMTUDISC_DO, type SockOption } from './sock.ts';
import { nextInodeOf, sockNet } from './sock-net.ts';

/** IPPROTO_RAW: sends only, with IP_HDRINCL on from the start. */
export const IPPROTO_RAW = 255;

export class RawSock extends DatagramSock {
  readonly proto = 'raw';
  hdrincl: boolean;

  constructor(ns: Netns, protocol: number) {
    super(ns, nextInodeOf(ns));
    this.sport = protocol;
    this.hdrincl = protocol === IPPROTO_RAW;
    sockNet(ns).raw.add(this);
  }

  bind(addr: Ipv4): Errno | undefined {
    if (!mayBindTo(this.ns, addr)) return 'EADDRNOTAVAIL';
    this.rcvSaddr = addr;
    this.saddr = addr;
    return undefined;
  }

  /** sendmsg(2). With IP_HDRINCL `data` is a whole packet and `dst` only routes it. */
  send(data: Uint8Array, dst?: Ipv4, options?: SendOptions): Errno | undefined {
    const to = dst ?? this.daddr;
    if (dst === undefined && !this.connected) return 'EDESTADDRREQ';
    const pending = this.takeError();
    if (pending !== undefined) return pending;
    const tos = options?.tos ?? this.tos;
    const route = this.routeFor(to, tos);
    if (typeof route === 'string') return route;
    const total = data.length + (this.hdrincl ? 0 : IP_HLEN);
    if (total > 65_535) return 'EMSGSIZE';
    if ((this.hdrincl || this.pmtudisc >= IP_PMTUDISC_DO) && total > route.mtu) return 'EMSGSIZE';
    if (this.hdrincl) return this.#sendWhole(data, route.src, options?.trace ?? 0);
    const skb = this.kernel.pool.copyOf(data);
    const src = this.saddr !== ANY ? this.saddr : route.src;
    const df = wantsDf(this, total, route.mtu);
    pushIpHeader(skb, this.sport, src, to, this.ttlFor(to, options?.ttl), tos, df);
    return localOut(this, skb, options?.trace ?? 0);
  }

  /** raw_send_hdrinc: total length is always filled in, the source where it is 0, checksum and id further down. */
  #sendWhole(data: Uint8Array, src: Ipv4, trace: number): Errno | undefined {
    if (ip.checkHeader(data, 0, data.length) !== undefined) return 'EINVAL';
    const skb = this.kernel.pool.copyOf(data);
    const b = skb.bytes;
    skb.network = skb.data;
    skb.transport = skb.data + ip.ihl(b, skb.data);
    skb.protocol = ETH_P_IP;
    put16(b, skb.data + 2, skb.len);
    if (ip.src(b, skb.data) === ANY) put32(b, skb.data + 12, this.saddr !== ANY ? this.saddr : src);
    return localOut(this, skb, trace);
  }

  override setOption(name: SockOption, value: number): Errno | undefined {
    if (name !== 'IP_HDRINCL') return super.setOption(name, value);
    this.hdrincl = value !== 0;
    return undefined;
  }

  sendTo(data: Uint8Array, dst?: Ipv4, _port?: number, options?: SendOptions): Errno | undefined {
    return this.send(data, dst, options);
  }

  protected override payload(skb: Skb): number {
    return skb.data;
  }
  protected override sourcePort(): number {
    return 0;
  }

  /** raw_v4_match. */
  takes(protocol: number, src: Ipv4, dst: Ipv4, iif: number): boolean {
    return (
      this.sport === protocol &&
      (this.daddr === ANY || this.daddr === src) &&
      (this.rcvSaddr === ANY || this.rcvSaddr === dst) &&
      (this.boundDev === 0 || this.boundDev === iif)
    );
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    sockNet(this.ns).raw.delete(this);
    this.queue.clear();
    this.wake = undefined;
  }
}

/** raw_local_deliver: a copy for every socket that fits, each with `data` at the IP header. Leaves the skb alone. */
export function rawDeliver(skb: Skb, ns: Netns): boolean {
  const { raw } = sockNet(ns);
  if (raw.size === 0) return false;
  const b = skb.bytes;
  const protocol = ip.proto(b, skb.network);
  let taken = false;
  for (const sk of raw) {
    if (!sk.takes(protocol, ip.src(b, skb.network), ip.dst(b, skb.network), skb.iif)) continue;
    const copy = skb.clone();
    copy.data = copy.network;
    taken = true;
    sk.enqueue(copy);
  }
  return taken;
}

/** raw_icmp_error: `skb.data` is at the quoted IP header. */
export function rawErr(skb: Skb, ns: Netns, type: number, code: number, info: number): void {
  const b = skb.bytes;
  for (const sk of sockNet(ns).raw)
    if (sk.takes(ip.proto(b, skb.data), ip.dst(b, skb.data), ip.src(b, skb.data), skb.iif))
      sk.icmpError(skb, type, code, info);
}
