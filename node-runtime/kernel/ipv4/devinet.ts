// Addresses and what they are to us: net/ipv4/devinet.c (inet_select_addr) and fib_frontend.c (inet_addr_type).
import type { IfAddr, NetDevice } from '../netns/device.ts';
import type { AddrType } from '../netns/ipv4-ops.ts';
import type { DevConf } from '../netns/sysctl.ts';
import { ANY, BROADCAST, type Ipv4, inPrefix, isMulticast } from '../wire/addr.ts';
import { type Ipv4Net, ipv4Net } from './net.ts';
import { type Route, type RouteType, RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE } from './route.ts';

const TYPES: Readonly<Record<RouteType, AddrType>> = {
  unicast: 'UNICAST',
  local: 'LOCAL',
  broadcast: 'BROADCAST',
  multicast: 'MULTICAST',
  blackhole: 'BLACKHOLE',
  unreachable: 'UNREACHABLE',
  prohibit: 'PROHIBIT',
  throw: 'UNICAST',
};

/** inet_addr_type, and inet_dev_addr_type when `dev` is given: then only what that device's routes say counts. */
export function addrType(net: Ipv4Net, addr: Ipv4, dev?: NetDevice): AddrType {
  if (addr >>> 24 === 0 || addr === BROADCAST) return 'BROADCAST';
  if (isMulticast(addr)) return 'MULTICAST';
  const route = dev === undefined ? net.fib.lookup(addr) : localRoute(net, addr);
  if (route === undefined || (dev !== undefined && route.dev !== dev)) return 'UNICAST';
  return TYPES[route.type];
}

/** What the local table alone says: fib_get_table(RT_TABLE_LOCAL). */
function localRoute(net: Ipv4Net, addr: Ipv4): Route | undefined {
  const route = net.fib.lookup(addr);
  return route !== undefined && route.type !== 'unicast' ? route : undefined;
}

/** Whether the address is one of this namespace's own: inet_lookup_ifaddr. */
export const isLocal = (net: Ipv4Net, addr: Ipv4): boolean => net.fib.lookup(addr)?.type === 'local';

export const addrScope = (addr: IfAddr): number =>
  addr.scope === 'global' ? RT_SCOPE_UNIVERSE : addr.scope === 'link' ? RT_SCOPE_LINK : RT_SCOPE_HOST;

/** IFA_F_SECONDARY: an address of the same network stands before it. */
export function isSecondary(dev: NetDevice, addr: IfAddr): boolean {
  for (const other of dev.addrs) {
    if (other === addr) return false;
    if (other.prefixLen === addr.prefixLen && inPrefix(addr.addr, { addr: other.addr, len: other.prefixLen }))
      return true;
  }
  return false;
}

/**
 * inet_select_addr: a primary address of `dev` whose network holds `dst` (0: any), else its first; failing that, any
 * device's. `scope`: addresses that reach less far are passed over.
 */
export function inetSelectAddr(dev: NetDevice, dst: Ipv4, scope: number): Ipv4 | undefined {
  let first: Ipv4 | undefined;
  for (const addr of dev.addrs) {
    if (addrScope(addr) > scope || isSecondary(dev, addr)) continue;
    if (dst === ANY || inPrefix(dst, { addr: addr.addr, len: addr.prefixLen })) return addr.addr;
    first ??= addr.addr;
  }
  if (first !== undefined) return first;
  for (const other of dev.ns.devices.values())
    for (const addr of other.addrs)
      if (addr.scope !== 'link' && addrScope(addr) <= scope && !isSecondary(other, addr)) return addr.addr;
  return undefined;
}

/** inet_addr_onlink: whether one network of the device holds both. `b` 0: whether one holds `a`. */
export function addrOnlink(dev: NetDevice, a: Ipv4, b: Ipv4): boolean {
  return dev.addrs.some((addr) => {
    const p = { addr: addr.addr, len: addr.prefixLen };
    return inPrefix(a, p) && (b === ANY || inPrefix(b, p));
  });
}

/** fib_result_prefsrc: the address that a packet of ours gets by this route. */
export function routeSource(route: Route): Ipv4 {
  if (route.prefsrc !== ANY) return route.prefsrc;
  if (route.saddr !== -1) return route.saddr as Ipv4;
  const dev = route.dev;
  const saddr = dev === undefined ? undefined : inetSelectAddr(dev, nexthopFor(route), route.scope);
  route.saddr = saddr ?? ANY;
  return saddr ?? ANY;
}

/** fib_info_update_nhc_saddr asks for the gateway's network; without a gateway any address of the device will do. */
const nexthopFor = (route: Route): Ipv4 => route.gateway;

/** Addresses have changed: what routes remembered of them no longer holds. */
export function forgetSources(net: Ipv4Net): void {
  for (const route of net.fib.list()) route.saddr = -1;
  net.onLinkRoutes.clear();
  net.broadcastRoutes.clear();
}

/** The setting of conf/all or the device's own, as each IN_DEV_*CONF macro joins them. */
export const orConf = (dev: NetDevice, key: keyof DevConf): boolean =>
  dev.conf[key] !== 0 || dev.ns.sysctl.conf.get('all')![key] !== 0;
export const maxConf = (dev: NetDevice, key: keyof DevConf): number =>
  Math.max(dev.conf[key], dev.ns.sysctl.conf.get('all')![key]);
export const andConf = (dev: NetDevice, key: keyof DevConf): boolean =>
  dev.conf[key] !== 0 && dev.ns.sysctl.conf.get('all')![key] !== 0;

/** MASQUERADE's question: the address of `dev` towards the next hop to `dst`. */
export function selectAddr(dev: NetDevice, dst: Ipv4): Ipv4 | undefined {
  const route = ipv4Net(dev.ns).fib.lookupFor(dst, dev.ifindex);
  const nexthop = route !== undefined && route.gateway !== ANY ? route.gateway : dst;
  return inetSelectAddr(dev, nexthop, RT_SCOPE_UNIVERSE);
}
