// The way out: net/ipv4/ip_output.c. Local packets enter at `localOut`, forwarded ones at `output`; both pass
// POST_ROUTING, are cut where they must be, and reach the neighbour.
//
//   localOut ─> LOCAL_OUT ─┐
//                          ├─> POST_ROUTING ─> fragment ─> neighbour ─> device
//   forward ─> FORWARD ────┘
import type { NetDevice } from '../netns/device.ts';
import { type HookState, NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING } from '../netns/hooks.ts';
import type { RouteErrno, SockInfo } from '../netns/ipv4-ops.ts';
import type { Netns } from '../netns/netns.ts';
import { gsoNetworkLen, gsoSegment } from '../skb/gso.ts';
import { ETH_P_IP, PACKET_BROADCAST, type Skb } from '../skb/skb.ts';
import { ANY, formatIpv4, isMulticast } from '../wire/addr.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { fragmentSkb, IPSKB_FORWARDED } from './fragment.ts';
import { neighXmit } from './neigh-output.ts';
import { type Ipv4Net, inDevice, ipv4Net } from './net.ts';
import type { Route } from './route.ts';
import { findOutput, forwardMtu, outputMtu } from './route-output.ts';

/** ip_local_out: routes the packet if nobody has, fills in identification and checksum, and sends it. Takes the skb. */
export function localOut(skb: Skb, ns: Netns): RouteErrno | 'EPERM' | undefined {
  const net = ipv4Net(ns);
  const b = skb.bytes;
  const at = skb.data;
  skb.network = at;
  skb.protocol = ETH_P_IP;
  const replies = ns.kernel.traceReplies;
  if (skb.trace === 0 && replies.size !== 0) skb.trace = replies.claim(skb, ns.inum, ns.kernel.clock.now());
  net.ip.OutRequests++;
  const failed = skb.dst === undefined ? routeOwn(net, skb) : undefined;
  if (failed !== undefined) return failed;
  if (ip.id(b, at) === 0 && !ip.df(b, at)) ip.setId(b, at, nextIdent(net, skb));
  ip.setTotalLen(b, at, skb.len);
  ip.updateChecksum(b, at);
  if (!ns.hooks.isEmpty(NF_INET_LOCAL_OUT)) {
    const out = outDevice(net, skb.dst as Route);
    // A fragment that is kept until the others come is no refusal.
    const refused = ip.isFragment(b, at) ? undefined : 'EPERM';
    net.rerouteError = undefined;
    const kept = ns.hooks.run(skb, inDevice(out).localOut);
    if (kept === undefined) return net.rerouteError ?? refused;
    skb = kept;
  }
  const dev = outDevice(net, skb.dst as Route);
  output(net, skb, dev, inDevice(dev).postRouting);
  return undefined;
}

/** The device that a packet with this route leaves by. */
const outDevice = (net: Ipv4Net, route: Route): NetDevice => (route.type === 'local' ? net.lo! : route.dev!);

function routeOwn(net: Ipv4Net, skb: Skb): RouteErrno | undefined {
  const b = skb.bytes;
  const oif = (skb.sk as SockInfo | undefined)?.boundDev ?? 0;
  const dst = ip.dst(b, skb.network);
  // What a raw socket wrote into its header does not choose the route: raw_send_hdrinc.
  const src = (skb.sk as SockInfo | undefined)?.hdrincl === true ? ANY : ip.src(b, skb.network);
  const error = findOutput(net, dst, src, oif, true, net.choice);
  if (error !== undefined) {
    net.ip.OutNoRoutes++;
    net.ns.kernel.drop(skb, 'IP_OUTNOROUTES', net.ns, error);
    return error;
  }
  skb.dst = net.choice.route;
  if (ip.src(b, skb.network) === ANY) ip.setSrc(b, skb.network, net.choice.src);
  if (skb.trace !== 0) traceRoute(net.ns, skb, net.choice.route, net.choice.dev);
  return undefined;
}

/** Words for a traced packet: which route was taken. */
export function traceRoute(ns: Netns, skb: Skb, route: Route, dev: NetDevice): void {
  const via = route.gateway === ANY ? '' : ` via ${formatIpv4(route.gateway)}`;
  const what = route.type === 'local' ? 'local: for this host' : `${route.destination}${via} dev ${dev.name}`;
  ns.kernel.traceEvent(skb, ns, 'route', `route ${what}`, {
    route: route.describe(),
    destination: route.destination,
    type: route.type,
    table: route.table,
    dev: dev.name,
    ...(route.gateway === ANY ? {} : { via: formatIpv4(route.gateway) }),
    ...(route.prefsrc === ANY ? {} : { src: formatIpv4(route.prefsrc) }),
    ...(route.onlink ? { onlink: true } : {}),
  });
}

/** __ip_select_ident: counters by a hash of addresses and protocol, so that one flow's ids say nothing of another's. */
function nextIdent(net: Ipv4Net, skb: Skb): number {
  const b = skb.bytes;
  const at = skb.network;
  const h =
    Math.imul(ip.src(b, at) ^ Math.imul(ip.dst(b, at), 0x9e3779b1) ^ ip.proto(b, at), 0x85ebca6b) >>> 24;
  return net.idents[h]!++;
}

