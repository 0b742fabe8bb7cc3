// Routes that come and go with addresses and devices: net/ipv4/fib_frontend.c (fib_add_ifaddr, fib_del_ifaddr,
// fib_inetaddr_event, fib_netdev_event) and inetdev_event of devinet.c.
import type { IfAddr, NetDevice } from '../netns/device.ts';
import type { NetnsEvent } from '../netns/netns.ts';
import { ANY, BROADCAST, broadcastOf, type Ipv4, ipv4, netmask, network } from '../wire/addr.ts';
import { forgetSources, isSecondary } from './devinet.ts';
import { type Ipv4Net, inDevice, ipv4Net } from './net.ts';
import {
  Route,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
} from './route.ts';

const LOOPBACK_ADDR: IfAddr = {
  addr: ipv4('127.0.0.1'),
  prefixLen: 8,
  broadcast: undefined,
  scope: 'host',
  label: 'lo',
};

export function onNetnsEvent(event: NetnsEvent): void {
  const net = ipv4Net(event.dev.ns);
  switch (event.type) {
    case 'register':
      if (event.dev.kind === 'loopback') net.lo = event.dev;
      return;
    case 'addr-add':
      forgetSources(net);
      addIfaddr(net, event.dev, event.addr);
      return;
    case 'addr-del':
      forgetSources(net);
      delIfaddr(net, event.dev, event.addr);
      return;
    case 'up':
      deviceUp(net, event.dev);
      return;
    case 'down':
      deviceDown(net, event.dev);
      return;
    case 'change':
      // Without carrier the neighbours are unknown again; those set by hand stay (neigh_carrier_down).
      if (!event.dev.carrier) net.neigh.flush(event.dev, true);
      return;
    case 'unregister':
      deviceGone(net, event.dev);
      return;
  }
}

function deviceUp(net: Ipv4Net, dev: NetDevice): void {
  if (dev.kind === 'loopback' && dev.addrs.length === 0) net.ns.addAddr(dev, LOOPBACK_ADDR);
  else for (const addr of dev.addrs) addIfaddr(net, dev, addr);
}

function deviceDown(net: Ipv4Net, dev: NetDevice): void {
  // Local and broadcast routes stay: an address answers by other devices while its own is down.
  net.fib.removeIf((route) => route.dev === dev && route.nhScope !== RT_SCOPE_NOWHERE);
  net.neigh.flush(dev, false);
}

function deviceGone(net: Ipv4Net, dev: NetDevice): void {
  net.fib.removeIf((route) => route.dev === dev);
  net.neigh.forget(dev);
  net.broadcastRoutes.delete(dev);
  net.onLinkRoutes.delete(dev);
  for (const other of net.ns.devices.values()) if (other.inDevice !== undefined) inDevice(other).forget(dev);
  dev.inDevice = undefined;
  if (net.lo === dev) net.lo = undefined;
}

function addIfaddr(net: Ipv4Net, dev: NetDevice, ifa: IfAddr): void {
  const prefix = { addr: ifa.addr, len: ifa.prefixLen };
  const base = network(prefix);
  const secondary = isSecondary(dev, ifa);
  // A secondary address uses its primary's as the source that the routes name.
  const source = secondary ? primaryOf(dev, ifa) : ifa.addr;
  magic(net, dev, 'local', ifa.addr, 32, source);
  if (!dev.up) return;
  const broadcast = ifa.broadcast;
  if (broadcast !== undefined && broadcast !== BROADCAST && broadcast !== ANY) {
    magic(net, dev, 'broadcast', broadcast, 32, source);
    forgetNeighbour(net, dev, broadcast);
  }
  if (base >>> 24 === 0 || secondary || (base === ifa.addr && ifa.prefixLen === 32)) return;
  magic(net, dev, dev.kind === 'loopback' ? 'local' : 'unicast', base, ifa.prefixLen, source);
  if (ifa.prefixLen < 31) {
    magic(net, dev, 'broadcast', broadcastOf(prefix), 32, source);
    forgetNeighbour(net, dev, broadcastOf(prefix));
  }
}

