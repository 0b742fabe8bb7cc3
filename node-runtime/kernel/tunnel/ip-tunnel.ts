// What IPv4-in-something tunnels share: net/ipv4/ip_tunnel.c (ip_tunnel_xmit, tnl_update_pmtu, ip_tunnel_lookup, ip_tunnel_rcv).
// A device without a remote sends to the gateway of the packet's route, which is how flannel and Calico use ipip.
//
// Left out: the count of recent ICMP errors that makes Linux report link failure for 30 seconds, and tunnels as
// Ethernet devices (gretap).
import type { Route } from '../ipv4/route.ts';
import { type DeviceKind, NetDevice } from '../netns/device.ts';
import type { SockInfo } from '../netns/ipv4-ops.ts';
import type { InetProtocol, Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import { gsoNetworkLen, gsoSegment } from '../skb/gso.ts';
import { CHECKSUM_NONE, CHECKSUM_PARTIAL, type Skb } from '../skb/skb.ts';
import { ANY, formatIpv4, type Ipv4, isMulticast, MAC_ZERO } from '../wire/addr.ts';
import { DEST_UNREACH, FRAG_NEEDED, PORT_UNREACH } from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { decapsulateEcn, encapsulateTos } from './ecn.ts';
import { sendOuter } from './outer.ts';

const ETH_DATA_LEN = 1500;
const MIN_MTU = 68;
const MAX_IP = 65_535;
const TOS_INHERIT = 1;

export interface IpTunnelOptions {
  readonly name: string;
  /** Outer addresses; 0 or none: any, chosen by the route. */
  readonly local?: Ipv4;
  readonly remote?: Ipv4;
  /** Device that tunnel packets leave by. */
  readonly lower?: NetDevice;
  readonly mtu?: number;
  /** 0, the default: the inner packet's. */
  readonly ttl?: number;
  /** 1: the inner packet's. */
  readonly tos?: number;
  /** Whether the outer packet must not be fragmented; true by default. Without it the inner packet's DF decides. */
  readonly pmtudisc?: boolean;
}

const tunnels = perNet('ip_tunnel', () => new Set<IpTunnel>());

export abstract class IpTunnel extends NetDevice {
  readonly options: IpTunnelOptions;
  readonly proto: number;
  /** Bytes between the two IP headers. */
  readonly hlen: number;
  #sk: SockInfo | undefined;
  #openIn: Netns | undefined;
  #sending = false;

  /** `handler` gets the protocol's packets once the first device of the kind exists, as when its module is loaded. */
  constructor(
    kernel: Kernel,
    kind: DeviceKind,
    proto: number,
    hlen: number,
    options: IpTunnelOptions,
    handler: InetProtocol['handler'],
  ) {
    const below = Math.min(options.lower?.mtu ?? ETH_DATA_LEN, MAX_IP);
    super({
      kernel,
      name: options.name,
      kind,
      mac: MAC_ZERO,
      mtu: options.mtu ?? Math.max(below - ip.MIN_HLEN - hlen, MIN_MTU),
      ethernet: false,
      noArp: true,
    });
    this.options = options;
    this.proto = proto;
    this.hlen = hlen;
    kernel.inetProtocols[proto] ??= { handler };
  }

  /** Puts what is between the IP headers in front of `skb.data`, the inner IP header. */
  protected abstract pushHeader(skb: Skb): void;
  /** Whether super-segments and unfinished checksums can go through: not where the tunnel's header depends on the bytes. */
  protected get passesOffloads(): boolean {
    return true;
  }
  /** "IPIP", "GRE key 5": for traces. */
  protected abstract get label(): string;
  /** The key of a GRE tunnel; undefined for none. */
  get key(): number | undefined {
    return undefined;
  }
  /** Takes its own header off `skb.data`; says why the packet must be dropped, or undefined. */
  abstract pullHeader(skb: Skb): string | undefined;

  override get maxMtu(): number {
    return MAX_IP - ip.MIN_HLEN - this.hlen;
  }
  override onUp(): void {
    const { lower } = this.options;
    this.#sk = lower === undefined ? undefined : { boundDev: lower.ifindex };
    this.#openIn = this.ns;
    tunnels(this.ns).add(this);
  }
  override onDown(): void {
    if (this.#openIn !== undefined) tunnels(this.#openIn).delete(this);
    this.#openIn = undefined;
  }

  startXmit(skb: Skb): void {
    if (this.#sending) {
      this.dropXmit(skb, 'TUNNEL_RECURSION');
      return;
    }
    this.#sending = true;
    try {
      if (skb.gsoSize === 0 || (this.passesOffloads && skb.len + ip.MIN_HLEN + this.hlen <= MAX_IP))
        this.#send(skb);
      else {
        const segments = gsoSegment(skb, this.kernel.pool);
        if (segments.length === 0) {
          this.dropXmit(skb, 'MALFORMED', 'a super-segment that cannot be cut');
          return;
        }
        skb.free();
        for (const segment of segments) this.#send(segment);
      }
    } finally {
      this.#sending = false;
    }
  }

  /** ip_tunnel_xmit: `skb.data` at the inner IP header. */
  #send(skb: Skb): void {
    const { kernel, options, ns } = this;
    const b = skb.bytes;
    const inner = skb.data;
    const remote = options.remote ?? ANY;
    const to = remote !== ANY ? remote : nextHop(skb, inner);
    const route = kernel.ipv4.routeOutput(ns, to, options.local ?? ANY, this.#sk?.boundDev ?? 0, 0);
    if (typeof route === 'string' || route.dev === this) {
      this.stats.txErrors++;
      this.stats.txPackets--;
      this.stats.txBytes -= skb.len;
      const reason = typeof route === 'string' ? 'IP_OUTNOROUTES' : 'TUNNEL_RECURSION';
      kernel.drop(skb, reason, this, `to ${formatIpv4(to)}`);
      return;
    }
    const df = options.pmtudisc !== false || ip.df(b, inner);
    if (df && !this.#fitsPath(skb, inner, route.mtu - ip.MIN_HLEN - this.hlen)) return;
    const innerTos = ip.tos(b, inner);
    const tos = encapsulateTos(options.tos === TOS_INHERIT ? innerTos : (options.tos ?? 0), innerTos);
    const ttl = options.ttl || ip.ttl(b, inner);
    const src = options.local ?? route.src;
    if (skb.trace !== 0) this.#traceEncap(skb, src, to);
    skb.encapsulation = skb.gsoSize > 0 || skb.ipSummed === CHECKSUM_PARTIAL;
    if (!skb.encapsulation) skb.ipSummed = CHECKSUM_NONE;
    this.pushHeader(skb);
    sendOuter(ns, skb, this.proto, src, to, ttl, tos, df, this.#sk);
  }

  /** tnl_update_pmtu: false when the packet was dropped, its sender being told what fits. */
  #fitsPath(skb: Skb, inner: number, room: number): boolean {
    const len = skb.gsoSize > 0 ? gsoNetworkLen(skb) : skb.len;
    if (room < this.mtu) this.kernel.ipv4.updatePmtu(this.ns, ip.dst(skb.bytes, inner), room);
    if (skb.gsoSize > 0 || len <= room || !ip.df(skb.bytes, inner)) return true;
    skb.network = inner;
    this.kernel.ipv4.icmpSend(skb, this.ns, DEST_UNREACH, FRAG_NEEDED, room);
    this.dropXmit(skb, 'PKT_TOO_BIG', `the tunnel's path takes ${room} bytes`);
    return false;
  }

  /** ip_tunnel_rcv: `skb.data` at the inner packet, the tunnel's header taken off. */
  receive(skb: Skb): void {
    const outer = skb.network;
    if (skb.trace !== 0) {
      const from = formatIpv4(ip.src(skb.bytes, outer));
      const text = `unwrapped: ${this.label} from ${from}, packet of ${skb.len} bytes`;
      this.kernel.traceEvent(skb, this, 'decap', text, { src: from, innerBytes: skb.len });
    }
    const outerTos = ip.tos(skb.bytes, outer);
    const sound = ip.checkHeader(skb.bytes, skb.data, skb.tail) === undefined;
    if (sound && !decapsulateEcn(outerTos, skb.bytes, skb.data)) {
      this.stats.rxErrors++;
      this.kernel.drop(skb, 'IP_TUNNEL_ECN', this);
      return;
    }
    skb.scrub(false);
    skb.mac = -1;
    skb.network = -1;
    skb.transport = -1;
    skb.encapsulation = false;
    skb.fragMaxSize = 0;
    if (skb.ipSummed !== CHECKSUM_PARTIAL) skb.ipSummed = CHECKSUM_NONE;
    this.netifRx(skb);
  }

  #traceEncap(skb: Skb, src: Ipv4, dst: Ipv4): void {
    const bytes = skb.len + ip.MIN_HLEN + this.hlen;
    const text = `wrapped in ${this.label}: ${formatIpv4(src)} > ${formatIpv4(dst)}, packet of ${skb.len} bytes in one of ${bytes}`;
    this.kernel.traceEvent(skb, this, 'encap', text, {
      src: formatIpv4(src),
      dst: formatIpv4(dst),
      innerBytes: skb.len,
      outerBytes: bytes,
    });
  }
}

/** Where a tunnel without a remote sends: the gateway of the packet's route, or the inner destination itself. */
const nextHop = (skb: Skb, inner: number): Ipv4 =>
  (skb.dst as Route | undefined)?.gateway || ip.dst(skb.bytes, inner);

/**
 * ip_tunnel_lookup: the device whose addresses match best: both, the remote one, the local one, none. `key` undefined: the
 * packet has none.
 */
function findTunnel(
  ns: Netns,
  proto: number,
  src: Ipv4,
  dst: Ipv4,
  key: number | undefined,
): IpTunnel | undefined {
  let best: IpTunnel | undefined;
  let bestScore = -1;
  for (const dev of tunnels(ns)) {
    if (dev.proto !== proto || dev.key !== key) continue;
    const { local = ANY, remote = ANY } = dev.options;
    if (remote !== ANY && remote !== src && !(isMulticast(remote) && remote === dst)) continue;
    if (local !== ANY && local !== dst) continue;
    const score = (remote === ANY ? 0 : 2) + (local === ANY ? 0 : 1);
    if (score > bestScore) {
      best = dev;
      bestScore = score;
    }
  }
  return best;
}

/** What comes in by the protocol, `skb.data` behind the outer IP header: to its tunnel, or refused with an ICMP error. */
export function deliverToTunnel(ns: Netns, proto: number, skb: Skb, key: number | undefined): void {
  const { kernel } = ns;
  const src = ip.src(skb.bytes, skb.network);
  const dst = ip.dst(skb.bytes, skb.network);
  const dev = findTunnel(ns, proto, src, dst, key);
  if (dev === undefined) {
    kernel.ipv4.icmpSend(skb, ns, DEST_UNREACH, PORT_UNREACH);
    kernel.drop(skb, 'TUNNEL_NOT_FOUND', ns, `from ${formatIpv4(src)} to ${formatIpv4(dst)}`);
    return;
  }
  const why = dev.pullHeader(skb);
  if (why === undefined) dev.receive(skb);
  else {
    dev.stats.rxErrors++;
    kernel.drop(skb, 'MALFORMED', dev, why);
  }
}
