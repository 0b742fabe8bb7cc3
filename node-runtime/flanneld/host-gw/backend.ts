// host-gw (flannel pkg/backend/hostgw/hostgw.go and backend/route_network.go): no tunnel, the other nodes are the gateways. They must
// be on the same segment: the kernel refuses a gateway it cannot reach directly.
import { errnoText } from '../../cni/errno.ts';
import { formatPrefix } from '../../kernel/wire/addr.ts';
import { applyToKernel } from '../apply.ts';
import type { Backend, BackendNetwork } from '../backend.ts';
import { applyChanges, type Change } from '../change.ts';
import type { LeaseEvent } from '../lease.ts';
import { plan } from './plan.ts';

export { plan };

const ROUTE_CHECK_MS = 10_000;

export const register: Backend['register'] = async (context): Promise<BackendNetwork> => {
  const { ext, rtnl, clock, log } = context;
  if (ext.address !== ext.publicIP)
    throw new Error(
      "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend",
    );
  const lease = await context.acquireLease({
    publicIP: ext.publicIP,
    backendType: 'host-gw',
    backendData: null,
  });
  /** Routes that ought to be there, by subnet. */
  const routes = new Map<string, Change>();
  const tryApply = (change: Change): void => {
    try {
      applyToKernel(rtnl, change);
    } catch (error) {
      log.error({ err: errnoText(error) }, `error adding route: ${errnoText(error)}`);
    }
  };
  const handle = (events: readonly LeaseEvent[]): void => {
    for (const event of events) {
      const { subnet, attrs } = event.lease;
      const changes = plan(event, { device: ext.name });
      if (changes.length === 0)
        log.warn({ subnet: formatPrefix(subnet) }, `Ignoring non-host-gw subnet: type=${attrs.backendType}`);
      for (const change of changes) {
        if (event.type === 'added') {
          routes.set(formatPrefix(subnet), change);
          tryApply(change);
          continue;
        }
        routes.delete(formatPrefix(subnet));
        try {
          applyChanges('removed', [change], (c) => applyToKernel(rtnl, c));
        } catch (error) {
          log.error({ subnet: formatPrefix(subnet), err: errnoText(error) }, 'error deleting route');
        }
      }
    }
  };
  const check = (): void => {
    timer = clock.after(ROUTE_CHECK_MS, check);
    for (const change of routes.values()) {
      if (change.op !== 'route') continue;
      const there = rtnl.routeList({ dst: change.dst }).some((route) => route.gateway === change.via);
      if (!there) tryApply(change);
    }
  };
  let timer = clock.after(ROUTE_CHECK_MS, check);
  return { lease, mtu: ext.mtu, handle, stop: () => timer.cancel() };
};
