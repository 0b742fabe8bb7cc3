// A node as the fuzzer sees it: one kernel with every kind of device, rules, sets, sockets and open connections, and a
// hand on each place where bytes come in.
import { createKernel } from '../../node-runtime/kernel/boot.ts';
import { VirtualClock } from '../../node-runtime/kernel/clock/virtual-clock.ts';
import { Nic } from '../../node-runtime/kernel/netdev/nic.ts';
import { Tun, type TunFile } from '../../node-runtime/kernel/netdev/tun.ts';
import { enableConntrack } from '../../node-runtime/kernel/netfilter/install.ts';
import { ipsets } from '../../node-runtime/kernel/netfilter/ipset/ipset.ts';
import { iptablesRestore } from '../../node-runtime/kernel/netfilter/iptables/restore.ts';
import type { NetDevice } from '../../node-runtime/kernel/netns/device.ts';
import type { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import type { Netns } from '../../node-runtime/kernel/netns/netns.ts';
import type { Skb } from '../../node-runtime/kernel/skb/skb.ts';
import { PingSock } from '../../node-runtime/kernel/transport/ping.ts';
import { RawSock } from '../../node-runtime/kernel/transport/raw.ts';
import {
  tcpAccept,
  tcpBind,
  tcpConnect,
  tcpListen,
  tcpRecv,
  tcpSend,
} from '../../node-runtime/kernel/transport/tcp/tcp.ts';
import { TcpSock } from '../../node-runtime/kernel/transport/tcp/tcp-sock.ts';
import { UdpSock } from '../../node-runtime/kernel/transport/udp.ts';
import { addGre } from '../../node-runtime/kernel/tunnel/gre.ts';
import { addIpip } from '../../node-runtime/kernel/tunnel/ipip.ts';
import { ANY, ipv4, type Mac, parseMac } from '../../node-runtime/kernel/wire/addr.ts';
import * as arp from '../../node-runtime/kernel/wire/arp.ts';
import { u16, u48 } from '../../node-runtime/kernel/wire/bytes.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import { execute } from '../kernel/ip-command.ts';
import { SkbAudit } from './skb-audit.ts';

export const NODE_MAC = parseMac('02:00:c0:a8:64:0b')!;
export const PEER_MAC = parseMac('02:00:c0:a8:64:0c')!;
export const VTEP_MAC = parseMac('02:00:00:00:02:00')!;
export const PEER = ipv4('192.168.100.12');
export const NODE = ipv4('192.168.100.11');

const NETWORK = `
sysctl -w net.ipv4.ip_forward=1
sysctl -w net.netfilter.nf_conntrack_max=4096
sysctl -w net.ipv4.ipfrag_high_thresh=262144
ip link set eth0 up; ip addr add 192.168.100.11/24 dev eth0; ip route add default via 192.168.100.1
ip link add cni0 type bridge; ip link set cni0 up; ip addr add 10.244.1.1/24 dev cni0
ip link add docker0 type bridge; ip link set docker0 up; ip addr add 172.17.0.1/16 dev docker0
ip link add flannel.1 type vxlan id 1 dev eth0 local 192.168.100.11 dstport 8472 nolearning
ip link set flannel.1 up; ip addr add 10.244.1.0/32 dev flannel.1
ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
ip neigh replace 10.244.2.0 lladdr 02:00:00:00:02:00 dev flannel.1 nud permanent
bridge fdb replace 02:00:00:00:02:00 dev flannel.1 dst 192.168.100.12
ip link add vxlan5 type vxlan id 5 dev eth0 local 192.168.100.11 dstport 4789
ip link set vxlan5 master cni0; ip link set vxlan5 up
`;

/** `name` with eth0 = `address`, plugged into `bridge`. */
const pod = (name: string, bridge: string, address: string, bits: number, gateway: string): string => `
ip link add v${name} type veth peer name eth0 netns ${name}
ip link set v${name} master ${bridge}; ip link set v${name} up
${name}: ip link set eth0 up; ip addr add ${address}/${bits} dev eth0; ip route add default via ${gateway}
`;

/** Every match and target there is, between packets that can reach them. */
export const RULES = `*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp --dport 8472 -j NOTRACK
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -m statistic --mode random --probability 0.1 -j MARK --set-xmark 0x1/0xff
-A PREROUTING -m mark --mark 0x1/0xff -j CONNMARK --save-mark
-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:SVC - [0:0]
:SEP-A - [0:0]
:SEP-B - [0:0]
-A PREROUTING -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j SVC
-A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -j SVC
-A PREROUTING -d 10.96.0.11/32 -m addrtype ! --src-type LOCAL -p tcp -j REDIRECT --to-ports 80
-A OUTPUT -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j SVC
-A PREROUTING -m addrtype --dst-type LOCAL -p tcp -m multiport --dports 30000:30010,8080 -j DNAT --to-destination 172.17.0.2:80
-A SVC -m recent --name SEP-A --rcheck --seconds 100 --reap -j SEP-A
-A SVC -m statistic --mode random --probability 0.5 -j SEP-A
-A SVC -j SEP-B
-A SEP-A -p tcp -m recent --name SEP-A --set -j DNAT --to-destination 10.244.1.2:80
-A SEP-A -p udp -j DNAT --to-destination 10.244.1.2:53
-A SEP-B -p tcp -j DNAT --to-destination 10.244.2.2:80-90
-A SEP-B -p udp -j DNAT --to-destination 10.244.1.3:53
-A POSTROUTING -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN
-A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE --random-fully
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 10.245.0.0/16 -p udp -j SNAT --to-source 192.168.100.11:4000-4003
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m conntrack --ctstate INVALID -m limit --limit 5/sec -j LOG --log-prefix "invalid: "
-A INPUT -m set --match-set bad src -j DROP
-A INPUT -p tcp -m tcp --dport 81 -j REJECT --reject-with tcp-reset
-A INPUT -p udp -m udp --dport 81 -j REJECT --reject-with icmp-host-prohibited
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -m set --match-set pairs dst,dst,src -j REJECT
-A FORWARD -m physdev --physdev-is-bridged -p icmp -m icmp --icmp-type 17 -j DROP
COMMIT
`;

/** Where bytes come in. */
export const ENTRANCES = ['eth0', 'a', 'b', 'd', 'tun'] as const;
export type Entrance = (typeof ENTRANCES)[number];

/** Frames remembered of those that passed somewhere, to be bent and sent again. */
const SEEN = 64;
/** Turns of the run queue, of 4096 jobs each, in which one input's consequences must be over. */
const SETTLE_TURNS = 64;
/** Timers that may fire in one stretch of time. */
const TIMERS = 5_000_000;

export class FrameWorld {
  readonly clock = new VirtualClock();
  readonly kernel: Kernel;
  readonly audit: SkbAudit;
  readonly host: Netns;
  readonly pods: Readonly<Record<'a' | 'b' | 'd', Netns>>;
  readonly tun: TunFile;
  readonly tcp: TcpSock[] = [];
  readonly udp: UdpSock[] = [];
  readonly listeners: TcpSock[] = [];
  /** What lately passed, whole frames (or packets of a TUN), oldest overwritten first. */
  readonly seen: Uint8Array[] = [];
  /** Frames that left by eth0, and what was wrong with those that were not sound. */
  left = 0;
  unsound: string | undefined;
  #seenAt = 0;
  #passed = 0;
  #receive: (skb: Skb) => void = () => {};

  constructor(seed: number) {
    const kernel = createKernel({ hostname: 'n1', clock: this.clock, seed });
    this.kernel = kernel;
    this.audit = new SkbAudit(kernel);
    this.host = kernel.host;
    const names = { a: kernel.addNetns('a'), b: kernel.addNetns('b'), d: kernel.addNetns('d') };
    this.pods = names;
    const cable = {
      plug: (_dev: NetDevice, receive: (skb: Skb) => void) => {
        this.#receive = receive;
      },
      send: (skb: Skb) => this.#out(skb),
      unplug: () => {},
    };
    const eth0 = this.host.register(new Nic(kernel, { name: 'eth0', mac: NODE_MAC, cable }));
    this.sh(NETWORK);
    this.sh(pod('a', 'cni0', '10.244.1.2', 24, '10.244.1.1'));
    this.sh(pod('b', 'cni0', '10.244.1.3', 24, '10.244.1.1'));
    this.sh(pod('d', 'docker0', '172.17.0.2', 16, '172.17.0.1'));
    this.tun = this.#openTun();
    for (const dev of [
      addGre(this.host, { name: 'gre1', local: NODE, remote: PEER, lower: eth0, key: 7, csum: true }),
      addIpip(this.host, { name: 'ipip1', local: NODE, remote: PEER, lower: eth0 }),
    ])
      this.host.setUp(dev, true);
    this.sh('ip route add 10.246.0.0/16 dev gre1; ip route add 10.247.0.0/16 dev ipip1');
    const sets = ipsets(this.host);
    sets.create('bad', 'hash:net').add('198.51.100.0/24');
    sets.create('pairs', 'hash:ip,port,ip').add('10.244.2.2,tcp:443,10.244.1.2');
    this.rules();
    enableConntrack(names.a);
    this.#sockets();
    for (const ns of kernel.namespaces.values()) for (const dev of ns.devices.values()) this.#watch(dev);
    this.run();
  }

  rules(): void {
    const { code, stderr } = iptablesRestore(this.host, RULES);
    if (code !== 0) throw new Error(stderr);
  }

  sh(text: string): void {
    for (const line of text.split('\n').filter((l) => l.trim() !== '')) {
      const [, where, commands] = /^(?:(\w+): )?(.*)$/.exec(line.trim())!;
      const ns = this.#ns(where ?? 'host');
      for (const command of commands!.split(';')) execute(ns, command.trim(), (name) => this.#ns(name));
    }
  }
  #ns(name: string): Netns {
    for (const ns of this.kernel.namespaces.values()) if (ns.name === name) return ns;
    throw new Error(`no namespace ${name}`);
  }

  #openTun(): TunFile {
    const tun = this.host.register(new Tun(this.kernel, { name: 'flannel0' }));
    this.host.setUp(tun, true);
    this.sh('ip addr add 10.245.1.0/16 dev flannel0');
    const file = tun.attach();
    file.onReadable = () => {
      for (let p = file.read(); p !== undefined; p = file.read()) this.#remember(p.bytes);
    };
    return file;
  }

  #sockets(): void {
    const { a, b, d } = this.pods;
    for (const [ns, port] of [
      [a, 80],
      [b, 80],
      [d, 80],
      [this.host, 80],
      [this.host, 81],
    ] as const) {
      const listener = new TcpSock(ns);
      tcpBind(listener, ANY, port);
      tcpListen(listener, 16);
      this.listeners.push(listener);
    }
    for (const ns of [a, b, d, this.host]) {
      const sk = new UdpSock(ns);
      sk.bind(ANY, 53);
      this.udp.push(sk);
    }
    this.udp.push(new RawSock(this.host, ip.PROTO_ICMP) as never);
    const ping = new PingSock(this.host);
    ping.bind(ANY, 7);
    this.udp.push(ping as never);
    this.open();
  }

  /** A connection between two of those that are here, or to somebody outside who may never answer. */
  open(n = 0): void {
    const { a, b, d } = this.pods;
    const plans = [
      [a, '10.244.1.3', 80],
      [b, '10.96.0.10', 80],
      [d, '10.244.1.2', 80],
      [this.host, '10.244.1.2', 80],
      [a, '192.168.100.12', 80],
      [a, '10.244.2.2', 443],
      [d, '192.168.100.11', 80],
      [b, '10.246.0.9', 80],
    ] as const;
    const [ns, to, port] = plans[n % plans.length]!;
    const sk = new TcpSock(ns);
    if (tcpConnect(sk, ipv4(to), port) === undefined) this.tcp.push(sk);
    else sk.close();
  }

  /** What programs do: take what came, answer some, close what is old. */
  programs(n: number): void {
    for (const listener of this.listeners)
      for (let c = tcpAccept(listener); c !== undefined; c = tcpAccept(listener)) this.tcp.push(c);
    for (const sk of this.udp) for (let i = 0; i < 64 && sk.recv() !== undefined; i++);
    for (let i = 0; i < this.tcp.length; i++) {
      const sk = this.tcp[i]!;
      if ((i + n) % 3 !== 0) while (tcpRecv(sk) !== undefined);
      if ((i + n) % 4 === 0) tcpSend(sk, new Uint8Array(((n * 37) % 4000) + 1));
    }
    while (this.tcp.length > 24) this.tcp.shift()!.close();
    const to = this.tcp.length === 0 ? 'host' : 'other';
    if (to === 'host' || n % 3 === 0) this.open(n);
    const [first] = this.udp;
    if (n % 5 === 0) first!.send(new Uint8Array(n % 3000), ipv4('10.96.0.10'), 53);
  }

  /** Puts a frame, or on the TUN a packet, on its way in. */
  inject(at: Entrance, bytes: Uint8Array, offload = 0): void {
    if (at === 'tun') {
      try {
        this.tun.write(bytes);
      } catch {
        this.refused++;
      }
      return;
    }
    const skb = this.kernel.pool.copyOf(bytes);
    if (at === 'eth0') {
      // What a batch's header may claim of a frame: eachFrame in underlay/batch.ts.
      skb.ipSummed = offload & 3;
      skb.encapsulation = (offload & 4) !== 0;
      skb.gsoSize = offload >>> 3;
      this.#receive(skb);
      return;
    }
    // As a packet socket in the pod sends it: bytes as they are.
    skb.mac = skb.data;
    skb.network = skb.data + 14;
    skb.protocol = u16(skb.bytes, skb.data + 12);
    this.pods[at].device('eth0')!.queueXmit(skb);
  }
  /** Packets that write(2) on the TUN answered with an error. */
  refused = 0;

  run(ms = 0): void {
    const { runQueue } = this.kernel;
    const settle = (): void => {
      for (let turns = 0; runQueue.pending > 0; turns++) {
        if (turns > SETTLE_TURNS) throw new Error('the run queue does not run dry');
        runQueue.run();
      }
    };
    settle();
    if (ms <= 0) return;
    let fired = 0;
    this.clock.advance(ms, () => {
      if (++fired > TIMERS) throw new Error(`timers do not come to an end before ${this.clock.now()} ms`);
      settle();
    });
  }

  #watch(dev: NetDevice): void {
    dev.taps.add((skb) => {
      if ((this.#passed++ & 3) === 0 && dev.ethernet && skb.mac >= 0 && skb.mac <= skb.data)
        this.#remember(skb.bytes.slice(skb.mac, Math.min(skb.tail, skb.mac + 1600)));
    });
  }
  #remember(bytes: Uint8Array): void {
    this.seen[this.#seenAt++ % SEEN] = bytes;
  }

  /** What leaves by eth0 must be sound whatever came in; and somebody out there answers ARP. */
  #out(skb: Skb): void {
    this.left++;
    const b = skb.bytes;
    const at = skb.data;
    const type = u16(b, at + 12);
    const wrong =
      type === 0x0800
        ? ip.check(b, at + 14, skb.tail)
        : type === 0x0806
          ? arp.check(b, at + 14, skb.tail)
          : `EtherType ${type}`;
    if (wrong !== undefined)
      this.unsound ??= `${wrong}: ${Buffer.from(b.subarray(at, skb.tail)).toString('hex').slice(0, 400)}`;
    if (type === 0x0806 && arp.op(b, at + 14) === arp.REQUEST) {
      const target = arp.tpa(b, at + 14);
      if ((target & 0xff) !== 99) this.kernel.runQueue.push(() => this.inject('eth0', answerTo(b.slice(at))));
    }
    this.audit.take(skb);
  }

  /** Ends everything that has a life of its own, and lets all timers run out. */
  wind(): void {
    for (const sk of [...this.tcp, ...this.udp, ...this.listeners]) sk.close();
    this.tcp.length = this.udp.length = this.listeners.length = 0;
    this.run(6 * 86_400_000);
  }

  stop(): void {
    this.audit.stop();
  }
}

function answerTo(request: Uint8Array): Uint8Array {
  const frame = new Uint8Array(42);
  frame.set(request.subarray(6, 12), 0);
  const sha = u48(request, 6) as Mac;
  const mac = (0x0200c0a86400 + (request[14 + 27]! & 255)) as Mac;
  for (let i = 0; i < 6; i++) frame[6 + i] = Math.floor(mac / 2 ** (8 * (5 - i))) & 255;
  frame[12] = 8;
  frame[13] = 6;
  const at = 14;
  arp.put(frame, at, {
    op: arp.REPLY,
    sha: mac,
    spa: arp.tpa(request, at),
    tha: sha,
    tpa: arp.spa(request, at),
  });
  return frame;
}
