// Bridged IPv4 packets seen by iptables: net/bridge/br_netfilter_hooks.c, on while net.bridge.bridge-nf-call-iptables
// is 1 in the bridge's namespace. A bridged packet passes PRE_ROUTING when it comes in, FORWARD and POST_ROUTING when
// it goes out by another port, with the bridge as device and the ports as physical ones.
//
// What differs from Linux: after DNAT to a host on the same bridge the frame always takes the slow way through the
// neighbour's output function, so a capture on the bridge device shows it once more than Linux does.
import type { NetDevice } from '../netns/device.ts';
import {
  type HookState,
  NF_ACCEPT,
  NF_INET_FORWARD,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
  NF_IP_PRI_FIRST,
  NF_STOP,
} from '../netns/hooks.ts';
import type { Netns } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import { ETH_P_IP, PACKET_HOST, PACKET_OTHERHOST, type Skb } from '../skb/skb.ts';
import { formatIpv4, formatMac, type Mac } from '../wire/addr.ts';
import { put48 } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';

/** ip_sabotage_in: a packet that passed PRE_ROUTING on the bridge does not pass it again when handed up. */
const sabotage = perNet('br_netfilter', (ns) => {
  ns.hooks.register(NF_INET_PRE_ROUTING, NF_IP_PRI_FIRST, (skb) => (skb.physin !== 0 ? NF_STOP : NF_ACCEPT));
  return true;
});

export const callsIptables = (ns: Netns): boolean => ns.sysctl.bridge['bridge-nf-call-iptables'] !== 0;

/** The three states a bridge's packets pass hooks with; made once, since they never differ. */
export class BridgeHooks {
  readonly #bridge: NetDevice;
  readonly #pre: HookState;
  readonly #forward: HookState;
  readonly #post: HookState;

  constructor(bridge: NetDevice) {
    const netns = bridge.ns;
    sabotage(netns);
    this.#bridge = bridge;
    this.#pre = { hook: NF_INET_PRE_ROUTING, netns, in: bridge, out: undefined };
    this.#forward = { hook: NF_INET_FORWARD, netns, in: bridge, out: bridge };
    this.#post = { hook: NF_INET_POST_ROUTING, netns, in: undefined, out: bridge };
  }

  /**
   * br_nf_pre_routing: the frame came in by `port`. `skb.data` at the IP header. Returns the packet to go on bridging
   * with, or undefined when it was disposed of: dropped, kept as a fragment, or on its way to a neighbour after DNAT.
   */
  preRouting(skb: Skb, port: NetDevice): Skb | undefined {
    const { kernel, ns } = this.#bridge;
    const why = ip.check(skb.bytes, skb.network, skb.tail);
    if (why !== undefined) {
      kernel.drop(skb, 'IP_INHDR', port, why);
      return undefined;
    }
    skb.tail = skb.network + ip.totalLen(skb.bytes, skb.network);
    const toOther = skb.pktType === PACKET_OTHERHOST;
    if (toOther) skb.pktType = PACKET_HOST;
    skb.physin = port.ifindex;
    skb.physout = 0;
    const ethDst = ethernet.dst(skb.bytes, skb.mac);
    const ethSrc = ethernet.src(skb.bytes, skb.mac);
    const daddr = ip.dst(skb.bytes, skb.network);
    const got = ns.hooks.run(skb, this.#pre, NF_IP_PRI_FIRST);
    if (got === undefined) return undefined;
    if (got !== skb) restoreHeader(got, ethDst, ethSrc, port.ifindex);
    if (toOther) got.pktType = PACKET_OTHERHOST;
    if (ip.dst(got.bytes, got.network) === daddr) return got;
    return this.#afterDnat(got, ethSrc, port);
  }

  /** br_nf_pre_routing_finish for a packet whose destination was rewritten: bridge it, or hand it up to be routed. */
  #afterDnat(skb: Skb, ethSrc: Mac, port: NetDevice): Skb | undefined {
    const bridge = this.#bridge;
    const out = bridge.kernel.ipv4.routeInput(skb, bridge);
    if (out === undefined) {
      bridge.kernel.drop(skb, 'IP_OUTNOROUTES', port, 'after DNAT on the bridge');
      return undefined;
    }
    if (out !== bridge) {
      put48(skb.bytes, skb.mac, bridge.mac);
      skb.pktType = PACKET_HOST;
      if (skb.trace !== 0) this.#traceDnat(skb, `leaves by ${out.name}: handed up to be routed`);
      return skb;
    }
    if (skb.trace !== 0) this.#traceDnat(skb, 'is on this bridge: stays bridged, TTL untouched');
    skb.bridgedFrom = ethSrc;
    bridge.kernel.ipv4.neighOutput(skb, bridge);
    return undefined;
  }

