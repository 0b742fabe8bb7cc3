// A VXLAN device such as flannel.1: drivers/net/vxlan/vxlan_core.c, RFC 7348. Frames sent by it travel as UDP datagrams
// between tunnel endpoints; its forwarding database says which endpoint a MAC address is behind.
//
// Left out: multicast groups, IPv6 outside, metadata mode (one device for all VNIs), the ARP proxy and the notices to user
// space about unknown addresses (l2miss, l3miss), which flannel gave up long ago.
import { ETH_HLEN, NetDevice } from '../netns/device.ts';
import type { SockInfo } from '../netns/ipv4-ops.ts';
import type { Kernel } from '../netns/kernel.ts';
import { type Netns, NetnsError } from '../netns/netns.ts';
import { gsoNetworkLen, gsoSegment } from '../skb/gso.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, ETH_P_IP, type Skb } from '../skb/skb.ts';
import { ANY, mac as asMac, formatIpv4, formatMac, type Ipv4, MAC_ZERO, type Mac } from '../wire/addr.ts';
import { u48 } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';
import { decapsulateEcn, encapsulateTos } from './ecn.ts';
import { flowHash, flowPort } from './flow-hash.ts';
import { pushUdp, sendOuter } from './outer.ts';
import { type Remote, VxlanFdb } from './vxlan-fdb.ts';
import { closeVxlanPort, openVxlanPort } from './vxlan-port.ts';

/** Outer IPv4, UDP and VXLAN headers and the inner Ethernet header. */
export const VXLAN_HEADROOM = ip.MIN_HLEN + udp.HLEN + vxlan.HLEN + ETH_HLEN;
const MAX_IP = 65_535;
const TOS_INHERIT = 1;

export interface VxlanOptions {
  readonly name: string;
  readonly vni: number;
  /** Source address of the outer header; without it the route's. */
  readonly local?: Ipv4;
  /** The device that tunnel packets leave by; it bounds the MTU. */
  readonly lower?: NetDevice;
  /** 8472 when not given, as Linux has it. */
  readonly dstPort?: number;
  /** Default remote, put into the table under the all-zero address. */
  readonly remote?: Ipv4;
  readonly mac?: Mac;
  readonly mtu?: number;
  /** Learn remotes from what is received; flannel turns it off. */
  readonly learning?: boolean;
  /** Milliseconds that learned entries live. */
  readonly ageing?: number;
  /** 0: the namespace's default. */
  readonly ttl?: number;
  /** 1: the inner packet's. */
  readonly tos?: number;
  readonly df?: 'unset' | 'set' | 'inherit';
  /** Range of outer source ports, [min, max). Default: net.ipv4.ip_local_port_range. */
  readonly srcPorts?: readonly [number, number];
  /** Sends the outer UDP checksum as 0: `noudpcsum`. */
  readonly udpZeroChecksum?: boolean;
}

export class Vxlan extends NetDevice {
  readonly options: VxlanOptions;
  readonly vni: number;
  readonly dstPort: number;
  readonly fdb: VxlanFdb;
  readonly #secret: number;
  #openIn: Netns | undefined;
  #sending = false;
  #sk: SockInfo | undefined;

  constructor(kernel: Kernel, options: VxlanOptions) {
    super({ kernel, name: options.name, kind: 'vxlan', mac: options.mac ?? kernel.randomMac(), mtu: 1500 });
    if (!Number.isInteger(options.vni) || options.vni < 0 || options.vni > 0xffffff)
      throw new NetnsError('ERANGE', 'VXLAN ID should be lower than 16777216');
    this.options = options;
    this.vni = options.vni;
    this.dstPort = options.dstPort ?? vxlan.PORT_LINUX;
    // A larger one is made to fit when the device is made, and refused afterwards.
    this.mtu = Math.min(options.mtu ?? this.mtuLimit(), this.mtuLimit());
    this.fdb = new VxlanFdb(kernel.clock);
    if (options.ageing !== undefined) this.fdb.ageingTime = options.ageing;
    if (options.remote !== undefined) this.fdb.replace(MAC_ZERO, { addr: options.remote });
    this.#secret = kernel.dice.seed | 0;
  }

  /** What the lower device leaves after the tunnel's headers. */
  mtuLimit(): number {
    return (this.options.lower?.mtu ?? MAX_IP) - VXLAN_HEADROOM;
  }
  override get maxMtu(): number {
    return this.mtuLimit();
  }
  get learning(): boolean {
    return this.options.learning ?? true;
  }

