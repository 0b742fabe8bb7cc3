// UDP: net/ipv4/udp.c, RFC 768. Sockets are found as udp4_lib_lookup finds them, by score.
import { mix32 } from '../netns/dice.ts';
import type { Netns } from '../netns/netns.ts';
import { udpEncap } from '../netns/udp-encap.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, CHECKSUM_UNNECESSARY, type Skb } from '../skb/skb.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import { put16, u16 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { mayBindTo } from './bind-table.ts';
import { DatagramSock, type SendOptions } from './datagram-sock.ts';
import type { Errno } from './errno.ts';
import { IP_HLEN, localOut, pushIpHeader, wantsDf } from './ip-xmit.ts';
import { IP_PMTUDISC_DO } from './sock.ts';
import { nextInodeOf, sockNet } from './sock-net.ts';

const MAX_PAYLOAD = 65_535 - IP_HLEN - udp.HLEN;

export class UdpSock extends DatagramSock {
  readonly proto = 'udp';

  constructor(ns: Netns) {
    super(ns, nextInodeOf(ns));
  }

  bind(addr: Ipv4, port: number): Errno | undefined {
    if (this.sport !== 0) return 'EINVAL';
    if (!mayBindTo(this.ns, addr)) return 'EADDRNOTAVAIL';
    if (udpEncap(this.ns).has(port)) return 'EADDRINUSE';
    this.rcvSaddr = addr;
    const failed = sockNet(this.ns).udp.bind(this, port);
    if (failed !== undefined) {
      this.rcvSaddr = ANY;
      return failed;
    }
    // A socket bound to a group or a broadcast address hears them and sends from an address of its own.
    this.saddr = this.ns.kernel.ipv4.addrType(this.ns, addr) === 'LOCAL' ? addr : ANY;
    return undefined;
  }

  /** sendmsg(2). `dst` undefined: the connected peer. Returns why not, or undefined when the packet is on its way. */
  send(data: Uint8Array, dst?: Ipv4, dport?: number, options?: SendOptions): Errno | undefined {
    const to = dst ?? this.daddr;
    const port = dport ?? this.dport;
    if (dst === undefined && !this.connected) return 'EDESTADDRREQ';
    if (port === 0) return 'EINVAL';
    const pending = this.takeError();
    if (pending !== undefined) return pending;
    if (data.length > MAX_PAYLOAD) return 'EMSGSIZE';
    if (this.sport === 0) {
      const failed = this.bind(ANY, 0);
      if (failed !== undefined) return failed;
    }
    const tos = options?.tos ?? this.tos;
    const route = this.routeFor(to, tos);
    if (typeof route === 'string') return route;
    const total = IP_HLEN + udp.HLEN + data.length;
    // Only IP_PMTUDISC_DO and PROBE refuse; WANT, the default, cuts what is too large and leaves DF off it.
    if (this.pmtudisc >= IP_PMTUDISC_DO && total > route.mtu) {
      this.err = undefined;
      return 'EMSGSIZE';
    }
    const src = this.saddr !== ANY ? this.saddr : route.src;
    const skb = this.kernel.pool.alloc(udp.HLEN + data.length);
    const at = skb.put(udp.HLEN + data.length);
    const b = skb.bytes;
    put16(b, at, this.sport);
    put16(b, at + 2, port);
    put16(b, at + 4, udp.HLEN + data.length);
    const pseudo = checksum.pseudoHeader(src, to, ip.PROTO_UDP, udp.HLEN + data.length);
    put16(b, at + 6, pseudo);
    b.set(data, at + udp.HLEN);
    if (total > route.mtu) {
      // A fragment cannot have its checksum completed later: udp_send_skb does it here.
      put16(b, at + 6, checksum.checksum(b, at, skb.tail) || 0xffff);
    } else skb.ipSummed = CHECKSUM_PARTIAL;
    const df = wantsDf(this, total, route.mtu);
    pushIpHeader(
      skb,
      ip.PROTO_UDP,
      src,
      to,
      this.ttlFor(to, options?.ttl),
      tos,
      df,
      this.connected ? this.takeIpId(1) : 0,
    );
    sockNet(this.ns).udpMib.outDatagrams++;
    return localOut(this, skb, options?.trace ?? 0);
  }

  sendTo(data: Uint8Array, dst?: Ipv4, dport?: number, options?: SendOptions): Errno | undefined {
    return this.send(data, dst, dport, options);
  }

  protected override payload(skb: Skb): number {
    return skb.data + udp.HLEN;
  }
  protected override sourcePort(skb: Skb): number {
    return u16(skb.bytes, skb.data);
  }
  protected override quotedPort(skb: Skb): number {
    return u16(skb.bytes, skb.data + ip.ihl(skb.bytes, skb.data) + 2);
  }

  /** connect(2) with AF_UNSPEC: udp_disconnect. */
  disconnect(): void {
    this.connected = false;
    this.daddr = ANY;
    this.dport = 0;
    this.err = undefined;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    sockNet(this.ns).udp.remove(this);
    this.queue.clear();
    this.wake = undefined;
  }
}

/** compute_score: how well a socket fits, or -1. */
function score(sk: UdpSock, src: Ipv4, sport: number, dst: Ipv4, iif: number): number {
  let points = 1;
  if (sk.rcvSaddr !== ANY) {
    if (sk.rcvSaddr !== dst) return -1;
    points += 8; // the address-hashed table is searched before the wildcard one
  }
  if (sk.connected) {
    if (sk.daddr !== src || sk.dport !== sport) return -1;
    points += 8;
  }
  if (sk.boundDev !== 0) {
    if (sk.boundDev !== iif) return -1;
    points += 4;
  }
  return points;
}

/** __udp4_lib_lookup. Among equals the last bound wins, but an SO_REUSEPORT group shares the flows out by hash. */
function udpLookup(
  ns: Netns,
  src: Ipv4,
  sport: number,
  dst: Ipv4,
  dport: number,
  iif: number,
): UdpSock | undefined {
  let best: UdpSock | undefined;
  let bestScore = 0;
  let equals = 0;
  for (const sk of sockNet(ns).udp.on(dport)) {
    const points = score(sk, src, sport, dst, iif);
    if (points < 0 || points < bestScore) continue;
    if (points > bestScore) equals = 0;
    equals++;
    bestScore = points;
    if (equals === 1 || !sk.reusePort) best = sk;
    else if (mix32((mix32(src ^ mix32(sport)) ^ dport) >>> 0) % equals === 0) best = sk;
  }
  return best;
}

/** udp_rcv: `skb.data` is at the UDP header. */
export function udpRcv(skb: Skb, ns: Netns): void {
  const b = skb.bytes;
  const at = skb.data;
  const { kernel } = ns;
  const mib = sockNet(ns).udpMib;
  const src = ip.src(b, skb.network);
  const dst = ip.dst(b, skb.network);
  const why = udp.check(b, at, skb.tail);
  if (why !== undefined) {
    mib.inErrors++;
    kernel.drop(skb, 'PKT_TOO_SMALL', ns, why);
    return;
  }
  skb.trim(udp.length(b, at)); // Ethernet padding
  if (!summed(skb, src, dst)) {
    mib.inCsumErrors++;
    mib.inErrors++;
    kernel.drop(skb, 'UDP_CSUM', ns);
    return;
  }
  const sport = udp.srcPort(b, at);
  const dport = udp.dstPort(b, at);
  const encap = udpEncap(ns).get(dport);
  if (encap !== undefined) {
    skb.transport = at;
    encap(skb, ns);
    return;
  }
  if (skb.pktType !== 0 && deliverToAll(skb, ns, src, sport, dst, dport)) return;
  const sk = udpLookup(ns, src, sport, dst, dport, skb.iif);
  if (sk !== undefined) {
    mib.inDatagrams++;
    if (!sk.enqueue(skb)) {
      mib.rcvbufErrors++;
      mib.inErrors++;
    }
    return;
  }
  mib.noPorts++;
  kernel.ipv4.icmpSend(skb, ns, 3, 3);
  kernel.drop(skb, 'NO_SOCKET', ns, `udp port ${dport}`);
}

function summed(skb: Skb, src: Ipv4, dst: Ipv4): boolean {
  if (skb.ipSummed !== CHECKSUM_NONE || u16(skb.bytes, skb.data + 6) === 0) return true;
  const pseudo = checksum.pseudoHeader(src, dst, ip.PROTO_UDP, skb.len);
  if (!checksum.verify(skb.bytes, skb.data, skb.tail, pseudo)) return false;
  skb.ipSummed = CHECKSUM_UNNECESSARY;
  return true;
}

/** __udp4_lib_mcast_deliver: broadcast and multicast go to every socket that fits. False: it was neither. */
function deliverToAll(skb: Skb, ns: Netns, src: Ipv4, sport: number, dst: Ipv4, dport: number): boolean {
  const type = ns.kernel.ipv4.addrType(ns, dst);
  if (type !== 'BROADCAST' && type !== 'MULTICAST') return false;
  let taken = 0;
  for (const sk of sockNet(ns).udp.on(dport)) {
    if (score(sk, src, sport, dst, skb.iif) < 0) continue;
    if (type === 'MULTICAST' && !sk.groups.has(dst)) continue;
    if (sk.enqueue(skb.clone())) taken++;
  }
  if (taken > 0) {
    sockNet(ns).udpMib.inDatagrams++;
    skb.free();
  } else ns.kernel.drop(skb, 'NO_SOCKET', ns, `udp port ${dport}`);
  return true;
}

/** udp_err: `skb.data` is at the quoted IP header. */
export function udpErr(skb: Skb, ns: Netns, type: number, code: number, info: number): void {
  const b = skb.bytes;
  const at = skb.data + ip.ihl(b, skb.data);
  if (at + 8 > skb.tail) return;
  const sk = udpLookup(ns, ip.dst(b, skb.data), u16(b, at + 2), ip.src(b, skb.data), u16(b, at), skb.iif);
  sk?.icmpError(skb, type, code, info);
}
