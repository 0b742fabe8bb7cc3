// What UDP, ping and raw sockets have in common: a queue of whole packets, a destination that connect(2) fixes, and
// the route look-up that sendmsg(2) does before it builds anything (net/ipv4/datagram.c, udp_sendmsg).
import type { OutputRoute } from '../netns/ipv4-ops.ts';
import type { Skb } from '../skb/skb.ts';
import { ANY, BROADCAST, type Ipv4, isMulticast } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';
import { type Datagram, DatagramQueue } from './datagram-queue.ts';
import { type Errno, icmpMeaning, isFragNeeded } from './errno.ts';
import { IP_PMTUDISC_DONT, Sock, type SockOption, WAKE_ERROR, WAKE_READ } from './sock.ts';

export interface SendOptions {
  /** Trace id for this packet alone. */
  readonly trace?: number | undefined;
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
}

export abstract class DatagramSock extends Sock {
  readonly queue = new DatagramQueue();
  readonly groups = new Set<Ipv4>();
  connected = false;
  multicastTtl = 1;

  /** bind(2). Port 0 picks one; for ping sockets the port is the ICMP id. */
  abstract bind(addr: Ipv4, port: number): Errno | undefined;

  /** sendmsg(2). `dst` undefined: the connected peer. The port means nothing to ping and raw sockets. */
  abstract sendTo(
    data: Uint8Array,
    dst: Ipv4 | undefined,
    dport: number | undefined,
    options?: SendOptions,
  ): Errno | undefined;

  /** Where user data begins in a received packet whose `data` is at the transport header. */
  protected abstract payload(skb: Skb): number;
  protected abstract sourcePort(skb: Skb): number;

  /** connect(2): fixes the peer and, when none is bound, the source address that the route chooses. */
  connect(addr: Ipv4, port: number): Errno | undefined {
    const route = this.kernel.ipv4.routeOutput(this.ns, addr, this.saddr, this.boundDev, this.tos);
    if (typeof route === 'string') return route;
    if (route.type === 'BROADCAST' && !this.broadcast) return 'EACCES';
    if (this.sport === 0) {
      const failed = this.bind(this.rcvSaddr, 0);
      if (failed !== undefined) return failed;
    }
    if (this.saddr === ANY) this.saddr = route.src;
    if (this.rcvSaddr === ANY) this.rcvSaddr = route.src;
    this.daddr = addr;
    this.dport = port;
    this.connected = true;
    return undefined;
  }

  /** The route for a send, or what sendmsg(2) fails with. */
  protected routeFor(dst: Ipv4, tos: number): OutputRoute | Errno {
    const route = this.kernel.ipv4.routeOutput(this.ns, dst, this.saddr, this.boundDev, tos);
    if (typeof route === 'string') return route;
    if ((route.type === 'BROADCAST' || dst === BROADCAST) && !this.broadcast) return 'EACCES';
    return route;
  }

  protected ttlFor(dst: Ipv4, ttl: number | undefined): number {
    if (ttl !== undefined) return ttl;
    return isMulticast(dst) ? this.multicastTtl : this.sendTtl;
  }

  /** sock_queue_rcv_skb. Takes the skb; a full buffer drops it and counts. */
  enqueue(skb: Skb): boolean {
    if (skb.trace !== 0)
      this.kernel.traceEvent(skb, this.ns, 'socket', `delivered to a ${this.proto} socket`, {
        socket: this.ino,
        owner: this.owner,
        bytes: skb.len,
        ttl: ip.ttl(skb.bytes, skb.network),
      });
    if (!this.queue.push(skb, this.rcvbuf)) {
      this.drops++;
      this.kernel.drop(skb, 'SOCKET_RCVBUFF', this.ns);
      return false;
    }
    this.signal(WAKE_READ);
    return true;
  }

  /** recvmsg(2): the next datagram, or undefined. */
  recv(): Datagram | undefined {
    const skb = this.queue.shift();
    if (skb === undefined) return undefined;
    const at = this.payload(skb);
    const data = Buffer.allocUnsafe(skb.tail - at);
    data.set(skb.bytes.subarray(at, skb.tail));
    const datagram: Datagram = {
      data,
      src: ip.src(skb.bytes, skb.network),
      sport: this.sourcePort(skb),
      dst: ip.dst(skb.bytes, skb.network),
      ttl: ip.ttl(skb.bytes, skb.network),
      tos: ip.tos(skb.bytes, skb.network),
      iif: skb.iif,
      trace: skb.trace,
    };
    skb.free();
    return datagram;
  }

  /** __udp4_lib_err, ping_err, raw_err: an ICMP error about a packet this socket sent; `skb.data` at the quoted header. */
  icmpError(skb: Skb, type: number, code: number, info: number): void {
    const meaning = icmpMeaning(type, code);
    if (meaning === undefined) return;
    const dst = ip.dst(skb.bytes, skb.data);
    let { hard } = meaning;
    if (isFragNeeded(type, code)) {
      this.kernel.ipv4.updatePmtu(this.ns, dst, info);
      if (this.pmtudisc === IP_PMTUDISC_DONT) return;
      hard = true;
    }
    if (this.recvErr) {
      const offender = ip.src(skb.bytes, skb.network);
      const dport = this.quotedPort(skb);
      this.queueError({ errno: meaning.errno, type, code, info, offender, dst, dport });
    } else if (!hard || !this.connected) return;
    this.err = meaning.errno;
    this.signal(WAKE_ERROR);
  }

  /** The destination port in the quote, 0 where there is none. */
  protected quotedPort(_skb: Skb): number {
    return 0;
  }

  override setOption(name: SockOption, value: number): Errno | undefined {
    switch (name) {
      case 'IP_MULTICAST_TTL':
        if (value < 0 || value > 255) return 'EINVAL';
        this.multicastTtl = value;
        return undefined;
      case 'IP_ADD_MEMBERSHIP':
        if (!isMulticast((value >>> 0) as Ipv4)) return 'EINVAL';
        this.groups.add((value >>> 0) as Ipv4);
        return undefined;
      case 'IP_DROP_MEMBERSHIP':
        return this.groups.delete((value >>> 0) as Ipv4) ? undefined : 'EADDRNOTAVAIL';
      default:
        return super.setOption(name, value);
    }
  }
}
