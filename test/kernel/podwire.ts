// The emulated half of the lab: one kernel on a virtual clock, asked through its own sockets.

import { UdpProxy } from '../../node-runtime/flanneld/udp/proxy.ts';
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { VirtualClock } from '../../node-runtime/kernel/clock/virtual-clock.ts';
import type { Tun } from '../../node-runtime/kernel/netdev/tun.ts';
import { conntrack as conntrackTable } from '../../node-runtime/kernel/netfilter/conntrack/conntrack.ts';
import { procText } from '../../node-runtime/kernel/netfilter/conntrack/print.ts';
import type { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import { rtnetlink } from '../../node-runtime/kernel/rtnetlink/rtnetlink.ts';
import type { DatagramSock } from '../../node-runtime/kernel/transport/datagram-sock.ts';
import { IPPROTO_RAW, RawSock } from '../../node-runtime/kernel/transport/raw.ts';
import type { Sock } from '../../node-runtime/kernel/transport/sock.ts';
import { TCP_ESTABLISHED } from '../../node-runtime/kernel/transport/tcp/state.ts';
import {
  tcpAbort,
  tcpAccept,
  tcpBind,
  tcpConnect,
  tcpListen,
} from '../../node-runtime/kernel/transport/tcp/tcp.ts';
import { TcpSock } from '../../node-runtime/kernel/transport/tcp/tcp-sock.ts';
import { UdpSock } from '../../node-runtime/kernel/transport/udp.ts';
import { ANY, formatIpv4, ipv4, prefix } from '../../node-runtime/kernel/wire/addr.ts';
import * as icmp from '../../node-runtime/kernel/wire/icmp.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import { execute } from './ip-command.ts';
import type { Answer, ConnectAnswer, ConnectRequest, EchoRequest, Frame, World } from './world.ts';

const FLANNEL_PORT = 8285;

/** Milliseconds of virtual time between two looks at the sockets. */
const STEP = 5;

export class Podwire implements World {
  readonly kind = 'podwire';
  readonly clock = new VirtualClock();
  readonly kernel: Kernel;
  readonly #names = new Map<string, Netns>();
  #id = 0x4000;

  constructor() {
    this.kernel = createKernel({ hostname: 'lab', clock: this.clock, seed: 1 });
  }

  async addNetns(name: string): Promise<void> {
    this.#names.set(name, this.kernel.addNetns(name));
  }
  #ns(name: string): Netns {
    const ns = this.#names.get(name);
    if (ns === undefined) throw new Error(`no namespace ${name}`);
    return ns;
  }

  async sh(ns: string, command: string): Promise<void> {
    if (command.startsWith('flanneld-udp ')) {
      startFlanneld(this.#ns(ns), command.split(' ').slice(1));
      return;
    }
    execute(this.#ns(ns), command, (name) => this.#ns(name));
    this.#settle();
  }

  async echo(request: Omit<EchoRequest, 'op'>): Promise<{ errno?: string; answers: readonly Answer[] }> {
    const ns = this.#ns(request.ns);
    const proto = request.proto ?? ip.PROTO_ICMP;
    const id = ++this.#id & 0xffff;
    const listener = new RawSock(ns, ip.PROTO_ICMP);
    listener.rcvbuf = 1 << 21;
    const options = Buffer.from(request.options ?? '', 'hex');
    const sender = new RawSock(ns, options.length > 0 ? IPPROTO_RAW : proto);
    this.#tune(sender, request);
    sender.setOption('SO_BROADCAST', 1);
    if (request.src !== undefined) sender.bind(ipv4(request.src));
    const start = this.clock.now();
    const body = Uint8Array.from({ length: (request.size ?? 84) - 28 }, (_, i) => i & 0xff);
    const answers: Answer[] = [];
    try {
      for (let seq = 0; seq < (request.count ?? 1); seq++) {
        const message = new Uint8Array(8 + body.length);
        icmp.put(message, 0, { type: 'echo', code: 0, id, seq, body });
        const packet = options.length === 0 ? message : withHeader(message, proto, request, options);
        const errno = sender.send(packet, ipv4(request.dst));
        if (errno !== undefined) return { errno, answers: [] };
      }
      this.#settle();
      for (;;) {
        for (let got = listener.recv(); got !== undefined; got = listener.recv()) {
          const found = answerOf(got.data, id, proto, request.dst);
          if (found !== undefined) answers.push({ ...found, ms: this.clock.now() - start });
        }
        if (answers.length >= (request.answers ?? 1) || this.clock.now() - start >= request.timeout) break;
        this.clock.advance(STEP, () => this.#settle());
      }
      return { answers };
    } finally {
      listener.close();
      sender.close();
    }
  }

  async connect(request: ConnectRequest): Promise<ConnectAnswer> {
    return request.op === 'udp' ? this.#udp(request) : this.#tcp(request);
  }

  #udp(request: ConnectRequest): ConnectAnswer {
    const server = request.server === undefined ? undefined : new UdpSock(this.#ns(request.server));
    server?.bind(ANY, request.listen!);
    const client = new UdpSock(this.#ns(request.ns));
    this.#tune(client, request);
    const start = this.clock.now();
    const result: { -readonly [K in keyof ConnectAnswer]: ConnectAnswer[K] } = {};
    const failed =
      client.connect(ipv4(request.dst), request.port) ??
      client.send(new Uint8Array((request.size ?? 64) - 28));
    if (failed !== undefined) result.errno = failed;
    this.#settle();
    while (result.errno === undefined && result.reply === undefined) {
      const asked = server?.recv();
      if (asked !== undefined) {
        result.seen = { src: formatIpv4(asked.src), ttl: asked.ttl, len: asked.data.length + 28 };
        server!.send(new Uint8Array(2), asked.src, asked.sport);
        this.#settle();
      }
      const error = client.takeError();
      if (error !== undefined) {
        result.errno = error;
        result.ms = this.clock.now() - start;
      } else if (client.recv() !== undefined) result.reply = true;
      else if (this.clock.now() - start >= request.timeout) break;
      else this.clock.advance(STEP, () => this.#settle());
    }
    client.close();
    server?.close();
    return result;
  }

  #tcp(request: ConnectRequest): ConnectAnswer {
    const server = request.server === undefined ? undefined : new TcpSock(this.#ns(request.server));
    if (server !== undefined) {
      tcpBind(server, ANY, request.listen!);
      tcpListen(server, 8);
    }
    const client = new TcpSock(this.#ns(request.ns));
    const start = this.clock.now();
    const result: { -readonly [K in keyof ConnectAnswer]: ConnectAnswer[K] } = {};
    const failed = tcpConnect(client, ipv4(request.dst), request.port);
    if (failed !== undefined) result.errno = failed;
    this.#settle();
    while (result.errno === undefined && this.clock.now() - start < request.timeout) {
      const error = client.takeError();
      if (error !== undefined) {
        result.errno = error;
        result.ms = this.clock.now() - start;
      } else if (client.state === TCP_ESTABLISHED) {
        result.connected = true;
        break;
      } else this.clock.advance(STEP, () => this.#settle());
    }
    const peer = server === undefined ? undefined : tcpAccept(server);
    if (peer !== undefined) {
      result.seen = { src: formatIpv4(peer.daddr) };
      tcpAbort(peer);
    }
    client.close();
    server?.close();
    this.#settle();
    return result;
  }

  #tune(sock: DatagramSock | Sock, request: { df?: boolean; ttl?: number; tos?: number }): void {
    sock.setOption('IP_MTU_DISCOVER', request.df === true ? 2 : 0);
    if (request.ttl !== undefined) sock.setOption('IP_TTL', request.ttl);
    if (request.tos !== undefined) sock.setOption('IP_TOS', request.tos);
  }

  async capture(ns: string, dev: string, fn: () => Promise<void>): Promise<readonly Frame[]> {
    const device = this.#ns(ns).device(dev)!;
    const frames: Frame[] = [];
    const tap: Parameters<typeof device.taps.add>[0] = (skb, _dev, out) => {
      const start = skb.mac >= 0 ? skb.mac : skb.data;
      frames.push({ out, bytes: skb.bytes.slice(start, skb.tail) });
    };
    device.taps.add(tap);
    await fn();
    device.taps.delete(tap);
    return frames;
  }

  async raw(ns: string, packets: readonly string[]): Promise<{ errno?: string }> {
    const sender = new RawSock(this.#ns(ns), IPPROTO_RAW);
    sender.setOption('SO_BROADCAST', 1);
    try {
      for (const packet of packets) {
        const bytes = Buffer.from(packet, 'hex');
        const errno = sender.send(bytes, ip.dst(bytes, 0));
        if (errno !== undefined) return { errno };
      }
      this.#settle();
      return {};
    } finally {
      sender.close();
    }
  }

  async conntrack(ns: string): Promise<readonly string[]> {
    return conntrackTable(this.#ns(ns)).list().map(procText);
  }

  async wait(ms: number): Promise<void> {
    this.clock.advance(ms, () => this.#settle());
  }

  async stop(): Promise<void> {}

  #settle(): void {
    while (this.kernel.runQueue.pending > 0) this.kernel.runQueue.run();
  }
}

/** flanneld-udp DEV ADDRESS LISTEN MTU SUBNET=NEXTHOP…, as flannel_relay.py: our own daemon on a TUN of our own. */
function startFlanneld(ns: Netns, [dev, address, listen, mtu, ...peers]: string[]): void {
  const rtnl = rtnetlink(ns);
  const tun = rtnl.linkAdd({ type: 'tun', name: dev!, mtu: Number(mtu) }) as Tun;
  const file = tun.attach();
  rtnl.addrAdd(dev!, { addr: { addr: ipv4(address!), len: 32 } });
  rtnl.linkSet(dev!, { up: true });
  const sock = new UdpSock(ns);
  sock.bind(ipv4(listen!), FLANNEL_PORT);
  const proxy = new UdpProxy({ tun: file, sock, ns, tunAddr: ipv4(address!), mtu: Number(mtu) });
  for (const peer of peers) {
    const [subnet, nextHop] = peer.split('=');
    proxy.apply({ op: 'peer', subnet: prefix(subnet!), nextHop: ipv4(nextHop!), port: FLANNEL_PORT });
  }
}

/** A packet as IP_HDRINCL wants it: the kernel fills in source, identification and checksum. */
function withHeader(
  message: Uint8Array,
  proto: number,
  request: { readonly dst: string; readonly ttl?: number },
  options: Uint8Array,
): Uint8Array {
  const hlen = ip.MIN_HLEN + options.length;
  const packet = new Uint8Array(hlen + message.length);
  const dst = ipv4(request.dst);
  ip.put(packet, 0, { totalLen: packet.length, ttl: request.ttl ?? 64, proto, src: ANY, dst, options });
  packet.set(message, hlen);
  return packet;
}

/** The ICMP message in an IP packet, if it answers the probe: answer_of in agent.py. */
function answerOf(b: Uint8Array, id: number, proto: number, dst: string): Omit<Answer, 'ms'> | undefined {
  const at = ip.ihl(b, 0);
  const type = icmp.type(b, at);
  const found = {
    type,
    code: icmp.code(b, at),
    from: formatIpv4(ip.src(b, 0)),
    ttl: ip.ttl(b, 0),
    tos: ip.tos(b, 0),
    len: b.length,
    ...(at > ip.MIN_HLEN ? { options: Buffer.from(b.subarray(ip.MIN_HLEN, at)).toString('hex') } : {}),
    ...(type === icmp.PARAMETER_PROBLEM ? { pointer: icmp.pointer(b, at) } : {}),
  };
  if (type === icmp.ECHO_REPLY) return icmp.id(b, at) === id ? found : undefined;
  if (!icmp.isError(type)) return undefined;
  const quote = at + icmp.HLEN;
  if (ip.proto(b, quote) !== proto || formatIpv4(ip.dst(b, quote)) !== dst) return undefined;
  if (proto === ip.PROTO_ICMP && icmp.id(b, quote + ip.ihl(b, quote)) !== id) return undefined;
  return {
    ...found,
    quotedTtl: ip.ttl(b, quote),
    quotedSrc: formatIpv4(ip.src(b, quote)),
    quote: Buffer.from(b.subarray(quote)).toString('hex'),
    ...(type === icmp.DEST_UNREACH && found.code === icmp.FRAG_NEEDED ? { mtu: icmp.mtu(b, at) } : {}),
    ...(type === icmp.REDIRECT ? { gateway: formatIpv4(icmp.gateway(b, at)) } : {}),
  };
}