  override onUp(): void {
    this.#openIn = this.ns;
    const { lower } = this.options;
    this.#sk = lower === undefined ? undefined : { boundDev: lower.ifindex };
    openVxlanPort(this.ns, this.dstPort, this.vni, this);
  }
  override onDown(): void {
    if (this.#openIn !== undefined) closeVxlanPort(this.#openIn, this.dstPort, this.vni);
    this.#openIn = undefined;
    this.fdb.flush();
  }

  /** vxlan_xmit: `skb.data` at the inner Ethernet header. */
  startXmit(skb: Skb): void {
    const entry = this.fdb.find(skb.bytes, skb.data) ?? this.fdb.get(MAC_ZERO);
    if (entry === undefined) {
      this.dropXmit(skb, 'VXLAN_NO_REMOTE', formatMac(asMac(u48(skb.bytes, skb.data))));
      return;
    }
    if (this.#sending) {
      this.dropXmit(skb, 'TUNNEL_RECURSION');
      return;
    }
    this.#sending = true;
    // Linux counts what its tunnels carry from the inner network header on.
    this.stats.txBytes -= ETH_HLEN;
    try {
      const { remotes } = entry;
      for (let i = 1; i < remotes.length; i++) this.#sendCut(skb.clone(), remotes[i]!);
      this.#sendCut(skb, remotes[0]!);
    } finally {
      this.#sending = false;
    }
  }

  /** A super-segment that would be too long for the outer IP header's length field is cut before it is wrapped. */
  #sendCut(skb: Skb, remote: Remote): void {
    if (skb.gsoSize === 0 || skb.len + VXLAN_HEADROOM - ETH_HLEN <= MAX_IP) {
      this.#sendTo(skb, remote);
      return;
    }
    const segments = gsoSegment(skb, this.kernel.pool);
    if (segments.length === 0) {
      this.kernel.drop(skb, 'MALFORMED', this, 'a super-segment that cannot be cut');
      return;
    }
    for (const segment of segments) this.#sendTo(segment, remote);
    skb.free();
  }