/** After the address is off the device's list: what no other address of the device still needs goes. */
function delIfaddr(net: Ipv4Net, dev: NetDevice, ifa: IfAddr): void {
  const prefix = { addr: ifa.addr, len: ifa.prefixLen };
  const base = network(prefix);
  const same = dev.addrs.filter(
    (a) => a.prefixLen === ifa.prefixLen && network({ addr: a.addr, len: a.prefixLen }) === base,
  );
  // The primary's secondaries go with it (promote_secondaries is 0 in the kernel's own defaults).
  const wasPrimary =
    same.length > 0 && net.fib.at(base, ifa.prefixLen).some((r) => r.dev === dev && r.prefsrc === ifa.addr);
  if (wasPrimary) for (const secondary of same) net.ns.delAddr(dev, secondary.addr, secondary.prefixLen);
  const rest = wasPrimary ? [] : same;
  const gone = (type: string, dst: Ipv4, len: number) =>
    net.fib.removeIf(
      (r) => r.dev === dev && r.type === type && r.dst === dst && r.len === len && r.proto === 'kernel',
    );
  if (rest.length === 0) {
    if (!(base === ifa.addr && ifa.prefixLen === 32))
      gone(dev.kind === 'loopback' ? 'local' : 'unicast', base, ifa.prefixLen);
    if (!dev.addrs.some((a) => a.broadcast === broadcastOf(prefix)))
      gone('broadcast', broadcastOf(prefix), 32);
    if (ifa.broadcast !== undefined) gone('broadcast', ifa.broadcast, 32);
  }
  if (!dev.addrs.some((a) => a.addr === ifa.addr)) {
    gone('local', ifa.addr, 32);
    // fib_sync_down_addr: routes that named it as their source go too.
    net.fib.removeIf(
      (r) => r.prefsrc === ifa.addr && r.table !== RT_TABLE_LOCAL && !stillLocal(net, ifa.addr),
    );
  }
}

const stillLocal = (net: Ipv4Net, addr: Ipv4): boolean =>
  [...net.ns.devices.values()].some((dev) => dev.addrs.some((a) => a.addr === addr));

function primaryOf(dev: NetDevice, ifa: IfAddr): Ipv4 {
  const mask = netmask(ifa.prefixLen);
  return dev.addrs.find((a) => a.prefixLen === ifa.prefixLen && ((a.addr ^ ifa.addr) & mask) === 0)!.addr;
}

/** fib_magic: a route of the kernel's own, unless it is there. */
function magic(
  net: Ipv4Net,
  dev: NetDevice,
  type: 'local' | 'broadcast' | 'unicast',
  dst: Ipv4,
  len: number,
  prefsrc: Ipv4,
): void {
  const table = type === 'unicast' ? RT_TABLE_MAIN : RT_TABLE_LOCAL;
  const known = net.fib.at(dst, len).some((r) => r.table === table && r.type === type && r.dev === dev);
  if (known) return;
  net.fib.add(
    new Route({
      dst,
      len,
      type,
      table,
      scope: type === 'local' ? RT_SCOPE_HOST : RT_SCOPE_LINK,
      proto: 'kernel',
      metric: 0,
      prefsrc,
      gateway: ANY,
      dev,
      onlink: false,
      mtu: 0,
      advmss: 0,
      nhScope: type === 'unicast' ? RT_SCOPE_HOST : RT_SCOPE_NOWHERE,
    }),
  );
}

/** arp_invalidate: an entry for what has become a broadcast address is wrong. */
function forgetNeighbour(net: Ipv4Net, dev: NetDevice, addr: Ipv4): void {
  const neigh = net.neigh.lookup(dev, addr);
  if (neigh !== undefined) net.neigh.remove(neigh);
}
