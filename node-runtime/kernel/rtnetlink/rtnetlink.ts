// The interface by which daemons program the kernel: an AF_NETLINK socket of family NETLINK_ROUTE, as calls rather than
// messages. Each refuses as Linux does, with a NetnsError that has the errno's name and the line that `ip` would print.
//
//   const rtnl = rtnetlink(ns);
//   rtnl.linkAdd({ type: 'bridge', name: 'cni0' });
//   rtnl.addrAdd('cni0', { addr: prefix('10.244.1.1/24') });
//   rtnl.linkSet('cni0', { up: true });
import type { NetDevice, Qdisc } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import type { Ipv4, Prefix } from '../wire/addr.ts';
import { type AddrSpec, addrAdd, addrDel, addrFlush, addrList, addrReplace } from './addr.ts';
import { type FdbSpec, fdbAdd, fdbAppend, fdbDel, fdbList, fdbReplace } from './fdb.ts';
import { type LinkChange, type LinkSpec, linkAdd, linkDel, linkGet, linkSet } from './link.ts';
import { type RtnlEvent, subscribe } from './monitor.ts';
import {
  type NeighSpec,
  neighAdd,
  neighChange,
  neighDel,
  neighFlush,
  neighList,
  neighReplace,
} from './neigh.ts';
import {
  type RouteMatch,
  type RouteSpec,
  routeAdd,
  routeAppend,
  routeChange,
  routeDel,
  routeGet,
  routeList,
  routeReplace,
} from './route.ts';

export const rtnetlink = perNet('rtnetlink', (ns: Netns) => ({
  /** The device of that name; throws ENODEV. */
  link: (name: string): NetDevice => linkGet(ns, name),
  linkList: (): NetDevice[] => [...ns.devices.values()],
  linkAdd: (spec: LinkSpec) => linkAdd(ns, spec),
  linkDel: (name: string) => linkDel(ns, name),
  linkSet: (name: string, change: LinkChange) => linkSet(ns, name, change),

  addrAdd: (dev: string, spec: AddrSpec) => addrAdd(ns, dev, spec),
  addrReplace: (dev: string, spec: AddrSpec) => addrReplace(ns, dev, spec),
  addrDel: (dev: string, addr: Prefix) => addrDel(ns, dev, addr),
  addrFlush: (dev: string) => addrFlush(ns, dev),
  addrList: (dev?: string) => addrList(ns, dev),

  routeAdd: (spec: RouteSpec) => routeAdd(ns, spec),
  routeAppend: (spec: RouteSpec) => routeAppend(ns, spec),
  routeReplace: (spec: RouteSpec) => routeReplace(ns, spec),
  routeChange: (spec: RouteSpec) => routeChange(ns, spec),
  routeDel: (match: RouteMatch) => routeDel(ns, match),
  routeList: (filter?: Parameters<typeof routeList>[1]) => routeList(ns, filter),
  routeGet: (dst: Ipv4, from?: Parameters<typeof routeGet>[2]) => routeGet(ns, dst, from),

  neighAdd: (spec: NeighSpec) => neighAdd(ns, spec),
  neighReplace: (spec: NeighSpec) => neighReplace(ns, spec),
  neighChange: (spec: NeighSpec) => neighChange(ns, spec),
  neighDel: (dev: string, addr: Ipv4) => neighDel(ns, dev, addr),
  neighFlush: (dev: string) => neighFlush(ns, dev),
  neighList: (dev?: string) => neighList(ns, dev),

  fdbAdd: (spec: FdbSpec) => fdbAdd(ns, spec),
  fdbAppend: (spec: FdbSpec) => fdbAppend(ns, spec),
  fdbReplace: (spec: FdbSpec) => fdbReplace(ns, spec),
  fdbDel: (spec: Pick<FdbSpec, 'mac' | 'dev' | 'dst'>) => fdbDel(ns, spec),
  fdbList: (dev?: string) => fdbList(ns, dev),

  /** `tc qdisc replace dev DEV root …`, or `del` with undefined; what waits in the old one is freed. */
  qdiscSet: (dev: string, qdisc: Qdisc | undefined) => qdiscSet(linkGet(ns, dev), qdisc),

  /** Every change of links, addresses, routes and neighbours, until the returned function is called. */
  subscribe: (fn: (event: RtnlEvent) => void) => subscribe(ns, fn),
}));

export type Rtnetlink = ReturnType<typeof rtnetlink>;

function qdiscSet(dev: NetDevice, qdisc: Qdisc | undefined): void {
  const old = dev.qdisc;
  dev.qdisc = qdisc;
  old?.stop();
}
