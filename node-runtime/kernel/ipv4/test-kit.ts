// What tests of the IPv4 path are built from: small networks of namespaces, packets as one line, and their traces.
import { VirtualClock } from '../clock/virtual-clock.ts';
import { Loopback } from '../netdev/loopback.ts';
import { addVethPair } from '../netdev/veth.ts';
import type { NetDevice } from '../netns/device.ts';
import { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import type { Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { formatIpv4, type Ipv4, ipv4, prefix } from '../wire/addr.ts';
import { describe } from '../wire/describe.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { installIpv4 } from './install.ts';
import { ipv4Net } from './net.ts';

export class Lab {
  readonly clock = new VirtualClock();
  readonly kernel: Kernel;
  readonly events: TraceEvent[] = [];
  /** What protocols got: one line per packet, "ns: description". */
  readonly delivered: string[] = [];
  /** ICMP errors that reached a protocol: "ns: type/code from address info N". */
  readonly errors: string[] = [];
  readonly quotedTtls: number[] = [];
  readonly errorSizes: number[] = [];

  constructor() {
    this.kernel = new Kernel({ hostname: 'lab', clock: this.clock, seed: 1 });
    installIpv4(this.kernel);
    this.kernel.netnsInit.push((ns) => ns.register(new Loopback(this.kernel)));
    this.kernel.tracer.sink = (event) => this.events.push(event);
    // A path MTU is learned by the socket that pinged: raw_err.
    this.kernel.rawError = (skb, ns, type, code, info) => {
      if (type === icmp.DEST_UNREACH && code === icmp.FRAG_NEEDED)
        this.kernel.ipv4.updatePmtu(ns, ip.dst(skb.bytes, skb.data), info);
    };
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
    const from = formatIpv4(ip.src(skb.bytes, skb.network));
    this.errors.push(`${ns.name}: ${type}/${code} from ${from}${info === 0 ? '' : ` info ${info}`}`);
    this.quotedTtls.push(ip.ttl(skb.bytes, skb.data));
    this.errorSizes.push(ip.totalLen(skb.bytes, skb.network));
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

  /** What a ping from `ns` gets: "TTL at the asker" or the error, or nothing within `ms`. */
  ping(ns: Netns, dst: string, options: SendOptions & { ms?: number } = {}): string {
    this.delivered.length = 0;
    this.errors.length = 0;
    this.send(ns, dst, options);
    this.run(options.ms ?? 0);
    const reply = this.delivered.find((line) => line.includes('echo reply'));
    if (reply !== undefined)
      return `reply ttl ${/ttl (\d+)/.exec(reply)![1]} from ${/\) ([\d.]+) >/.exec(reply)![1]}`;
    return this.errors[0]?.replace(/^[^:]*: /, '') ?? 'nothing';
  }

  /** The hops to `dst`: whose errors come back as the TTL grows, then whose answer. */
  traceroute(ns: Netns, dst: string): string[] {
    const hops: string[] = [];
    for (let ttl = 1; ttl < 10; ttl++) {
      const got = this.ping(ns, dst, { ttl });
      hops.push(/from ([\d.]+)/.exec(got)?.[1] ?? '*');
      if (got.startsWith('reply') || got === 'nothing') break;
      // The next probe is another minute: no limit on errors is under test here.
      this.run(60_000);
    }
    return hops;
  }

  /** An echo request as bytes. */
  packet(src: string, dst: string, ttl = 64): Uint8Array {
    const b = new Uint8Array(84);
    ip.put(b, 0, { totalLen: 84, ttl, proto: ip.PROTO_ICMP, src: ipv4(src), dst: ipv4(dst) });
    icmp.put(b, 20, { type: 'echo', code: 0, id: 7, seq: 1, body: new Uint8Array(56) });
    return b;
  }

  /** Puts a packet on the wire behind a device as it is, to the MAC that `ns` knows `to` by. */
  inject(ns: Netns, devName: string, bytes: Uint8Array, to: string): void {
    const dev = ns.device(devName)!;
    const neigh = ipv4Net(ns).neigh.lookup(dev, ipv4(to));
    const skb = this.kernel.pool.copyOf(bytes);
    skb.network = skb.data;
    dev.header(skb, neigh!.mac, dev.mac, 0x0800);
    dev.queueXmit(skb);
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

/** Drops since the kernel began, as "REASON: count". */
export const drops = (lab: Lab): string[] =>
  [...lab.kernel.tracer.dropped].map(([reason, n]) => `${reason}: ${n}`);

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
