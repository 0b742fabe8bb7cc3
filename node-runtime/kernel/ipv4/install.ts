// Plugs IPv4 into a kernel: ip_init and inet_init (net/ipv4/af_inet.c), and the answers to what lower rooms ask.
import type { NetDevice } from '../netns/device.ts';
import type { Ipv4Ops } from '../netns/ipv4-ops.ts';
import type { Kernel } from '../netns/kernel.ts';
import { ETH_P_ARP, ETH_P_IP, type Skb } from '../skb/skb.ts';
import { TraceReplies } from '../trace/replies.ts';
import { inPrefix } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';
import { arpOnEvent, arpOps, arpRcv } from './arp.ts';
import { addrType, selectAddr } from './devinet.ts';
import { onNetnsEvent } from './fib-frontend.ts';
import { fragmentSkb } from './fragment.ts';
import { icmpRcv } from './icmp-rcv.ts';
import { icmpSend } from './icmp-xmit.ts';
import { ipRcv } from './input.ts';
import { neighXmit } from './neigh-output.ts';
import { type Ipv4Net, ipv4Net } from './net.ts';
import { localOut, reroute } from './output.ts';
import { defrag } from './reassemble.ts';
import type { Route } from './route.ts';
import { findInput, reversePathOk } from './route-input.ts';
import { routeOutput, updatePmtu } from './route-output.ts';

export function installIpv4(kernel: Kernel): void {
  kernel.traceReplies = new TraceReplies();
  kernel.packetTypes.set(ETH_P_IP, ipRcv);
  kernel.packetTypes.set(ETH_P_ARP, arpRcv);
  kernel.inetProtocols[ip.PROTO_ICMP] = { handler: icmpRcv };
  kernel.netnsInit.push((ns) => {
    const net = ipv4Net(ns);
    net.neigh.ops = arpOps(net);
    net.fib.listen(({ type, route }) => {
      if (type === 'del') forgetLearned(net, route);
    });
    ns.listen(onNetnsEvent);
    ns.listen(arpOnEvent);
  });
  kernel.ipv4 = ops(kernel);
}

function ops(kernel: Kernel): Ipv4Ops {
  return {
    routeOutput,
    updatePmtu,
    icmpSend,
    localOut,
    reroute,
    addrType: (ns, addr, dev) => addrType(ipv4Net(ns), addr, dev),
    selectAddr: (_ns, dev, dst) => selectAddr(dev, dst),
    defrag: (skb, ns, user) => defrag(ipv4Net(ns), skb, user),
    routeInput: routeForBridge,
    neighOutput: (skb, dev) => neighXmit(ipv4Net(dev.ns), skb, dev),
    fragment: (skb, mtu) => fragmentSkb(skb, mtu, kernel.pool),
    reversePathOk: (skb, ns, dev, loose) =>
      reversePathOk(ipv4Net(ns), ip.src(skb.bytes, skb.network), dev, loose),
  };
}

function routeForBridge(skb: Skb, dev: NetDevice): NetDevice | undefined {
  const net = ipv4Net(dev.ns);
  const b = skb.bytes;
  const { route } = findInput(net, ip.dst(b, skb.network), ip.src(b, skb.network), dev, net.verdict);
  if (route === undefined) return undefined;
  skb.dst = route;
  return route.type === 'unicast' ? route.dev : net.lo;
}

/** What was learnt about destinations belongs to the route that led there. */
function forgetLearned(net: Ipv4Net, route: Route): void {
  if (net.exceptions.size === 0) return;
  for (const [dst] of net.exceptions.list())
    if (inPrefix(dst, { addr: route.dst, len: route.len })) net.exceptions.forget(dst);
}