  #traceDnat(skb: Skb, what: string): void {
    const to = formatIpv4(ip.dst(skb.bytes, skb.network));
    this.#bridge.kernel.traceEvent(skb, this.#bridge, 'bridge', `br_netfilter: after DNAT ${to} ${what}`, {
      to,
    });
  }

  /**
   * br_nf_forward and br_nf_post_routing: the packet goes out by `to`. `skb.data` at the IP header. Returns it, or
   * undefined when it was disposed of. Only what passed `preRouting` is looked at.
   */
  forward(skb: Skb, to: NetDevice): Skb | undefined {
    if (skb.physin === 0 || skb.protocol !== ETH_P_IP) return skb;
    const type = skb.pktType;
    if (type === PACKET_OTHERHOST) skb.pktType = PACKET_HOST;
    skb.physout = to.ifindex;
    const forwarded = this.#bridge.ns.hooks.run(skb, this.#forward);
    if (forwarded === undefined) return undefined;
    const got = this.#bridge.ns.hooks.run(forwarded, this.#post);
    if (got === undefined) return undefined;
    got.pktType = type;
    got.physin = 0;
    got.physout = 0;
    return got;
  }

  /**
   * br_nf_dev_queue_xmit: a packet that was put together from fragments, or is too large for the port, is cut (again).
   * `send` gets each frame with `skb.data` at its Ethernet header.
   */
  refragment(skb: Skb, to: NetDevice, send: (skb: Skb, to: NetDevice) => void): void {
    const mtu = skb.fragMaxSize > 0 && skb.fragMaxSize < to.mtu ? skb.fragMaxSize : to.mtu;
    const ethDst = ethernet.dst(skb.bytes, skb.mac);
    const ethSrc = ethernet.src(skb.bytes, skb.mac);
    const { kernel } = this.#bridge;
    if (ip.df(skb.bytes, skb.network) || skb.fragMaxSize > mtu) {
      kernel.drop(
        skb,
        'PKT_TOO_BIG',
        to,
        `bridged, ${skb.len} bytes over an MTU of ${mtu}; a bridge sends no ICMP`,
      );
      return;
    }
    if (skb.trace !== 0)
      kernel.traceEvent(skb, to, 'fragment', `br_netfilter cuts ${skb.len} bytes to ${mtu}`, { mtu });
    for (const part of kernel.ipv4.fragment(skb, mtu)) {
      restoreHeader(part, ethDst, ethSrc, 0);
      part.data = part.mac;
      send(part, to);
    }
  }

  /** Whether `refragment` has to look at a packet with `skb.data` at the IP header. */
  mustFragment(skb: Skb, to: NetDevice): boolean {
    if (skb.gsoSize > 0 || skb.protocol !== ETH_P_IP) return false;
    return skb.len > to.mtu || (skb.fragMaxSize > 0 && skb.len > skb.fragMaxSize);
  }

  /**
   * br_nf_dev_xmit: the neighbour's output function has addressed a frame that was DNATed on the bridge. `skb.data` at the
   * Ethernet header; afterwards at the IP header, with the sender's own MAC as source again.
   */
  resume(skb: Skb): void {
    put48(skb.bytes, skb.mac + 6, skb.bridgedFrom);
    skb.bridgedFrom = 0;
    skb.physout = 0;
    skb.pktType = PACKET_OTHERHOST;
    if (skb.trace !== 0) {
      const to = formatMac(ethernet.dst(skb.bytes, skb.mac));
      this.#bridge.kernel.traceEvent(skb, this.#bridge, 'bridge', `br_netfilter: bridged on to ${to}`, {
        to,
      });
    }
  }
}

/** Puts the Ethernet header in front of a packet that a hook or a cut made anew; `skb.data` stays at the IP header. */
function restoreHeader(skb: Skb, dst: Mac, src: Mac, physin: number): void {
  skb.mac = skb.push(ethernet.HLEN);
  ethernet.put(skb.bytes, skb.mac, { dst, src, type: ETH_P_IP });
  skb.network = skb.pull(ethernet.HLEN);
  skb.protocol = ETH_P_IP;
  skb.physin = physin;
}
