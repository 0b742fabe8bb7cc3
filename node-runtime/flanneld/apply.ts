// Carries a back end's changes out through rtnetlink. Dumb: what is to be done was decided by `plan`.
import { hasErrno } from '../cni/errno.ts';
import type { Rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import type { Change } from './change.ts';

/** Changes of the kernel's tables; "peer" is not the kernel's. */
export function applyToKernel(rtnl: Rtnetlink, change: Change): void {
  switch (change.op) {
    case 'neigh':
      rtnl.neighReplace({ dev: change.dev, addr: change.addr, mac: change.mac, state: 'permanent' });
      return;
    case 'neigh-del':
      rtnl.neighDel(change.dev, change.addr);
      return;
    case 'fdb':
      rtnl.fdbReplace({ dev: change.dev, mac: change.mac, dst: change.dst });
      return;
    case 'fdb-del':
      rtnl.fdbDel({ dev: change.dev, mac: change.mac, dst: change.dst });
      return;
    case 'route':
      replaceRoute(rtnl, change);
      return;
    case 'route-del':
      rtnl.routeDel({ dst: change.dst, via: change.via });
      return;
    case 'peer':
    case 'peer-del':
      throw new Error(`${change.op} is no change of the kernel's`);
  }
}

/** A route to the same subnet by another way is taken away first (route_network.go, addRoute). */
function replaceRoute(
  rtnl: Rtnetlink,
  { dst, via, dev, onlink }: Extract<Change, { op: 'route' | 'route-del' }>,
): void {
  const same = rtnl.routeList({ dst }).filter((route) => route.dev?.name === dev && route.gateway === via);
  for (const other of rtnl.routeList({ dst }))
    if (!same.includes(other)) rtnl.routeDel({ dst, via: other.gateway });
  if (same.length > 0) return;
  try {
    rtnl.routeAdd({ dst, via, dev, onlink, scope: 0 });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}
