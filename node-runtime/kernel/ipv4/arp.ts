// ARP: net/ipv4/arp.c. Asks for a neighbour's address (arp_solicit), answers for ours and for those we stand in for
// (arp_process), and tells everybody when ours changed (arp_notify).
import type { NetDevice } from '../netns/device.ts';
import type { NetnsEvent } from '../netns/netns.ts';
import { ETH_P_ARP, ETH_P_IP, PACKET_HOST, type Skb } from '../skb/skb.ts';
import {
  ANY,
  formatIpv4,
  type Ipv4,
  isLoopback,
  isMulticast,
  MAC_BROADCAST,
  MAC_ZERO,
  type Mac,
  mac,
} from '../wire/addr.ts';
import * as wire from '../wire/arp.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { addrOnlink, addrType, inetSelectAddr, maxConf, orConf } from './devinet.ts';
import {
  type Neigh,
  type NeighOps,
  NUD_NOARP,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
  OVERRIDE,
} from './neigh.ts';
import { neighEmit } from './neigh-output.ts';
import { type Ipv4Net, inDevice, ipv4Net } from './net.ts';
import { type Route, RT_SCOPE_HOST, RT_SCOPE_LINK } from './route.ts';
import { findInput } from './route-input.ts';

/** arp_send: one packet out of `dev`; `to` is the frame's destination. */
export function arpSend(dev: NetDevice, op: number, fields: Omit<wire.ArpFields, 'op'>, to: Mac): void {
  if (dev.noArp || !dev.ethernet) return;
  const skb = dev.kernel.pool.alloc(wire.HLEN);
  const at = skb.put(wire.HLEN);
  wire.put(skb.bytes, at, { op, ...fields });
  skb.network = at;
  dev.header(skb, to, dev.mac, ETH_P_ARP);
  dev.queueXmit(skb);
}

/** The ops of a namespace's neighbour table: arp_generic_ops, arp_constructor and arp_error_report. */
export function arpOps(net: Ipv4Net): NeighOps {
  return {
    solicit: (neigh, skb) => solicit(net, neigh, skb),
    construct: (neigh) => construct(net, neigh),
    output: neighEmit,
    errorReport: (neigh, skb) => {
      const { kernel } = net.ns;
      if (skb.protocol === ETH_P_IP) kernel.ipv4.icmpSend(skb, net.ns, icmp.DEST_UNREACH, icmp.HOST_UNREACH);
      kernel.drop(skb, 'NEIGH_FAILED', neigh.dev, formatIpv4(neigh.addr));
    },
  };
}

/** arp_constructor: addresses that need no asking. */
function construct(net: Ipv4Net, neigh: Neigh): boolean {
  const { dev, addr } = neigh;
  if (isMulticast(addr)) neigh.mac = mac(0x01005e000000 + (addr & 0x7fffff));
  else if (dev.noArp || dev.kind === 'loopback' || !dev.ethernet) neigh.mac = dev.mac;
  else if (addrType(net, addr, dev) === 'BROADCAST') neigh.mac = MAC_BROADCAST;
  else return false;
  neigh.state = NUD_NOARP;
  return true;
}

/** arp_solicit: a broadcast, or a unicast to the address we had while that is being verified. */
function solicit(net: Ipv4Net, neigh: Neigh, skb: Skb | undefined): void {
  const { dev, addr: target } = neigh;
  const source = announced(net, neigh, skb) ?? inetSelectAddr(dev, target, RT_SCOPE_LINK) ?? ANY;
  const unicast = (neigh.state & NUD_VALID) !== 0;
  const to = unicast ? neigh.mac : MAC_BROADCAST;
  if (skb !== undefined && skb.trace !== 0)
    net.ns.kernel.traceEvent(
      skb,
      dev,
      'neigh',
      `ARP: who has ${formatIpv4(target)}? tell ${formatIpv4(source)}`,
      {
        target: formatIpv4(target),
        source: formatIpv4(source),
        broadcast: !unicast,
      },
    );
  arpSend(
    dev,
    wire.REQUEST,
    { sha: dev.mac, spa: source, tha: unicast ? neigh.mac : MAC_ZERO, tpa: target },
    to,
  );
}

