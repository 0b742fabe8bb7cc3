// Where a packet of ours goes: ip_route_output_key_hash_rcu and __mkroute_output of net/ipv4/route.c.
import type { NetDevice } from '../netns/device.ts';
import type { OutputRoute, RouteErrno } from '../netns/ipv4-ops.ts';
import type { Netns } from '../netns/netns.ts';
import { ANY, BROADCAST, type Ipv4, isLoopback, isMulticast, LOOPBACK } from '../wire/addr.ts';
import { inetSelectAddr, isLocal, orConf, routeSource } from './devinet.ts';
import type { OutputChoice } from './flow.ts';
import { type Ipv4Net, ipv4Net } from './net.ts';
import { type Route, RT_SCOPE_LINK, routeErrno } from './route.ts';

/**
 * ip_route_output_key: fills `choice`, or says why there is no route. `anySrc`: the source need not be ours
 * (FLOWI_FLAG_ANYSRC, for packets that a hook has rewritten).
 */
export function findOutput(
  net: Ipv4Net,
  dst: Ipv4,
  src: Ipv4,
  oif: number,
  anySrc: boolean,
  choice: OutputChoice,
): RouteErrno | undefined {
  let named: NetDevice | undefined;
  const group = dst === BROADCAST || isMulticast(dst);
  if (src !== ANY) {
    if (isMulticast(src) || src === BROADCAST) return 'EINVAL';
    if (oif === 0 && group) {
      const owner = net.fib.lookup(src);
      if (owner?.type !== 'local' || owner.dev === undefined) return 'ENETUNREACH';
      return accept(net, choice, net.broadcastRoute(owner.dev), src, owner.dev);
    }
    if (!anySrc && !isLocal(net, src)) return 'EINVAL';
  }
  if (oif !== 0) {
    named = net.ns.devices.get(oif);
    if (named === undefined || !named.up) return 'ENETUNREACH';
    if (dst === BROADCAST || dst >>> 8 === 0xe00000)
      return accept(net, choice, net.broadcastRoute(named), src || sourceOn(named), named);
  }
  if (dst === ANY) return toLoopback(net, src, choice);
  const route = oif === 0 ? net.fib.lookup(dst) : net.fib.lookupFor(dst, oif);
  const error = route === undefined ? 'ENETUNREACH' : routeErrno(route.type);
  if (route === undefined || error !== undefined) {
    if (named === undefined) return error;
    return accept(net, choice, net.onLinkRoute(named), src || sourceOn(named), named);
  }
  if (route.type === 'local') {
    if (net.lo === undefined) return 'ENETUNREACH';
    return accept(net, choice, route, src || route.prefsrc || dst, net.lo);
  }
  return accept(net, choice, learned(net, route, dst), src || routeSource(route), route.dev!);
}

/** The same by the gateway of a redirect, where one was believed. */
function learned(net: Ipv4Net, route: Route, dst: Ipv4): Route {
  if (net.exceptions.size === 0) return route;
  const exception = net.exceptions.find(dst, net.ns.kernel.clock.now());
  return exception?.redirect !== undefined && exception.instead === route ? exception.redirect : route;
}

const sourceOn = (dev: NetDevice): Ipv4 => inetSelectAddr(dev, ANY, RT_SCOPE_LINK) ?? ANY;

/** To 0.0.0.0 means to this host. */
function toLoopback(net: Ipv4Net, src: Ipv4, choice: OutputChoice): RouteErrno | undefined {
  const to = src || LOOPBACK;
  const route = net.fib.lookup(to);
  if (net.lo === undefined || route?.type !== 'local') return 'ENETUNREACH';
  return accept(net, choice, route, to, net.lo);
}

function accept(
  net: Ipv4Net,
  choice: OutputChoice,
  route: Route,
  src: Ipv4,
  dev: NetDevice,
): RouteErrno | undefined {
  // A loopback source leaves the host only where route_localnet allows it.
  if (isLoopback(src) && dev !== net.lo && !orConf(dev, 'route_localnet')) return 'EINVAL';
  choice.route = route;
  choice.src = src;
  choice.dev = dev;
  return undefined;
}

/** The MTU of a packet of ours to `dst`: ip_dst_mtu_maybe_forward without forwarding. */
export function outputMtu(net: Ipv4Net, route: Route, dev: NetDevice, dst: Ipv4): number {
  if (net.exceptions.size !== 0) {
    const mtu = net.exceptions.find(dst, net.ns.kernel.clock.now())?.mtu ?? 0;
    if (mtu !== 0) return mtu;
  }
  return route.mtu !== 0 ? route.mtu : Math.min(dev.mtu, 0xffff);
}

/** The MTU of a forwarded packet: what we have learnt for ourselves does not bind others. */
export const forwardMtu = (route: Route): number =>
  route.mtu !== 0 ? route.mtu : Math.min(route.dev!.mtu, 0xffff);

const TYPES = { local: 'LOCAL', broadcast: 'BROADCAST', multicast: 'MULTICAST' } as const;

/** Ipv4Ops.routeOutput. */
export function routeOutput(ns: Netns, dst: Ipv4, src: Ipv4, oif: number): OutputRoute | RouteErrno {
  const net = ipv4Net(ns);
  const choice = net.choice;
  const error = findOutput(net, dst, src, oif, false, choice);
  if (error !== undefined) return error;
  const { route, dev } = choice;
  const type = isMulticast(dst) ? 'multicast' : route.type;
  return {
    type: type === 'local' || type === 'broadcast' || type === 'multicast' ? TYPES[type] : 'UNICAST',
    dev,
    src: choice.src,
    mtu: outputMtu(net, route, dev, dst),
    gateway: route.gateway === ANY ? undefined : route.gateway,
  };
}

/** __ip_rt_update_pmtu. */
export function updatePmtu(ns: Netns, dst: Ipv4, mtu: number): void {
  const net = ipv4Net(ns);
  const choice = net.choice;
  if (findOutput(net, dst, ANY, 0, false, choice) !== undefined) return;
  const old = outputMtu(net, choice.route, choice.dev, dst);
  if (old < mtu) return;
  const least = ns.sysctl.route.min_pmtu;
  const locked = mtu < least;
  const expires = ns.kernel.clock.now() + ns.sysctl.route.mtu_expires * 1000;
  net.exceptions.learnMtu(dst, locked ? Math.min(old, least) : mtu, locked, expires);
}
