// What tests of this room are built from: a namespace with two devices and a stand-in for the IPv4 room, packets from a few
// words, and the hooks passed in the order in which the kernel passes them.
import { VirtualClock } from '../clock/virtual-clock.ts';
import { Dummy } from '../netdev/dummy.ts';
import type { NetDevice } from '../netns/device.ts';
import type { HookNum } from '../netns/hooks.ts';
import type { AddrType, Ipv4Ops } from '../netns/ipv4-ops.ts';
import { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { CHECKSUM_PARTIAL, ETH_P_IP, type Skb } from '../skb/skb.ts';
import type { TraceEvent } from '../trace/event.ts';
import { formatIpv4, type Ipv4, inPrefix, ipv4, isMulticast, prefix } from '../wire/addr.ts';
import { pseudoHeader } from '../wire/checksum.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import * as udp from '../wire/udp.ts';
import { type Conntrack, conntrack } from './conntrack/conntrack.ts';
import { iptables } from './iptables/iptables.ts';
import { iptablesRestore } from './iptables/restore.ts';

export const FLAG = { F: tcp.FIN, S: tcp.SYN, R: tcp.RST, P: tcp.PSH, '.': tcp.ACK } as const;

export interface PacketSpec {
  readonly seq?: number;
  readonly ack?: number;
  readonly win?: number;
  /** TCP flags as tcpdump writes them: "S", "S.", "F.", "R", "P.". */
  readonly flags?: string;
  readonly options?: Uint8Array;
  readonly data?: number;
  readonly ttl?: number;
  readonly id?: number;
  readonly df?: boolean;
  readonly partial?: boolean;
  readonly gso?: number;
  readonly mark?: number;
  readonly trace?: number;
}

const split = (end: string): [Ipv4, number] => {
  const [addr, port] = end.split(':');
  return [ipv4(addr!), Number(port ?? 0)];
};

export class NfLab {
  readonly clock = new VirtualClock();
  readonly kernel: Kernel;
  readonly ns: Netns;
  readonly eth0: NetDevice;
  readonly cni0: NetDevice;
  readonly ct: Conntrack;
  readonly log: string[] = [];
  readonly events: TraceEvent[] = [];
  /** ICMP errors asked for, as "3/1 to 10.0.0.1"; resets and other local packets as `show` prints them. */
  readonly sent: string[] = [];
  rerouted = 0;
  routable = true;

  constructor(seed = 1) {
    const line = (_fields: object, text: string): void => void this.log.push(text);
    this.kernel = new Kernel({ hostname: 'n1', clock: this.clock, seed, log: { info: line, warn: line } });
    this.kernel.tracer.sink = (event) => this.events.push(event);
    this.ns = this.kernel.host;
    this.eth0 = this.#device('eth0', '192.168.100.11/24');
    this.cni0 = this.#device('cni0', '10.244.1.1/24');
    this.kernel.ipv4 = this.#ipv4();
    this.ct = conntrack(this.ns);
  }

  #device(name: string, address: string): NetDevice {
    const dev = this.ns.register(new Dummy(this.kernel, { name }));
    const p = prefix(address);
    this.ns.addAddr(dev, {
      addr: p.addr,
      prefixLen: p.len,
      broadcast: undefined,
      scope: 'global',
      label: name,
    });
    this.ns.setUp(dev, true);
    return dev;
  }

  #ipv4(): Ipv4Ops {
    const ns = this.ns;
    const addrType = (_ns: Netns, addr: Ipv4): AddrType => {
      for (const dev of ns.devices.values()) if (dev.addrs.some((a) => a.addr === addr)) return 'LOCAL';
      if (addr >>> 24 === 127) return 'LOCAL';
      return isMulticast(addr) ? 'MULTICAST' : 'UNICAST';
    };
    const ops: Partial<Ipv4Ops> = {
      addrType,
      icmpSend: (skb, _ns, type, code) =>
        void this.sent.push(`${type}/${code} to ${formatIpv4(ip.src(skb.bytes, skb.network))}`),
      localOut: (skb) => {
        const out = this.#pass(skb, [
          [3, undefined, this.eth0],
          [4, undefined, this.eth0],
        ]);
        if (out !== undefined) {
          this.sent.push(show(out));
          out.free();
        }
        return out === undefined ? 'EPERM' : undefined;
      },
      selectAddr: (_ns, dev) => dev.addrs[0]?.addr,
      reroute: () => {
        this.rerouted++;
        return this.routable;
      },
      defrag: (skb) => skb,
      routeOutput: () => ({
        type: 'UNICAST',
        dev: this.eth0,
        src: this.eth0.addrs[0]!.addr,
        mtu: this.eth0.mtu,
        gateway: undefined,
      }),
    };
    return ops as Ipv4Ops;
  }

  rules(text: string, noflush = false): void {
    const result = iptablesRestore(this.ns, text, { noflush });
    if (result.code !== 0) throw new Error(result.stderr);
  }
  /** One command, which must succeed. */
  ipt(...argv: string[]): string {
    const result = iptables(this.ns, argv);
    if (result.code !== 0) throw new Error(result.stderr);
    return result.stdout;
  }

  /** A packet: `kind` tcp, udp, or an ICMP echo whose port is the id. */
  packet(kind: 'tcp' | 'udp' | 'echo' | 'reply', from: string, to: string, spec: PacketSpec = {}): Skb {
    const [src, sport] = split(from);
    const [dst, dport] = split(to);
    const payload = spec.data ?? 0;
    const options = spec.options ?? new Uint8Array(0);
    const hlen = kind === 'tcp' ? tcp.MIN_HLEN + options.length : 8;
    const len = ip.MIN_HLEN + hlen + payload;
    const skb = this.kernel.pool.alloc(len);
    const at = skb.put(len);
    const b = skb.bytes;
    b.fill(0, at, at + len);
    skb.network = at;
    skb.protocol = ETH_P_IP;
    skb.mark = spec.mark ?? 0;
    skb.trace = spec.trace ?? 0;
    const proto = kind === 'tcp' ? ip.PROTO_TCP : kind === 'udp' ? ip.PROTO_UDP : ip.PROTO_ICMP;
    const l4 = ip.put(b, at, {
      totalLen: len,
      proto,
      src,
      dst,
      ttl: spec.ttl ?? 64,
      id: spec.id ?? 1,
      df: spec.df ?? false,
    });
    skb.transport = l4;
    for (let i = 0; i < payload; i++) b[l4 + hlen + i] = (i * 7 + 3) & 255;
    if (kind === 'tcp') {
      let flags = 0;
      for (const c of spec.flags ?? '.') flags |= FLAG[c as keyof typeof FLAG];
      b.set(options, l4 + tcp.MIN_HLEN);
      tcp.put(b, l4, {
        srcPort: sport,
        dstPort: dport,
        seq: (spec.seq ?? 0) >>> 0,
        ack: (spec.ack ?? 0) >>> 0,
        flags,
        window: spec.win ?? 65_535,
        ...(options.length > 0 ? { dataOffset: hlen } : {}),
      });
      b.set(options, l4 + tcp.MIN_HLEN);
      tcp.setDataOffset(b, l4, hlen);
      if (spec.partial) tcp.setChecksum(b, l4, pseudoHeader(src, dst, proto, skb.tail - l4));
      else tcp.updateChecksum(b, l4, skb.tail, src, dst);
    } else if (kind === 'udp') {
      udp.put(b, l4, { srcPort: sport, dstPort: dport, length: 8 + payload });
      if (spec.partial) udp.setChecksum(b, l4, pseudoHeader(src, dst, proto, skb.tail - l4));
      else udp.updateChecksum(b, l4, skb.tail, src, dst);
    } else {
      const body = b.slice(l4 + 8, skb.tail);
      icmp.put(b, l4, {
        type: kind === 'echo' ? 'echo' : 'echo-reply',
        code: 0,
        id: sport || dport,
        seq: 1,
        body,
      });
    }
    if (spec.partial) skb.ipSummed = CHECKSUM_PARTIAL;
    if (spec.gso !== undefined) skb.gsoSize = spec.gso;
    return skb;
  }

  /** An ICMP error from `router`, quoting `offender` (from its IP header on, at most `quote` bytes behind it). */
  icmpError(router: string, type: number, code: number, offender: Skb, quote = 8): Skb {
    const b = offender.bytes;
    const at = offender.network;
    const end = Math.min(offender.tail, at + ip.ihl(b, at) + quote);
    const inner = b.slice(at, end);
    const len = ip.MIN_HLEN + icmp.HLEN + inner.length;
    const skb = this.kernel.pool.alloc(len);
    const start = skb.put(len);
    skb.network = start;
    skb.protocol = ETH_P_IP;
    const l4 = ip.put(skb.bytes, start, {
      totalLen: len,
      proto: ip.PROTO_ICMP,
      src: ipv4(router),
      dst: ip.src(b, at),
    });
    skb.transport = l4;
    skb.bytes.fill(0, l4, l4 + icmp.HLEN);
    icmp.setType(skb.bytes, l4, type);
    icmp.setCode(skb.bytes, l4, code);
    skb.bytes.set(inner, l4 + icmp.HLEN);
    icmp.updateChecksum(skb.bytes, l4, skb.tail);
    return skb;
  }

  /** In by one device and out by the other: PREROUTING, FORWARD, POSTROUTING. Undefined when it died on the way. */
  forward(skb: Skb, from: NetDevice = this.cni0, to: NetDevice = this.eth0): Skb | undefined {
    return this.#pass(skb, [
      [0, from, undefined],
      [2, from, to],
      [4, undefined, to],
    ]);
  }
  /** In by a device, then INPUT or FORWARD as the destination is after PREROUTING. Undefined: died, or is for this host. */
  route(skb: Skb, from: NetDevice, to: NetDevice): Skb | undefined {
    const now = this.#pass(skb, [[0, from, undefined]]);
    if (now === undefined) return undefined;
    if (this.kernel.ipv4.addrType(this.ns, ip.dst(now.bytes, now.network)) === 'LOCAL') {
      this.#pass(now, [[1, from, undefined]]);
      return undefined;
    }
    return this.#pass(now, [
      [2, from, to],
      [4, undefined, to],
    ]);
  }
  input(skb: Skb, from: NetDevice = this.eth0): Skb | undefined {
    return this.#pass(skb, [
      [0, from, undefined],
      [1, from, undefined],
    ]);
  }
  output(skb: Skb, to: NetDevice = this.eth0): Skb | undefined {
    return this.#pass(skb, [
      [3, undefined, to],
      [4, undefined, to],
    ]);
  }

  #pass(
    skb: Skb,
    hooks: readonly (readonly [HookNum, NetDevice | undefined, NetDevice | undefined])[],
  ): Skb | undefined {
    let now: Skb | undefined = skb;
    for (const [hook, into, out] of hooks) {
      now = this.ns.hooks.run(now, { hook, netns: this.ns, in: into, out });
      if (now === undefined) return undefined;
    }
    return now;
  }

  /** Forwards, and says what came out: "10.0.0.1:1 > 10.0.0.2:80", or "dropped". */
  through(skb: Skb, back = false): string {
    const out = back ? this.forward(skb, this.eth0, this.cni0) : this.forward(skb);
    if (out === undefined) return 'dropped';
    const text = show(out);
    out.free();
    return text;
  }

  /** Entries of the table as "proto orig / reply STATE". */
  entries(): string[] {
    return this.ct.list().map((c) => {
      const t = (x: typeof c.orig): string => {
        const port = c.proto === ip.PROTO_ICMP ? `:${x.id}` : `:${x.sport}`;
        const to = c.proto === ip.PROTO_ICMP ? '' : `:${x.dport}`;
        return `${formatIpv4(x.src)}${port} > ${formatIpv4(x.dst)}${to}`;
      };
      return `${t(c.orig)} / ${t(c.reply)}${c.state === undefined ? '' : ` ${c.state}`}`;
    });
  }

  drops(): string[] {
    return [...this.kernel.tracer.dropped].map(([reason, n]) => `${reason} ${n}`);
  }
}

