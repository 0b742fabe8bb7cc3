// The daemon of the udp back end (flannel pkg/backend/udp/proxy_amd64.c): reads packets from the TUN and sends them, bare, to the
// daemon of the node that has the destination's subnet; writes what arrives back into the TUN. Every packet is copied twice between
// kernel and user space on each node, and loses one of its TTL in each daemon.

import type { TunFile } from '../../kernel/netdev/tun.ts';
import type { Kernel } from '../../kernel/netns/kernel.ts';
import type { Netns } from '../../kernel/netns/netns.ts';
import { ETH_P_IP } from '../../kernel/skb/skb.ts';
import type { DropReason } from '../../kernel/trace/drop-reason.ts';
import type { UdpSock } from '../../kernel/transport/udp.ts';
import { formatIpv4, formatPrefix, type Ipv4, inPrefix, type Prefix } from '../../kernel/wire/addr.ts';
import * as ip from '../../kernel/wire/ipv4.ts';
import type { Change } from '../change.ts';
import { netUnreachable } from './icmp.ts';

/** Packets per turn and direction, before others get theirs. */
const BUDGET = 64;

interface Peer {
  readonly subnet: Prefix;
  readonly nextHop: Ipv4;
  readonly port: number;
}

export interface ProxyOptions {
  readonly tun: TunFile;
  readonly sock: UdpSock;
  readonly ns: Netns;
  /** The TUN's own address: where its ICMP errors come from. */
  readonly tunAddr: Ipv4;
  /** Size of the read buffers: longer datagrams lose their end. */
  readonly mtu: number;
}

export class UdpProxy {
  readonly #options: ProxyOptions;
  readonly #kernel: Kernel;
  readonly #peers: Peer[] = [];
  #paused = false;
  #closed = false;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.#kernel = options.ns.kernel;
    options.tun.onReadable = () => this.#fromTun();
    options.sock.wake = () => this.#fromSocket();
  }

  /** set_route, del_route. */
  apply(change: Change): void {
    if (change.op !== 'peer' && change.op !== 'peer-del') throw new Error(`${change.op} is not the daemon's`);
    const at = this.#peers.findIndex(
      (p) => p.subnet.addr === change.subnet.addr && p.subnet.len === change.subnet.len,
    );
    if (at !== -1) this.#peers.splice(at, 1);
    if (change.op === 'peer')
      this.#peers.push({ subnet: change.subnet, nextHop: change.nextHop, port: change.port });
  }

  /** SIGSTOP: the queues fill behind its back. */
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#fromTun();
    this.#fromSocket();
  }
  stop(): void {
    this.#closed = true;
    this.#options.sock.close();
    this.#options.tun.close();
  }

  #fromTun(): void {
    const { tun, mtu } = this.#options;
    for (let i = 0; i < BUDGET; i++) {
      if (this.#paused || this.#closed) return;
      const packet = tun.read(mtu);
      if (packet === undefined) return;
      this.#out(packet.bytes, packet.trace);
    }
    this.#kernel.runQueue.push(() => this.#fromTun());
  }

  #out(bytes: Uint8Array, trace: number): void {
    if (bytes.length < ip.MIN_HLEN) {
      this.#drop(bytes, trace, 'PKT_TOO_SMALL', 'in flanneld');
      return;
    }
    const dst = ip.dst(bytes, 0);
    const peer = this.#find(dst);
    if (peer === undefined) {
      const { tun, tunAddr } = this.#options;
      const answer = netUnreachable(bytes, tunAddr);
      this.#drop(bytes, trace, 'DAEMON_NO_ROUTE', formatIpv4(dst));
      if (answer !== undefined) tun.write(answer, trace);
      return;
    }
    if (!this.#lowerTtl(bytes, trace)) return;
    const to = `${formatIpv4(peer.nextHop)}:${peer.port}`;
    if (trace !== 0)
      this.#trace(
        bytes,
        trace,
        `flanneld: ${formatIpv4(dst)} is in ${formatPrefix(peer.subnet)}, sent to ${to}`,
        {
          subnet: formatPrefix(peer.subnet),
          nextHop: formatIpv4(peer.nextHop),
          port: peer.port,
          ttl: ip.ttl(bytes, 0),
        },
      );
    const failed = this.#options.sock.send(bytes, peer.nextHop, peer.port, { trace });
    // An ICMP error about an earlier datagram is reported by this call instead of sending: upstream tries once more.
    if (failed === 'ECONNREFUSED' || failed === 'EHOSTUNREACH')
      this.#options.sock.send(bytes, peer.nextHop, peer.port, { trace });
    else if (failed !== undefined) this.#drop(bytes, trace, 'IP_OUTNOROUTES', `sendto ${to}: ${failed}`);
  }

  #fromSocket(): void {
    const { sock, mtu } = this.#options;
    for (let i = 0; i < BUDGET; i++) {
      if (this.#paused || this.#closed) return;
      const datagram = sock.recv();
      if (datagram === undefined) return;
      const data = datagram.data.length > mtu ? datagram.data.subarray(0, mtu) : datagram.data;
      this.#in(data, datagram.trace, datagram.src);
    }
    this.#kernel.runQueue.push(() => this.#fromSocket());
  }

  #in(bytes: Uint8Array, trace: number, from: Ipv4): void {
    if (bytes.length < ip.MIN_HLEN) {
      this.#drop(bytes, trace, 'PKT_TOO_SMALL', 'in flanneld');
      return;
    }
    if (!this.#lowerTtl(bytes, trace)) return;
    if (trace !== 0)
      this.#trace(bytes, trace, `flanneld: from ${formatIpv4(from)}, written into the TUN`, {
        from: formatIpv4(from),
        ttl: ip.ttl(bytes, 0),
      });
    try {
      this.#options.tun.write(bytes, trace);
    } catch {
      this.#drop(bytes, trace, 'MALFORMED', 'the TUN refuses it');
    }
  }

  /** find_route: one after the other, and what was found moves to the front. */
  #find(addr: Ipv4): Peer | undefined {
    const peers = this.#peers;
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[i]!;
      if (!inPrefix(addr, peer.subnet)) continue;
      if (i > 0) {
        peers[i] = peers[0]!;
        peers[0] = peer;
      }
      return peer;
    }
    return undefined;
  }

  /** decrement_ttl: a packet whose TTL runs out is gone without a word. */
  #lowerTtl(bytes: Uint8Array, trace: number): boolean {
    if (ip.ttl(bytes, 0) <= 1) {
      this.#drop(bytes, trace, 'DAEMON_TTL', 'in flanneld');
      return false;
    }
    ip.decTtl(bytes, 0);
    return true;
  }

  #skb(bytes: Uint8Array, trace: number) {
    const skb = this.#kernel.pool.copyOf(bytes);
    skb.network = skb.data;
    skb.protocol = ETH_P_IP;
    skb.trace = trace;
    return skb;
  }
  #drop(bytes: Uint8Array, trace: number, reason: DropReason, detail: string): void {
    this.#kernel.drop(this.#skb(bytes, trace), reason, this.#options.ns, detail);
  }
  #trace(bytes: Uint8Array, trace: number, text: string, facts: Record<string, string | number>): void {
    const skb = this.#skb(bytes, trace);
    this.#kernel.traceEvent(skb, this.#options.ns, 'daemon', text, facts);
    skb.free();
  }
}
