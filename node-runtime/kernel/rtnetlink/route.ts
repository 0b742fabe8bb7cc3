// `ip route`: fib_table_insert and fib_table_delete of net/ipv4/fib_trie.c with the checks of fib_create_info and
// fib_check_nh (fib_semantics.c), and the defaults that iproute2 fills in.
import { ipv4Net } from '../ipv4/net.ts';
import {
  Route,
  type RouteProto,
  type RouteType,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
} from '../ipv4/route.ts';
import type { NetDevice } from '../netns/device.ts';
import type { OutputRoute } from '../netns/ipv4-ops.ts';
import type { Netns } from '../netns/netns.ts';
import { ANY, type Ipv4, network, type Prefix } from '../wire/addr.ts';
import { answers, says } from './errors.ts';
import { linkGet } from './link.ts';

export interface RouteSpec {
  /** Without host bits; 0.0.0.0/0 is the default route. */
  readonly dst: Prefix;
  readonly via?: Ipv4;
  readonly dev?: string;
  readonly onlink?: boolean;
  readonly type?: RouteType;
  readonly table?: number;
  readonly metric?: number;
  readonly src?: Ipv4;
  /** RT_SCOPE_*. */
  readonly scope?: number;
  readonly proto?: RouteProto;
  readonly mtu?: number;
  readonly advmss?: number;
}

/** What `ip route del` must match; fields left out match anything. */
export type RouteMatch = Pick<RouteSpec, 'dst'> & Partial<RouteSpec>;

const NOWHERE: readonly RouteType[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];

export function routeAdd(ns: Netns, spec: RouteSpec): Route {
  const route = build(ns, spec);
  if (alike(ns, route) !== undefined) throw answers('EEXIST');
  ipv4Net(ns).fib.add(route);
  return route;
}

/** Behind others of the same prefix and metric, as `ip route append`. */
export function routeAppend(ns: Netns, spec: RouteSpec): Route {
  const route = build(ns, spec);
  const same = (r: Route): boolean =>
    r.table === route.table && r.metric === route.metric && r.type === route.type && sameHop(r, route);
  if (ipv4Net(ns).fib.at(route.dst, route.len).some(same)) throw answers('EEXIST');
  ipv4Net(ns).fib.add(route);
  return route;
}

/** `ip route replace`: in the place of the first with the same prefix, table and metric, or new. */
export function routeReplace(ns: Netns, spec: RouteSpec): Route {
  const route = build(ns, spec);
  const old = alike(ns, route);
  const { fib } = ipv4Net(ns);
  // The new one first, so that no packet falls between the two.
  fib.add(route, true);
  if (old !== undefined) fib.remove(old);
  return route;
}

/** `ip route change`: there must be one. */
export function routeChange(ns: Netns, spec: RouteSpec): Route {
  if (alike(ns, build(ns, spec)) === undefined) throw answers('ENOENT');
  return routeReplace(ns, spec);
}

export function routeDel(ns: Netns, match: RouteMatch): void {
  const { fib } = ipv4Net(ns);
  const table = tableOf(match);
  const found = fib.at(match.dst.addr, match.dst.len).find((r) => r.table === table && matches(r, match));
  if (found === undefined) throw answers('ESRCH');
  fib.remove(found);
}

/** Routes in `ip route show`'s order; table main unless named, 'all' for every table. */
export function routeList(
  ns: Netns,
  filter: { readonly table?: number | 'all'; readonly dev?: string; readonly dst?: Prefix } = {},
): Route[] {
  const { table = RT_TABLE_MAIN, dev, dst } = filter;
  return ipv4Net(ns)
    .fib.list()
    .filter(
      (r) =>
        (table === 'all' || r.table === table) &&
        (dev === undefined || r.dev?.name === dev) &&
        (dst === undefined || (r.dst === network(dst) && r.len === dst.len)),
    );
}

/** `ip route get`: where a packet of ours would go. Throws what the look-up fails with. */
export function routeGet(
  ns: Netns,
  dst: Ipv4,
  from: { readonly src?: Ipv4; readonly dev?: string } = {},
): OutputRoute {
  const oif = from.dev === undefined ? 0 : linkGet(ns, from.dev).ifindex;
  const found = ns.kernel.ipv4.routeOutput(ns, dst, from.src ?? ANY, oif, 0);
  if (typeof found === 'string') throw answers(found);
  return found;
}

const tableOf = (spec: RouteMatch): number =>
  spec.table ?? (spec.type === 'local' || spec.type === 'broadcast' ? RT_TABLE_LOCAL : RT_TABLE_MAIN);