/** The waiting packet's own source, as far as arp_announce lets it be told; undefined: choose one. */
function announced(net: Ipv4Net, neigh: Neigh, skb: Skb | undefined): Ipv4 | undefined {
  const level = maxConf(neigh.dev, 'arp_announce');
  if (skb === undefined || level >= 2) return undefined;
  const source = ip.src(skb.bytes, skb.network);
  if (net.fib.lookup(source)?.type !== 'local') return undefined;
  return level === 0 || addrOnlink(neigh.dev, neigh.addr, source) ? source : undefined;
}

/** arp_rcv: `skb.data` is at the ARP header. Takes the skb. */
export function arpRcv(skb: Skb, dev: NetDevice): void {
  const { kernel } = dev;
  const b = skb.bytes;
  const at = skb.data;
  if (dev.noArp || dev.kind === 'loopback') {
    kernel.drop(skb, 'ARP_INVALID', dev, 'the device does without ARP');
    return;
  }
  const op = wire.check(b, at, skb.tail) === undefined ? wire.op(b, at) : 0;
  if (op !== wire.REQUEST && op !== wire.REPLY) {
    kernel.drop(skb, 'ARP_INVALID', dev);
    return;
  }
  const tip = wire.tpa(b, at);
  if (isMulticast(tip) || (isLoopback(tip) && !orConf(dev, 'route_localnet'))) {
    kernel.drop(skb, 'ARP_INVALID', dev, formatIpv4(tip));
    return;
  }
  const net = ipv4Net(dev.ns);
  if (wire.spa(b, at) === ANY) answerProbe(net, skb, dev, op);
  else if (op !== wire.REQUEST || !answer(net, skb, dev)) learn(net, skb, dev, op);
  skb.free();
}

/** Duplicate address detection (RFC 5227, RFC 2131): somebody wants to know whether an address is taken. */
function answerProbe(net: Ipv4Net, skb: Skb, dev: NetDevice, op: number): void {
  const tip = wire.tpa(skb.bytes, skb.data);
  const sha = wire.sha(skb.bytes, skb.data);
  if (op === wire.REQUEST && addrType(net, tip, dev) === 'LOCAL' && !ignored(net, dev, ANY, tip))
    arpSend(dev, wire.REPLY, { sha: dev.mac, spa: tip, tha: sha, tpa: ANY }, sha);
}

/** A request: true when it was for us (answered or not) or for somebody we stand in for. */
function answer(net: Ipv4Net, skb: Skb, dev: NetDevice): boolean {
  const b = skb.bytes;
  const at = skb.data;
  const sip = wire.spa(b, at);
  const tip = wire.tpa(b, at);
  const { route } = findInput(net, tip, sip, dev, net.verdict);
  if (route === undefined) return false;
  if (route.type === 'local') {
    if (!ignored(net, dev, sip, tip) && !(orConf(dev, 'arp_filter') && filtered(net, dev, sip)))
      reply(net, skb, dev);
    return true;
  }
  if (dev.conf.forwarding === 0 || route.type !== 'unicast' || !isProxyFor(route, dev)) return false;
  proxyReply(net, skb, dev);
  return true;
}

/** arp_fwd_proxy: the target is reached by another device than the one that asks. */
const isProxyFor = (route: Route, dev: NetDevice): boolean => route.dev !== dev && orConf(dev, 'proxy_arp');

/** Remembers who asked, as we will be talking to it, and answers. */
function reply(net: Ipv4Net, skb: Skb, dev: NetDevice): void {
  const b = skb.bytes;
  const at = skb.data;
  const sip = wire.spa(b, at);
  const sha = wire.sha(b, at);
  const neigh = net.neigh.create(dev, sip);
  if (neigh === undefined) return;
  net.neigh.update(neigh, sha, NUD_STALE, OVERRIDE);
  arpSend(dev, wire.REPLY, { sha: dev.mac, spa: wire.tpa(b, at), tha: sha, tpa: sip }, sha);
}

