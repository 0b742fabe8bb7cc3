// ICMP datagram sockets: net/ipv4/ping.c. The port is the echo identifier; a program sends and receives whole ICMP
// messages, whose identifier and checksum the kernel fills in.
import type { Netns } from '../netns/netns.ts';
import type { Skb } from '../skb/skb.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { mayBindTo } from './bind-table.ts';
import { DatagramSock, type SendOptions } from './datagram-sock.ts';
import type { Errno } from './errno.ts';
import { IP_HLEN, localOut, pushIpHeader, wantsDf } from './ip-xmit.ts';
import { IP_PMTUDISC_DO } from './sock.ts';
import { nextInodeOf, sockNet } from './sock-net.ts';

export class PingSock extends DatagramSock {
  readonly proto = 'icmp';

  constructor(ns: Netns) {
    super(ns, nextInodeOf(ns));
  }

  bind(addr: Ipv4, id: number): Errno | undefined {
    if (this.sport !== 0) return 'EINVAL';
    if (!mayBindTo(this.ns, addr)) return 'EADDRNOTAVAIL';
    this.rcvSaddr = addr;
    this.saddr = addr;
    return sockNet(this.ns).ping.bind(this, id);
  }

  /** sendmsg(2): an echo request; `message` from the ICMP header on. Other types are refused as ping_common does. */
  send(message: Uint8Array, dst?: Ipv4, options?: SendOptions): Errno | undefined {
    const to = dst ?? this.daddr;
    if (dst === undefined && !this.connected) return 'EDESTADDRREQ';
    if (message.length < icmp.HLEN) return 'EINVAL';
    if (message[0] !== icmp.ECHO || message[1] !== 0) return 'EINVAL';
    const pending = this.takeError();
    if (pending !== undefined) return pending;
    const total = IP_HLEN + message.length;
    if (total > 65_535) return 'EMSGSIZE';
    if (this.sport === 0) {
      const failed = this.bind(ANY, 0);
      if (failed !== undefined) return failed;
    }
    const tos = options?.tos ?? this.tos;
    const route = this.routeFor(to, tos);
    if (typeof route === 'string') return route;
    if (this.pmtudisc >= IP_PMTUDISC_DO && total > route.mtu) return 'EMSGSIZE';
    const skb = this.kernel.pool.copyOf(message);
    icmp.setId(skb.bytes, skb.data, this.sport);
    icmp.updateChecksum(skb.bytes, skb.data, skb.tail);
    const src = this.saddr !== ANY ? this.saddr : route.src;
    const df = wantsDf(this, total, route.mtu);
    pushIpHeader(skb, ip.PROTO_ICMP, src, to, this.ttlFor(to, options?.ttl), tos, df);
    return localOut(this, skb, options?.trace ?? 0);
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
  /** The sequence number of the echo request quoted: what a program reads from the message on the error queue. */
  protected override quotedPort(skb: Skb): number {
    return icmp.seq(skb.bytes, skb.data + ip.ihl(skb.bytes, skb.data));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    sockNet(this.ns).ping.remove(this);
    this.queue.clear();
    this.wake = undefined;
  }
}

/** ping_lookup. */
function lookup(ns: Netns, dst: Ipv4, id: number, iif: number): PingSock | undefined {
  for (const sk of sockNet(ns).ping.on(id)) {
    if (sk.rcvSaddr !== ANY && sk.rcvSaddr !== dst) continue;
    if (sk.boundDev !== 0 && sk.boundDev !== iif) continue;
    return sk;
  }
  return undefined;
}

/** ping_rcv: an echo reply, `skb.data` at the ICMP header. Takes the skb. A reply nobody asked for is not an error. */
export function pingRcv(skb: Skb, ns: Netns): void {
  const sk = lookup(ns, ip.dst(skb.bytes, skb.network), icmp.id(skb.bytes, skb.data), skb.iif);
  if (sk !== undefined) sk.enqueue(skb);
  else ns.kernel.drop(skb, 'NO_SOCKET', ns, 'echo reply that nobody waits for');
}

/** ping_err: `skb.data` is at the quoted IP header. */
export function pingErr(skb: Skb, ns: Netns, type: number, code: number, info: number): void {
  const b = skb.bytes;
  const at = skb.data + ip.ihl(b, skb.data);
  if (at + icmp.HLEN > skb.tail || icmp.type(b, at) !== icmp.ECHO) return;
  lookup(ns, ip.src(b, skb.data), icmp.id(b, at), skb.iif)?.icmpError(skb, type, code, info);
}