/** ip_output and ip_mc_output: POST_ROUTING and beyond. The route is `skb.dst`, `data` at the IP header. */
export function output(net: Ipv4Net, skb: Skb, dev: NetDevice, state: HookState): void {
  const route = skb.dst as Route;
  if (route.type === 'broadcast' || isMulticast(ip.dst(skb.bytes, skb.data))) {
    if (route.type === 'broadcast') net.ip.OutBcastPkts++;
    else net.ip.OutMcastPkts++;
    // What everybody on the link gets, this host gets too.
    if (dev !== net.lo && (skb.cb & IPSKB_FORWARDED) === 0) loopBack(net, skb, dev, state);
  }
  if (!net.ns.hooks.isEmpty(NF_INET_POST_ROUTING)) {
    const kept = net.ns.hooks.run(skb, state);
    if (kept === undefined) return;
    skb = kept;
  }
  finishOutput(net, skb, dev);
}

/** dev_loopback_xmit: a copy of a broadcast comes back in by the device it left by. */
function loopBack(net: Ipv4Net, skb: Skb, dev: NetDevice, state: HookState): void {
  const copy = net.ns.hooks.isEmpty(NF_INET_POST_ROUTING)
    ? skb.clone()
    : net.ns.hooks.run(skb.clone(), state);
  if (copy === undefined) return;
  copy.sk = undefined;
  copy.iif = dev.ifindex;
  copy.pktType = PACKET_BROADCAST;
  net.ns.kernel.runQueue.push(() => net.ns.kernel.packetTypes.get(ETH_P_IP)!(copy, dev));
}

/** __ip_finish_output: cuts what is larger than the MTU, or answers that it must not be cut. */
export function finishOutput(net: Ipv4Net, skb: Skb, dev: NetDevice): void {
  const mtu = mtuOf(net, skb, dev);
  if (skb.gsoSize > 0) finishGso(net, skb, dev, mtu);
  else if (skb.len > mtu || skb.fragMaxSize > 0) fragmentOut(net, skb, dev, mtu);
  else neighXmit(net, skb, dev);
}

/** ip_skb_dst_mtu. */
function mtuOf(net: Ipv4Net, skb: Skb, dev: NetDevice): number {
  const route = skb.dst as Route;
  if ((skb.cb & IPSKB_FORWARDED) !== 0 && net.ns.sysctl.ipv4.ip_forward_use_pmtu === 0)
    return forwardMtu(route);
  return outputMtu(net, route, dev, ip.dst(skb.bytes, skb.data));
}

/** Said of what another process sent as one and is not. */
const UNCUTTABLE = 'a super-segment that cannot be cut';

function finishGso(net: Ipv4Net, skb: Skb, dev: NetDevice, mtu: number): void {
  if (gsoNetworkLen(skb) <= mtu) {
    neighXmit(net, skb, dev);
    return;
  }
  const { kernel } = net.ns;
  const segments = gsoSegment(skb, kernel.pool);
  if (segments.length === 0) {
    kernel.drop(skb, 'MALFORMED', dev, UNCUTTABLE);
    return;
  }
  skb.free();
  for (const segment of segments)
    if (segment.len > mtu) fragmentOut(net, segment, dev, mtu);
    else neighXmit(net, segment, dev);
}

/** ip_fragment. */
function fragmentOut(net: Ipv4Net, skb: Skb, dev: NetDevice, mtu: number): void {
  const { kernel } = net.ns;
  if (ip.df(skb.bytes, skb.data) && (skb.fragMaxSize === 0 || skb.fragMaxSize > mtu)) {
    net.ip.FragFails++;
    kernel.ipv4.icmpSend(skb, net.ns, icmp.DEST_UNREACH, icmp.FRAG_NEEDED, mtu);
    kernel.drop(skb, 'PKT_TOO_BIG', dev, skb.trace === 0 ? undefined : `${skb.len} bytes, MTU ${mtu}`);
    return;
  }
  if (skb.trace !== 0)
    kernel.traceEvent(skb, dev, 'fragment', `${skb.len} bytes are cut to MTU ${mtu}`, {
      mtu,
      fragMaxSize: skb.fragMaxSize,
    });
  const parts = fragmentSkb(skb, mtu, kernel.pool);
  if (parts.length === 0) {
    net.ip.FragFails++;
    kernel.drop(skb, 'PKT_TOO_BIG', dev, 'no room for data beside the header');
    return;
  }
  net.ip.FragCreates += parts.length;
  net.ip.FragOKs++;
  for (const part of parts) neighXmit(net, part, dev);
}

/** ip_route_me_harder: a hook changed addresses or mark of a packet of ours; `data` at the IP header. */
export function reroute(skb: Skb, ns: Netns): boolean {
  const net = ipv4Net(ns);
  const b = skb.bytes;
  const oif = (skb.sk as SockInfo | undefined)?.boundDev ?? 0;
  const at = skb.network;
  net.rerouteError = findOutput(net, ip.dst(b, at), ip.src(b, at), oif, true, net.choice);
  if (net.rerouteError !== undefined) return false;
  skb.dst = net.choice.route;
  if (skb.trace !== 0) traceRoute(ns, skb, net.choice.route, net.choice.dev);
  return true;
}
