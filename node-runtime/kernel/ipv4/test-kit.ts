// What tests of the IPv4 path are built from: small networks of namespaces, packets as one line, and their traces.
import { VirtualClock } from '../clock/virtual-clock.ts';
import { Loopback } from '../netdev/loopback.ts';
import { addVethPair } from '../netdev/veth.ts';
import type { NetDevice } from '../netns/device.ts';
import { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import type { Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { type Ipv4, ipv4, prefix } from '../wire/addr.ts';
import { describe } from '../wire/describe.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { installIpv4 } from './install.ts';

export class Lab {
  readonly clock = new VirtualClock();
  readonly kernel: Kernel;
  readonly events: TraceEvent[] = [];
  /** What protocols got: one line per packet, "ns: description". */
  readonly delivered: string[] = [];
  /** ICMP errors that reached a protocol: "ns: type/code info". */
  readonly errors: string[] = [];

  constructor() {
    this.kernel = new Kernel({ hostname: 'lab', clock: this.clock, seed: 1 });
    installIpv4(this.kernel);
    this.kernel.netnsInit.push((ns) => ns.register(new Loopback(this.kernel)));
    this.kernel.tracer.sink = (event) => this.events.push(event);
    this.kernel.pingRcv = (skb, ns) => this.#note(ns, skb);
    this.kernel.inetProtocols[ip.PROTO_UDP] = {
      handler: (skb, ns) => this.#note(ns, skb),
      error: (skb, ns, type, code, info) => this.#error(ns, skb, type, code, info),
    };
    this.kernel.inetProtocols[ip.PROTO_ICMP]!.error = (skb, ns, type, code, info) =>
      this.#error(ns, skb, type, code, info);
  }

  #note(ns: Netns, skb: Skb): void {
    this.delivered.push(`${ns.name}: ${describe(skb.bytes, skb.network, skb.tail, 'ipv4')}`);
    skb.free();
  }
  #error(ns: Netns, skb: Skb, type: number, code: number, info: number): void {
    const ttl = ip.ttl(skb.bytes, skb.data);
    this.errors.push(`${ns.name}: ${type}/${code} info ${info} quoted ttl ${ttl}`);
  }

  /** A namespace with loopback up. */
  netns(name: string): Netns {
    const ns = this.kernel.addNetns(name);
    ns.setUp(ns.device('lo')!, true);
    return ns;
  }

  /** A veth pair between two namespaces, each end up with its address ("10.0.0.1/24", or '' for none). */
  link(
    a: Netns,
    aName: string,
    aAddr: string,
    b: Netns,
    bName: string,
    bAddr: string,
  ): [NetDevice, NetDevice] {
    const [x, y] = addVethPair(a, { name: aName }, b, { name: bName });
    a.setUp(x, true);
    b.setUp(y, true);
    if (aAddr !== '') addAddr(x, aAddr);
    if (bAddr !== '') addAddr(y, bAddr);
    return [x, y];
  }

  /** Lets everything happen that needs no time, or `ms` of it. */
  run(ms = 0): void {
    const { runQueue } = this.kernel;
    const settle = () => {
      while (runQueue.pending > 0) runQueue.run();
    };
    settle();
    this.clock.advance(ms, settle);
  }

  /** Sends an echo request, or zeros of another protocol, `size` bytes in all, from a namespace's own stack. */
  send(ns: Netns, dst: string, options: SendOptions = {}): void {
    const { size = 84, ttl = 64, df = false, proto = ip.PROTO_ICMP, src, tos = 0, trace = 0 } = options;
    const skb = this.kernel.pool.alloc(size);
    const at = skb.put(size);
    skb.bytes.fill(0, at, at + size);
    const to = ipv4(dst);
    const route = this.kernel.ipv4.routeOutput(ns, to, src === undefined ? (0 as Ipv4) : ipv4(src), 0, 0);
    const from = src !== undefined ? ipv4(src) : typeof route === 'string' ? (0 as Ipv4) : route.src;
    ip.put(skb.bytes, at, { totalLen: size, ttl, df, proto, src: from, dst: to, tos });
    if (proto === ip.PROTO_ICMP) {
      icmp.put(skb.bytes, at + 20, {
        type: 'echo',
        code: 0,
        id: 1,
        seq: options.seq ?? 1,
        body: skb.bytes.slice(at + 28, at + size),
      });
    }
    skb.trace = trace;
    this.kernel.ipv4.localOut(skb, ns);
  }
}

export interface SendOptions {
  readonly size?: number;
  readonly ttl?: number;
  readonly df?: boolean;
  readonly proto?: number;
  readonly src?: string;
  readonly tos?: number;
  readonly trace?: number;
  readonly seq?: number;
}

export function addAddr(dev: NetDevice, text: string): void {
  const p = prefix(text);
  dev.ns.addAddr(dev, {
    addr: p.addr,
    prefixLen: p.len,
    broadcast: undefined,
    scope: 'global',
    label: dev.name,
  });
}

/** What a device carries, one line per frame, outgoing ones marked ">" and incoming ones "<". */
export function tap(dev: NetDevice): string[] {
  const lines: string[] = [];
  dev.taps.add((skb, _dev, outgoing) => {
    const start = skb.mac >= 0 ? skb.mac : skb.data;
    lines.push(
      `${outgoing ? '>' : '<'} ${describe(skb.bytes, start, skb.tail, dev.ethernet ? 'ether' : 'ipv4')}`,
    );
  });
  return lines;
}
