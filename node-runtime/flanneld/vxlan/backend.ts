// The vxlan back end (flannel pkg/backend/vxlan/vxlan.go): one VXLAN device for all peers, told everything, learning nothing.
//
// Versions before it asked user space about unknown addresses (L3MISS, L2MISS) and filled the tables on demand; every miss cost a
// packet its place. Since then each lease brings one neighbour, one FDB entry and one route.
import { errnoText } from '../../cni/errno.ts';
import type { Timer } from '../../kernel/clock/clock.ts';
import { formatMac, formatPrefix, type Mac, parseMac } from '../../kernel/wire/addr.ts';
import { applyToKernel } from '../apply.ts';
import type { Backend, BackendContext, BackendNetwork } from '../backend.ts';
import { applyChanges } from '../change.ts';
import type { LeaseEvent } from '../lease.ts';
import { backendFlag, backendNumber } from '../net-conf.ts';
import { configureVtep, DEFAULT_PORT, deviceName, ENCAP_OVERHEAD, ensureVtep } from './device.ts';
import { plan, type VxlanContext, type VxlanData } from './plan.ts';

export { plan };

const RECREATE_MIN = 1000;
const RECREATE_MAX = 30_000;

export const register: Backend['register'] = async (context): Promise<BackendNetwork> => {
  const { conf, ext, rtnl } = context;
  const vni = backendNumber(conf, 'VNI', 1);
  if (backendFlag(conf, 'GBP')) throw new Error('VXLAN group policy (GBP) is not emulated');
  const mac = storedMac(context) ?? context.randomMac();
  const options = {
    vni,
    port: backendNumber(conf, 'Port', 0) || DEFAULT_PORT,
    learning: backendFlag(conf, 'Learning'),
    lower: ext.name,
    local: ext.address,
    mtu: (backendNumber(conf, 'MTU', 0) || ext.mtu) - ENCAP_OVERHEAD,
    mac,
  };
  let dev = ensureVtep(rtnl, options);
  const lease = await context.acquireLease({
    publicIP: ext.publicIP,
    backendType: 'vxlan',
    backendData: { VNI: vni, VtepMAC: formatMac(mac) },
  });
  configureVtep(rtnl, dev, lease.subnet.addr, mac);

  const known = new Map<string, LeaseEvent>();
  const handle = (events: readonly LeaseEvent[]): void => {
    for (const event of events) {
      const key = formatPrefix(event.lease.subnet);
      // A peer that came back with another MAC or address: what the old one brought goes first.
      const before = known.get(key);
      if (event.type === 'added' && before !== undefined)
        applyEvent(context, vxlanContext, { ...before, type: 'removed' });
      if (event.type === 'added') known.set(key, event);
      else known.delete(key);
      applyEvent(context, vxlanContext, event);
    }
  };
  const vxlanContext: VxlanContext = {
    device: deviceName(vni),
    vni,
    directDevice: backendFlag(conf, 'DirectRouting')
      ? (event) => directDevice(context, event)
      : () => undefined,
  };
  const recreate = watchDevice(context, deviceName(vni), () => {
    dev = ensureVtep(rtnl, options);
    configureVtep(rtnl, dev, lease.subnet.addr, mac);
    for (const event of known.values()) applyEvent(context, vxlanContext, event);
  });
  return { lease, mtu: dev.mtu, handle, stop: recreate.stop };
};

/** The MAC that we told the others of before a restart: they go on using it. */
function storedMac(context: BackendContext): Mac | undefined {
  const data = context.storedData() as Partial<VxlanData> | null | undefined;
  return typeof data?.VtepMAC === 'string' ? parseMac(data.VtepMAC) : undefined;
}

function applyEvent({ rtnl, log }: BackendContext, vxlan: VxlanContext, event: LeaseEvent): void {
  const subnet = formatPrefix(event.lease.subnet);
  try {
    const changes = plan(event, vxlan);
    if (changes.length === 0)
      log.warn({ subnet }, `ignoring non-vxlan v4Subnet(${subnet}): type=${event.lease.attrs.backendType}`);
    applyChanges(event.type, changes, (change) => applyToKernel(rtnl, change));
  } catch (error) {
    log.error(
      { subnet, err: errnoText(error) },
      event.type === 'added' ? 'failed to add lease' : 'failed to remove lease',
    );
  }
}

/** ip.DirectRouting: reached without a gateway. */
function directDevice({ rtnl }: BackendContext, { lease }: LeaseEvent): string | undefined {
  try {
    const route = rtnl.routeGet(lease.attrs.publicIP);
    return route.gateway === undefined ? route.dev.name : undefined;
  } catch {
    return undefined;
  }
}

/** Puts the device back when someone deleted it, trying again ever more slowly. */
function watchDevice({ rtnl, clock, log }: BackendContext, name: string, make: () => void): { stop(): void } {
  let wait = RECREATE_MIN;
  let timer: Timer | undefined;
  const attempt = (): void => {
    timer = undefined;
    try {
      make();
      wait = RECREATE_MIN;
    } catch (error) {
      log.error({ err: errnoText(error) }, `failed to recreate ${name}`);
      wait = Math.min(wait * 2, RECREATE_MAX);
      timer = clock.after(wait, attempt);
    }
  };
  const unsubscribe = rtnl.subscribe((event) => {
    if (event.type !== 'dellink' || event.dev.name !== name || timer !== undefined) return;
    log.warn({}, `${name} was deleted; recreating it`);
    timer = clock.after(wait, attempt);
  });
  return {
    stop() {
      unsubscribe();
      timer?.cancel();
    },
  };
}
