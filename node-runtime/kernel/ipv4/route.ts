// One route: struct fib_alias and fib_info with a single next hop (net/ipv4/fib_semantics.c). A packet's `skb.dst` is
// the route itself: what Linux copies into an rtable per flow is the same for all packets of a route here, except a
// learned path MTU or redirect (exceptions.ts).
import type { NetDevice } from '../netns/device.ts';
import { ANY, formatIpv4, formatPrefix, type Ipv4 } from '../wire/addr.ts';

export const RT_TABLE_DEFAULT = 253;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;

/** How far a destination is: the larger, the nearer (include/uapi/linux/rtnetlink.h). */
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;
export const RT_SCOPE_NOWHERE = 255;

export type RouteType =
  | 'unicast'
  | 'local'
  | 'broadcast'
  | 'multicast'
  | 'blackhole'
  | 'unreachable'
  | 'prohibit'
  | 'throw';

/** Who put the route there, as `ip route` prints it. */
export type RouteProto = 'kernel' | 'boot' | 'static' | 'bird' | 'dhcp' | 'redirect';

export interface RouteInit {
  readonly dst: Ipv4;
  readonly len: number;
  readonly type: RouteType;
  readonly table: number;
  readonly scope: number;
  readonly proto: RouteProto;
  readonly metric: number;
  readonly prefsrc: Ipv4;
  readonly gateway: Ipv4;
  readonly dev: NetDevice | undefined;
  readonly onlink: boolean;
  readonly mtu: number;
  readonly advmss: number;
  /** Scope of the next hop: HOST when the destination itself is on the link, LINK behind a gateway, NOWHERE when local. */
  readonly nhScope: number;
}

export class Route {
  readonly dst: Ipv4;
  readonly len: number;
  readonly type: RouteType;
  readonly table: number;
  readonly scope: number;
  readonly proto: RouteProto;
  readonly metric: number;
  /** 0: none given. */
  readonly prefsrc: Ipv4;
  /** 0: the destination is on the link. */
  readonly gateway: Ipv4;
  /** Undefined only for types that lead nowhere. */
  readonly dev: NetDevice | undefined;
  readonly onlink: boolean;
  /** 0: the device's. */
  readonly mtu: number;
  readonly advmss: number;
  readonly nhScope: number;
  /** The gateway's neighbour entry, kept while it lives; the neighbour table's, which checks that it still does. */
  neigh: object | undefined = undefined;
  /** The address a packet of ours gets, computed once: nhc_saddr. -1 until then, 0 when there is none. */
  saddr = -1;

  constructor(init: RouteInit) {
    this.dst = init.dst;
    this.len = init.len;
    this.type = init.type;
    this.table = init.table;
    this.scope = init.scope;
    this.proto = init.proto;
    this.metric = init.metric;
    this.prefsrc = init.prefsrc;
    this.gateway = init.gateway;
    this.dev = init.dev;
    this.onlink = init.onlink;
    this.mtu = init.mtu;
    this.advmss = init.advmss;
    this.nhScope = init.nhScope;
  }

  /** As `ip route` names the destination. */
  get destination(): string {
    if (this.len === 0) return 'default';
    return this.len === 32 ? formatIpv4(this.dst) : formatPrefix({ addr: this.dst, len: this.len });
  }

  /** One line, as `ip route show table all` prints it. */
  describe(): string {
    const table = this.table === RT_TABLE_MAIN ? '' : this.table === RT_TABLE_LOCAL ? 'local' : this.table;
    return [
      this.type === 'unicast' ? '' : this.type,
      this.destination,
      this.gateway === ANY ? '' : `via ${formatIpv4(this.gateway)}`,
      this.dev === undefined ? '' : `dev ${this.dev.name}`,
      table === '' ? '' : `table ${table}`,
      this.proto === 'boot' ? '' : `proto ${this.proto}`,
      scopeText(this.scope),
      this.prefsrc === ANY ? '' : `src ${formatIpv4(this.prefsrc)}`,
      this.metric === 0 ? '' : `metric ${this.metric}`,
      this.mtu === 0 ? '' : `mtu ${this.mtu}`,
      this.advmss === 0 ? '' : `advmss ${this.advmss}`,
      this.onlink ? 'onlink' : '',
      this.dev !== undefined && !this.dev.carrier && this.type === 'unicast' ? 'linkdown' : '',
    ]
      .filter((word) => word !== '')
      .join(' ');
  }
}

function scopeText(scope: number): string {
  if (scope === RT_SCOPE_LINK) return 'scope link';
  if (scope === RT_SCOPE_HOST) return 'scope host';
  return scope === RT_SCOPE_UNIVERSE ? '' : `scope ${scope}`;
}

/** What a look-up that ends in such a route returns to the caller: fib_props[].error. */
export function routeErrno(
  type: RouteType,
): 'EINVAL' | 'EHOSTUNREACH' | 'EACCES' | 'ENETUNREACH' | undefined {
  switch (type) {
    case 'blackhole':
      return 'EINVAL';
    case 'unreachable':
      return 'EHOSTUNREACH';
    case 'prohibit':
      return 'EACCES';
    case 'throw':
      return 'ENETUNREACH';
    default:
      return undefined;
  }
}
