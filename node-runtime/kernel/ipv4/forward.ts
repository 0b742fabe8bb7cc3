// The way through: net/ipv4/ip_forward.c.
import type { NetDevice } from '../netns/device.ts';
import { NF_INET_FORWARD } from '../netns/hooks.ts';
import { gsoNetworkLen } from '../skb/gso.ts';
import { PACKET_HOST, type Skb } from '../skb/skb.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { IPSKB_DOREDIRECT, IPSKB_FORWARDED } from './fragment.ts';
import { sendRedirect } from './icmp-xmit.ts';
import type { InDevice } from './net.ts';
import { forwardOptions } from './options.ts';
import { output } from './output.ts';
import type { Route } from './route.ts';
import { forwardMtu } from './route-output.ts';

/** First octet of a header without options: version 4, 20 bytes. */
const NO_OPTIONS = 0x45;

/** ip_forward: `skb.dst` is the route, `data` at the IP header. Takes the skb. */
export function ipForward(skb: Skb, from: InDevice): void {
  const { net, dev } = from;
  const { kernel } = dev;
  const b = skb.bytes;
  const at = skb.data;
  if (skb.pktType !== PACKET_HOST) {
    kernel.drop(skb, 'OTHERHOST', dev, 'broadcast frames are not forwarded');
    return;
  }
  if (ip.ttl(b, at) <= 1) {
    net.ip.InHdrErrors++;
    kernel.ipv4.icmpSend(skb, net.ns, icmp.TIME_EXCEEDED, icmp.TTL_EXCEEDED);
    kernel.drop(skb, 'IP_TTL', dev);
    return;
  }
  const route = skb.dst as Route;
  const mtu = forwardMtu(route);
  net.ip.ForwDatagrams++;
  skb.cb |= IPSKB_FORWARDED;
  if (skb.len > mtu && exceedsMtu(skb, mtu)) {
    net.ip.FragFails++;
    kernel.ipv4.icmpSend(skb, net.ns, icmp.DEST_UNREACH, icmp.FRAG_NEEDED, mtu);
    kernel.drop(skb, 'PKT_TOO_BIG', dev, skb.trace === 0 ? undefined : `${skb.len} bytes, MTU ${mtu}`);
    return;
  }
  ip.decTtl(b, at);
  if (b[at] !== NO_OPTIONS) forwardOptions(skb, route);
  if ((skb.cb & IPSKB_DOREDIRECT) !== 0) sendRedirect(net, skb, route);
  if (skb.trace !== 0) traceForward(skb, dev, route);
  const out = route.dev!;
  const crossing = from.crossing(out);
  if (!net.ns.hooks.isEmpty(NF_INET_FORWARD)) {
    const kept = net.ns.hooks.run(skb, crossing.forward);
    if (kept === undefined) return;
    skb = kept;
  }
  output(net, skb, out, crossing.postRouting);
}

/** ip_exceeds_mtu, for a packet longer than the MTU. */
function exceedsMtu(skb: Skb, mtu: number): boolean {
  if (!ip.df(skb.bytes, skb.data)) return false;
  if (skb.fragMaxSize !== 0) return skb.fragMaxSize > mtu;
  return skb.gsoSize === 0 || gsoNetworkLen(skb) > mtu;
}

function traceForward(skb: Skb, dev: NetDevice, route: Route): void {
  const ttl = ip.ttl(skb.bytes, skb.data);
  dev.kernel.traceEvent(skb, dev, 'forward', `forwarded to ${route.dev!.name}, TTL now ${ttl}`, {
    out: route.dev!.name,
    ttl,
  });
}
