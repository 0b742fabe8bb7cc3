// What tunnel tests share: an IPv4 room in a few lines, so that a tunnel's packets can be looked at and sent across.
import type { Ipv4Ops, OutputRoute, RouteErrno } from '../netns/ipv4-ops.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import { udpEncap } from '../netns/udp-encap.ts';
import type { Skb } from '../skb/skb.ts';
import type { Ipv4 } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';

export interface FakeIpv4 {
  /** What localOut was given, with id and checksum filled in. */
  readonly sent: Skb[];
  readonly pmtus: [Ipv4, number][];
  route: (dst: Ipv4) => OutputRoute | RouteErrno;
}

/** Stands in for the ipv4 room: `route` answers look-ups, packets sent are kept. */
export function fakeIpv4(kernel: Kernel, route: FakeIpv4['route']): FakeIpv4 {
  const fake: FakeIpv4 = { sent: [], pmtus: [], route };
  let id = 1;
  kernel.ipv4 = {
    routeOutput: (_ns, dst) => fake.route(dst),
    updatePmtu: (_ns, dst, mtu) => fake.pmtus.push([dst, mtu]),
    localOut: (skb) => {
      ip.setId(skb.bytes, skb.network, id++);
      ip.updateChecksum(skb.bytes, skb.network);
      fake.sent.push(skb);
      return undefined;
    },
  } as Partial<Ipv4Ops> as Ipv4Ops;
  return fake;
}

/** ip_local_deliver for a packet that came in as `bytes` or as an skb of another kernel: to its tunnel's handler. */
export function deliver(ns: Netns, from: Skb): void {
  const skb = ns.kernel.pool.copyOf(from.bytes, from.network, from.tail);
  skb.network = skb.data;
  skb.ipSummed = from.ipSummed;
  skb.gsoSize = from.gsoSize;
  skb.encapsulation = from.encapsulation;
  skb.trace = from.trace;
  skb.transport = skb.pull(ip.ihl(skb.bytes, skb.data));
  if (ip.proto(skb.bytes, skb.network) === ip.PROTO_UDP)
    udpEncap(ns).get(udp.dstPort(skb.bytes, skb.transport))?.(skb, ns);
  else ns.kernel.inetProtocols[ip.proto(skb.bytes, skb.network)]?.handler(skb, ns);
}