/** "10.0.0.1:4000 > 10.0.0.2:80 [S]"; for echo the id stands where a port would. */
export function show(skb: Skb): string {
  const b = skb.bytes;
  const at = skb.network;
  const l4 = at + ip.ihl(b, at);
  const [src, dst] = [formatIpv4(ip.src(b, at)), formatIpv4(ip.dst(b, at))];
  switch (ip.proto(b, at)) {
    case ip.PROTO_TCP: {
      const flags = Object.entries(FLAG)
        .filter(([, bit]) => (tcp.flags(b, l4) & bit) !== 0)
        .map(([c]) => c)
        .join('');
      return `${src}:${tcp.srcPort(b, l4)} > ${dst}:${tcp.dstPort(b, l4)} [${flags}]`;
    }
    case ip.PROTO_UDP:
      return `${src}:${udp.srcPort(b, l4)} > ${dst}:${udp.dstPort(b, l4)}`;
    case ip.PROTO_ICMP: {
      const type = icmp.type(b, l4);
      if (type === icmp.ECHO || type === icmp.ECHO_REPLY)
        return `${src} > ${dst} ${type === icmp.ECHO ? 'echo' : 'reply'} id ${icmp.id(b, l4)}`;
      const inner = l4 + icmp.HLEN;
      const i4 = inner + ip.ihl(b, inner);
      const port = (o: number): string =>
        ip.proto(b, inner) === ip.PROTO_ICMP ? '' : `:${(b[o]! << 8) | b[o + 1]!}`;
      return `${src} > ${dst} icmp ${type}/${icmp.code(b, l4)} about ${formatIpv4(ip.src(b, inner))}${port(i4)} > ${formatIpv4(ip.dst(b, inner))}${port(i4 + 2)}`;
    }
    default:
      return `${src} > ${dst} protocol ${ip.proto(b, at)}`;
  }
}

/** Whether every checksum of the packet is right, those of a quoted packet aside. */
export function sound(skb: Skb): boolean {
  const b = skb.bytes;
  const at = skb.network;
  if (ip.check(b, at, skb.tail) !== undefined) return false;
  const l4 = at + ip.ihl(b, at);
  switch (ip.proto(b, at)) {
    case ip.PROTO_TCP:
      return tcp.checksumOk(b, l4, skb.tail, ip.src(b, at), ip.dst(b, at));
    case ip.PROTO_UDP:
      return udp.checksumOk(b, l4, ip.src(b, at), ip.dst(b, at));
    case ip.PROTO_ICMP:
      return icmp.checksumOk(b, l4, skb.tail);
    default:
      return true;
  }
}

export const inNet = (addr: string, net: string): boolean => inPrefix(ipv4(addr), prefix(net));