  /** vxlan_xmit_one. */
  #sendTo(skb: Skb, remote: Remote): void {
    const { kernel, options, ns } = this;
    const oif = this.#sk?.boundDev ?? 0;
    const route = kernel.ipv4.routeOutput(ns, remote.addr, options.local ?? ANY, oif, 0);
    if (typeof route === 'string' || route.dev === this) {
      this.stats.txErrors++;
      this.stats.txPackets--;
      this.stats.txBytes -= skb.len - ETH_HLEN;
      const reason = typeof route === 'string' ? 'IP_OUTNOROUTES' : 'TUNNEL_RECURSION';
      kernel.drop(skb, reason, this, `to ${formatIpv4(remote.addr)}`);
      return;
    }
    const inner = ethernet.type(skb.bytes, skb.data) === ETH_P_IP ? skb.data + ETH_HLEN : -1;
    if (inner >= 0) this.#checkPmtu(skb, inner, route.mtu);
    const tos = inner < 0 ? 0 : ip.tos(skb.bytes, inner);
    const df = options.df === 'set' || (options.df === 'inherit' && inner >= 0 && ip.df(skb.bytes, inner));
    const [min, max] = options.srcPorts ?? ns.sysctl.ipv4.ip_local_port_range;
    const src = flowPort(flowHash(skb, this.#secret), min, max);
    const dst = remote.port || this.dstPort;
    const from = options.local ?? route.src;
    const vni = remote.vni || this.vni;
    if (skb.trace !== 0) this.#traceEncap(skb, from, remote.addr, src, dst, vni);
    const grown = skb.data;
    const at = skb.push(vxlan.HLEN);
    vxlan.put(skb.bytes, at, { vni });
    const innerNow = inner < 0 ? -1 : inner + at + vxlan.HLEN - grown;
    pushUdp(skb, innerNow, src, dst, from, remote.addr, options.udpZeroChecksum ?? false);
    const ttl = options.ttl || ns.sysctl.ipv4.ip_default_ttl;
    const outerTos = encapsulateTos(options.tos === TOS_INHERIT ? tos : (options.tos ?? 0), tos);
    sendOuter(ns, skb, ip.PROTO_UDP, from, remote.addr, ttl, outerTos, df, this.#sk);
  }

  /**
   * skb_tunnel_check_pmtu: a packet too long for the path is sent all the same, and the outer packet cut; but this
   * host's own later packets to the inner destination will know. Forwarded ones do not heed learned path MTUs.
   */
  #checkPmtu(skb: Skb, inner: number, pathMtu: number): void {
    const room = pathMtu - VXLAN_HEADROOM;
    const len = skb.gsoSize > 0 ? gsoNetworkLen(skb) : skb.tail - inner;
    if (len > room) this.kernel.ipv4.updatePmtu(this.ns, ip.dst(skb.bytes, inner), room);
  }

  /** The rest of vxlan_rcv, for VxlanPort: `skb.data` at the inner Ethernet header, `skb.network` at the outer IP header. */
  receive(skb: Skb): void {
    const outer = skb.network;
    const from = ip.src(skb.bytes, outer);
    const outerTos = ip.tos(skb.bytes, outer);
    if (skb.len < ETH_HLEN) {
      this.stats.rxErrors++;
      this.kernel.drop(skb, 'PKT_TOO_SMALL', this);
      return;
    }
    const source = asMac(u48(skb.bytes, skb.data + 6));
    if (source === this.mac) {
      this.kernel.drop(skb, 'VXLAN_LOOP', this, formatMac(source));
      return;
    }
    const learned = this.learning && this.fdb.learn(source, from);
    if (skb.trace !== 0) this.#traceDecap(skb, from, ip.dst(skb.bytes, outer), learned ? source : undefined);
    if (!this.#decapsulate(skb, outerTos)) return;
    this.stats.rxBytes -= ETH_HLEN;
    this.netifRx(skb);
  }

  #decapsulate(skb: Skb, outerTos: number): boolean {
    skb.scrub(false);
    skb.mac = -1;
    skb.network = -1;
    skb.transport = -1;
    skb.encapsulation = false;
    skb.fragMaxSize = 0;
    // The outer checksum vouched for the way, not for what the inner sender made.
    if (skb.ipSummed !== CHECKSUM_PARTIAL) skb.ipSummed = CHECKSUM_NONE;
    const network = skb.data + ETH_HLEN;
    const isIp = ethernet.type(skb.bytes, skb.data) === ETH_P_IP && skb.tail - network >= ip.MIN_HLEN;
    if (!isIp || decapsulateEcn(outerTos, skb.bytes, network)) return true;
    this.stats.rxErrors++;
    this.kernel.drop(skb, 'IP_TUNNEL_ECN', this);
    return false;
  }

  #traceEncap(skb: Skb, from: Ipv4, to: Ipv4, src: number, dst: number, vni: number): void {
    const bytes = skb.len + VXLAN_HEADROOM - ETH_HLEN;
    const text = `wrapped in VXLAN: ${formatIpv4(from)}:${src} > ${formatIpv4(to)}:${dst}, VNI ${vni}, frame of ${skb.len} bytes in a packet of ${bytes}`;
    this.kernel.traceEvent(skb, this, 'encap', text, {
      src: formatIpv4(from),
      dst: formatIpv4(to),
      sport: src,
      dport: dst,
      vni,
      innerBytes: skb.len,
      outerBytes: bytes,
    });
  }

  #traceDecap(skb: Skb, from: Ipv4, to: Ipv4, learned: Mac | undefined): void {
    const news = learned === undefined ? '' : `; learned: ${formatMac(learned)} is behind it`;
    const text = `unwrapped: VXLAN from ${formatIpv4(from)}, VNI ${this.vni}, frame of ${skb.len} bytes${news}`;
    this.kernel.traceEvent(skb, this, 'decap', text, {
      src: formatIpv4(from),
      dst: formatIpv4(to),
      vni: this.vni,
      innerBytes: skb.len,
    });
  }
}

/** `ip link add NAME type vxlan id VNI …`. Throws EEXIST when the namespace has the VNI on that port. */
export function addVxlan(ns: Netns, options: VxlanOptions): Vxlan {
  const dev = new Vxlan(ns.kernel, options);
  for (const other of ns.devices.values())
    if (other instanceof Vxlan && other.vni === dev.vni && other.dstPort === dev.dstPort)
      throw new NetnsError('EEXIST', 'A VXLAN device with the specified VNI already exists');
  return ns.register(dev);
}
