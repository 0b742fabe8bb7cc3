// What tests of sockets are built from: two hosts on one link, and a wire that can lose, delay and swap.
import { Lab as Ipv4Lab, type SendOptions } from '../ipv4/test-kit.ts';
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { gsoSegment } from '../skb/gso.ts';
import type { Skb } from '../skb/skb.ts';
import { type Ipv4, ipv4 } from '../wire/addr.ts';
import { describe } from '../wire/describe.ts';
import { installTransport } from './install.ts';
import { tcpAccept, tcpBind, tcpConnect, tcpListen, tcpRecv, tcpSend } from './tcp/tcp.ts';
import { TcpSock } from './tcp/tcp-sock.ts';

export type { SendOptions };

/** What happens to a packet on the wire: undefined loses it, a number delays it by so many milliseconds more. */
export type Fate = (skb: Skb, ordinal: number, from: NetDevice) => number | undefined;

export class Lab extends Ipv4Lab {
  readonly a: Netns;
  readonly b: Netns;
  readonly devA: NetDevice;
  readonly devB: NetDevice;
  readonly addrA = ipv4('10.0.0.1');
  readonly addrB = ipv4('10.0.0.2');

  constructor() {
    super();
    installTransport(this.kernel);
    this.a = this.netns('a');
    this.b = this.netns('b');
    const [x, y] = this.link(this.a, 'eth0', '10.0.0.1/24', this.b, 'eth0', '10.0.0.2/24');
    this.devA = x;
    this.devB = y;
  }

  /** Puts `delay` ms and `fate` between the device and its wire, where every frame is cut to the MTU. */
  impair(dev: NetDevice, delay: number, fate: Fate = () => 0): void {
    let ordinal = 0;
    const send = dev.startXmit.bind(dev);
    const one = (skb: Skb): void => {
      const more = skb.protocol === 0x0800 ? fate(skb, ordinal++, dev) : 0;
      if (more === undefined) this.kernel.drop(skb, 'NETEM_LOSS', dev);
      else if (delay + more === 0) send(skb);
      else this.clock.after(delay + more, () => send(skb));
    };
    dev.startXmit = (skb) => {
      if (skb.gsoSize === 0) {
        one(skb);
        return;
      }
      const segments = gsoSegment(skb, this.kernel.pool);
      skb.free();
      for (const segment of segments) one(segment);
    };
  }

  /** Sends `data` over a connection while the receiver reads; returns what it got and how long that took. */
  transfer(from: TcpSock, to: TcpSock, data: Uint8Array, limit: number): { got: Buffer; ms: number } {
    const chunks: Uint8Array[] = [];
    const start = this.clock.now();
    let sent = 0;
    let received = 0;
    const feed = (): void => {
      while (sent < data.length) {
        const n = tcpSend(from, data, sent);
        if (typeof n === 'string') throw new Error(n);
        if (n === 0) return;
        sent += n;
      }
    };
    from.wake = feed;
    to.wake = () => {
      for (let c = tcpRecv(to); c !== undefined; c = tcpRecv(to)) {
        chunks.push(c);
        received += c.length;
      }
    };
    feed();
    while (received < data.length && this.clock.now() - start < limit) this.run(10);
    return { got: Buffer.concat(chunks), ms: this.clock.now() - start };
  }

  /** A line per IP packet that leaves `dev`, without link addresses. */
  sniff(dev: NetDevice): string[] {
    const lines: string[] = [];
    dev.taps.add((skb, _dev, outgoing) => {
      if (outgoing && skb.protocol === 0x0800) lines.push(describe(skb.bytes, skb.network, skb.tail, 'ipv4'));
    });
    return lines;
  }

  listener(ns: Netns, port: number, backlog = 128, addr = 0 as Ipv4): TcpSock {
    const tp = new TcpSock(ns);
    expectOk(tcpBind(tp, addr, port));
    expectOk(tcpListen(tp, backlog));
    return tp;
  }

  /** Both ends of a connection from a to b, established. */
  connected(port = 80): [TcpSock, TcpSock] {
    const listener = this.listener(this.b, port);
    const client = new TcpSock(this.a);
    expectOk(tcpConnect(client, this.addrB, port));
    this.run(500);
    const server = tcpAccept(listener);
    if (server === undefined) throw new Error('nothing to accept');
    return [client, server];
  }
}

export function expectOk(errno: string | number | undefined): void {
  if (typeof errno === 'string') throw new Error(errno);
}
