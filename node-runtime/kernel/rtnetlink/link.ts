// `ip link`: net/core/rtnetlink.c (rtnl_newlink, rtnl_setlink, rtnl_dellink).
import { addBridge, Bridge } from '../netdev/bridge.ts';
import { Dummy } from '../netdev/dummy.ts';
import { Tun } from '../netdev/tun.ts';
import { addVethPair, type VethEnd } from '../netdev/veth.ts';
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { addVxlan, type VxlanOptions } from '../tunnel/vxlan.ts';
import { isGroupMac, type Mac } from '../wire/addr.ts';
import { answers, inWords, noDevice, says } from './errors.ts';

/** IFNAMSIZ - 1. */
const MAX_NAME = 15;

export type LinkSpec =
  | (VethEnd & {
      readonly type: 'veth';
      readonly peer: VethEnd & { readonly netns?: Netns };
    })
  | { readonly type: 'bridge'; readonly name: string; readonly mac?: Mac; readonly mtu?: number }
  | { readonly type: 'dummy'; readonly name: string; readonly mac?: Mac; readonly mtu?: number }
  | { readonly type: 'tun'; readonly name: string; readonly mtu?: number; readonly txQueueLen?: number }
  | (Omit<VxlanOptions, 'lower'> & {
      readonly type: 'vxlan';
      /** Name of the lower device: `dev eth0`. */
      readonly dev?: string;
    });

/** What `ip link set` and `bridge link set` change. `netns` comes last, `up` after everything but that. */
export interface LinkChange {
  readonly name?: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly txQueueLen?: number;
  /** A bridge's name; undefined inside the record means `nomaster`. */
  readonly master?: string | undefined;
  readonly promisc?: boolean;
  readonly arp?: boolean;
  readonly up?: boolean;
  readonly netns?: Netns;
  /** Bridge port flags. */
  readonly hairpin?: boolean;
  readonly isolated?: boolean;
  readonly learning?: boolean;
  readonly flood?: boolean;
}

export function linkGet(ns: Netns, name: string): NetDevice {
  const dev = ns.device(name);
  if (dev === undefined) throw noDevice(name);
  return dev;
}

export function linkAdd(ns: Netns, spec: LinkSpec): NetDevice {
  checkName(ns, spec.name);
  return inWords(() => {
    switch (spec.type) {
      case 'veth': {
        const peerNs = spec.peer.netns ?? ns;
        checkName(peerNs, spec.peer.name);
        if (peerNs === ns && spec.peer.name === spec.name) throw answers('EEXIST');
        return addVethPair(ns, spec, peerNs, spec.peer)[0];
      }
      case 'bridge':
        return addBridge(ns, spec);
      case 'dummy':
        return ns.register(new Dummy(ns.kernel, spec));
      case 'tun':
        return ns.register(new Tun(ns.kernel, spec));
      case 'vxlan': {
        const { dev, type: _, ...options } = spec;
        return addVxlan(ns, dev === undefined ? options : { ...options, lower: linkGet(ns, dev) });
      }
    }
  });
}

function checkName(ns: Netns, name: string): void {
  if (name.length > MAX_NAME) throw says('ERANGE', 'Attribute failed policy validation');
  if (name === '' || name === '.' || name === '..' || /[/:\s]/.test(name)) throw answers('EINVAL');
  if (ns.device(name) !== undefined) throw answers('EEXIST');
}

export function linkDel(ns: Netns, name: string): void {
  const dev = linkGet(ns, name);
  // Loopback and real cards have no rtnl_link_ops to delete them by.
  if (dev.kind === 'loopback' || dev.kind === 'ether') throw answers('EOPNOTSUPP');
  ns.unregister(dev);
}

export function linkSet(ns: Netns, name: string, change: LinkChange): NetDevice {
  const dev = linkGet(ns, name);
  inWords(() => apply(ns, dev, change));
  return dev;
}

function apply(ns: Netns, dev: NetDevice, change: LinkChange): void {
  const { kind } = dev;
  if (change.netns !== undefined && change.netns !== ns)
    checkMove(dev, change.netns, change.name ?? dev.name);
  else if (change.name !== undefined && change.name !== dev.name) checkName(ns, change.name);
  if (change.mac !== undefined) {
    if (kind === 'loopback' || !dev.ethernet) throw answers('EOPNOTSUPP');
    if (isGroupMac(change.mac) || change.mac === 0) throw answers('EADDRNOTAVAIL');
    dev.setMac(change.mac);
  }
  if (change.mtu !== undefined) dev.setMtu(change.mtu);
  if (change.txQueueLen !== undefined) dev.txQueueLen = change.txQueueLen;
  if (change.arp !== undefined) dev.noArp = !change.arp;
  if (change.promisc !== undefined) dev.promisc = Math.max(0, dev.promisc + (change.promisc ? 1 : -1));
  if (change.name !== undefined) rename(dev, change.name);
  if ('master' in change) enslave(ns, dev, change.master);
  setPort(dev, change);
  if (change.up !== undefined) ns.setUp(dev, change.up);
  if (change.netns !== undefined && change.netns !== ns) ns.move(dev, change.netns);
}

function checkMove(dev: NetDevice, to: Netns, name: string): void {
  if (dev.kind === 'loopback' || dev.kind === 'bridge') throw answers('EINVAL');
  if (to.device(name) !== undefined) throw answers('EEXIST');
}

/** dev_change_name: its settings keep with it. */
function rename(dev: NetDevice, name: string): void {
  if (name === dev.name) return;
  const { conf } = dev.ns.sysctl;
  conf.delete(dev.name);
  conf.set(name, dev.conf);
  dev.name = name;
  dev.ns.notify({ type: 'change', dev });
}

/** do_set_master: out of the old bridge, into the new. */
function enslave(ns: Netns, dev: NetDevice, master: string | undefined): void {
  const bridge = master === undefined ? undefined : linkGet(ns, master);
  if (bridge === dev.master) return;
  if (bridge !== undefined && !(bridge instanceof Bridge)) throw answers('EOPNOTSUPP');
  if (dev.master instanceof Bridge) dev.master.delPort(dev);
  bridge?.addPort(dev);
}

function setPort(dev: NetDevice, change: LinkChange): void {
  const { hairpin, isolated, learning, flood } = change;
  if (hairpin === undefined && isolated === undefined && learning === undefined && flood === undefined)
    return;
  const port = dev.master instanceof Bridge ? dev.master.port(dev) : undefined;
  if (port === undefined) throw answers('EOPNOTSUPP');
  if (hairpin !== undefined) port.hairpin = hairpin;
  if (isolated !== undefined) port.isolated = isolated;
  if (learning !== undefined) port.learning = learning;
  if (flood !== undefined) port.flood = flood;
  dev.ns.notify({ type: 'change', dev });
}