/** fib_find_alias: the one that a new route would stand in the way of. */
const alike = (ns: Netns, route: Route): Route | undefined =>
  ipv4Net(ns)
    .fib.at(route.dst, route.len)
    .find((r) => r.table === route.table && r.metric === route.metric);

const sameHop = (a: Route, b: Route): boolean =>
  a.gateway === b.gateway && a.dev === b.dev && a.scope === b.scope && a.prefsrc === b.prefsrc;

function matches(route: Route, match: RouteMatch): boolean {
  return (
    (match.type === undefined || route.type === match.type) &&
    (match.scope === undefined || route.scope === match.scope) &&
    (match.src === undefined || route.prefsrc === match.src) &&
    (match.proto === undefined || route.proto === match.proto) &&
    (match.metric === undefined || route.metric === match.metric) &&
    (match.dev === undefined || route.dev?.name === match.dev) &&
    (match.via === undefined || route.gateway === match.via)
  );
}

/** fib_create_info: the route, or why it cannot be. */
function build(ns: Netns, spec: RouteSpec): Route {
  const { dst, type = 'unicast', via = ANY } = spec;
  if (network(dst) !== dst.addr) throw says('EINVAL', 'Invalid prefix for given prefix length');
  const scope = spec.scope ?? defaultScope(type, via);
  const hop = NOWHERE.includes(type)
    ? { dev: undefined, nhScope: RT_SCOPE_NOWHERE }
    : nexthop(ns, spec, type, scope);
  const src = spec.src ?? ANY;
  if (src !== ANY && ipv4Net(ns).fib.lookup(src)?.type !== 'local')
    throw says('EINVAL', 'Invalid prefsrc address');
  return new Route({
    dst: dst.addr,
    len: dst.len,
    type,
    table: tableOf(spec),
    scope,
    proto: spec.proto ?? 'boot',
    metric: spec.metric ?? 0,
    prefsrc: src,
    gateway: via,
    onlink: spec.onlink ?? false,
    mtu: spec.mtu ?? 0,
    advmss: spec.advmss ?? 0,
    ...hop,
  });
}

/** What iproute2 sends when no scope is given. */
function defaultScope(type: RouteType, via: Ipv4): number {
  if (type === 'local') return RT_SCOPE_HOST;
  if (type === 'broadcast' || type === 'multicast') return RT_SCOPE_LINK;
  return type === 'unicast' && via === ANY ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

interface Hop {
  readonly dev: NetDevice;
  readonly nhScope: number;
}

/** fib_check_nh. */
function nexthop(ns: Netns, spec: RouteSpec, type: RouteType, scope: number): Hop {
  const dev = spec.dev === undefined ? undefined : linkGet(ns, spec.dev);
  if (type === 'local' && scope === RT_SCOPE_HOST) {
    if (spec.via !== undefined) throw says('EINVAL', 'Route with host scope can not have a gateway');
    if (dev === undefined) throw answers('ENODEV');
    return { dev, nhScope: RT_SCOPE_NOWHERE };
  }
  if (spec.via !== undefined) return byGateway(ns, spec.via, dev, spec.onlink ?? false, scope);
  if (spec.onlink) throw says('EINVAL', 'Flags can not be onlink without a gateway');
  if (dev === undefined) throw answers('ENODEV');
  if (!dev.up) throw says('ENETDOWN', 'Device for nexthop is not up');
  return { dev, nhScope: type === 'broadcast' ? RT_SCOPE_NOWHERE : RT_SCOPE_HOST };
}

/** fib_check_nh_v4_gw: the gateway must be on a link of ours, or be said to be. */
function byGateway(ns: Netns, via: Ipv4, dev: NetDevice | undefined, onlink: boolean, scope: number): Hop {
  const { fib } = ipv4Net(ns);
  if (onlink) {
    if (scope >= RT_SCOPE_LINK) throw says('EINVAL', 'Nexthop has invalid scope');
    if (dev === undefined) throw says('ENODEV', 'Nexthop device required for onlink');
    const type = ns.kernel.ipv4.addrType(ns, via, dev);
    if (type !== 'UNICAST') throw says('EINVAL', 'Nexthop has invalid gateway');
    if (!dev.up) throw says('ENETDOWN', 'Nexthop device is not up');
    return { dev, nhScope: RT_SCOPE_LINK };
  }
  const nearer = Math.max(scope + 1, RT_SCOPE_LINK);
  const found = fib.lookupFor(via, dev?.ifindex ?? 0, nearer);
  if (found?.dev === undefined) throw says('ENETUNREACH', 'Nexthop has invalid gateway');
  if (found.type !== 'unicast' && found.type !== 'local') throw says('EINVAL', 'Nexthop has invalid gateway');
  if (!found.dev.up) throw answers('ENETDOWN');
  return { dev: found.dev, nhScope: found.scope };
}