/** A proxy lets the real owner speak first: a broadcast request is answered after up to proxy_delay. */
function proxyReply(net: Ipv4Net, skb: Skb, dev: NetDevice): void {
  const delay = net.ns.sysctl.neigh.proxy_delay * 10;
  if (skb.pktType === PACKET_HOST || delay === 0) {
    reply(net, skb, dev);
    return;
  }
  if (net.proxyQueue >= net.ns.sysctl.neigh.proxy_qlen) return;
  const copy = skb.clone();
  const key = `${dev.name}/${wire.spa(copy.bytes, copy.data)}/${net.ns.kernel.clock.now()}`;
  net.proxyQueue++;
  net.ns.kernel.clock.after(net.ns.kernel.dice.u32('proxy-arp', key) % delay, () => {
    net.proxyQueue--;
    if (dev.ns === net.ns && dev.up) reply(net, copy, dev);
    copy.free();
  });
}

/** arp_ignore: whether conf says to keep silent about `tip`. */
function ignored(net: Ipv4Net, dev: NetDevice, sip: Ipv4, tip: Ipv4): boolean {
  const here = (scope: number) =>
    dev.addrs.some((a) => a.addr === tip && (scope === RT_SCOPE_HOST || a.scope !== 'host'));
  switch (maxConf(dev, 'arp_ignore')) {
    case 0:
      return false;
    case 1:
      return !here(RT_SCOPE_HOST);
    case 2:
      return !(here(RT_SCOPE_HOST) && (sip === ANY || addrOnlink(dev, tip, sip)));
    case 3:
      return ![...net.ns.devices.values()].some((d) =>
        d.addrs.some((a) => a.addr === tip && a.scope !== 'host'),
      );
    case 8:
      return true;
    default:
      return false;
  }
}

/** arp_filter: answer only where we would reach the asker by the same device. */
function filtered(net: Ipv4Net, dev: NetDevice, sip: Ipv4): boolean {
  const route = net.fib.lookup(sip);
  return route === undefined || route.dev !== dev;
}

/** Updates what we know of the sender; only what asks or answers us makes a new entry, unless arp_accept is set. */
function learn(net: Ipv4Net, skb: Skb, dev: NetDevice, op: number): void {
  const b = skb.bytes;
  const at = skb.data;
  const sip = wire.spa(b, at);
  const sha = wire.sha(b, at);
  let neigh = net.neigh.lookup(dev, sip);
  const accept = maxConf(dev, 'arp_accept') !== 0;
  if (neigh === undefined && !accept) return;
  const unicast = addrType(net, sip, dev) === 'UNICAST';
  const gratuitous =
    wire.tpa(b, at) === sip &&
    unicast &&
    (op === wire.REQUEST || wire.tha(b, at) === sha || op === wire.REPLY);
  if (neigh === undefined && (gratuitous || (op === wire.REPLY && unicast)))
    neigh = net.neigh.create(dev, sip);
  if (neigh === undefined) return;
  // The first of several answers is the nearest: a fresh entry holds for locktime.
  const now = net.ns.kernel.clock.now();
  const override = gratuitous || now > neigh.updated + net.ns.sysctl.neigh.locktime * 10;
  const certain = op === wire.REPLY && skb.pktType === PACKET_HOST;
  net.neigh.update(neigh, sha, certain ? NUD_REACHABLE : NUD_STALE, override ? OVERRIDE : 0);
}

/** inetdev_send_gratuitous_arp: for each address of the device. */
function announce(dev: NetDevice, addr: Ipv4): void {
  arpSend(dev, wire.REQUEST, { sha: dev.mac, spa: addr, tha: dev.mac, tpa: addr }, MAC_BROADCAST);
}

/** arp_netdev_event and the NETDEV_UP and NETDEV_CHANGEADDR cases of inetdev_event. */
export function arpOnEvent(event: NetnsEvent): void {
  const { dev } = event;
  if (event.type === 'change') {
    const state = inDevice(dev);
    if (state.mac === dev.mac) return;
    // What others called us by is no longer right, and with it what we had from them.
    state.mac = dev.mac;
    state.net.neigh.flush(dev, false);
    if (!dev.up) return;
  } else if (event.type !== 'up') return;
  if (maxConf(dev, 'arp_notify') !== 0) for (const addr of dev.addrs) announce(dev, addr.addr);
}
