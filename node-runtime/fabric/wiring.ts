// How the fabric's kernel is wired: a switch per segment (a bridge, as Linux has it), the router between the segments with
// the outside network behind it, and hosts on either. All of it is kernel/, as in a node; only the ports that lead to
// nodes are NICs on underlay links.
//
//   node-1 ═ port ┐                       ┌ veth ─ netns control-plane (.2)
//   node-2 ═ port ┴─ br0, netns segment-a ┴ veth ─ netns router (.1) ─ veth ─ br0, netns outside ─ veth ─ netns example
import type { SegmentSpec } from '../../emulator/protocol/cluster.ts';
import { Nic } from '../kernel/netdev/nic.ts';
import type { Cable } from '../kernel/netns/cable.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import {
  broadcastOf,
  type Ipv4,
  ip4,
  type Mac,
  mac,
  network,
  type Prefix,
  prefix,
} from '../kernel/wire/addr.ts';

/** Documentation addresses (RFC 5737) stand for everything outside of the cluster. */
export const OUTSIDE = prefix('203.0.113.0/24');
const DEFAULT_ROUTE = prefix('0.0.0.0/0');
/** IFNAMSIZ, less the byte that ends a name in C. */
const NAME_MAX = 15;

/** 02:00 and the four bytes of the address: what eth0 of anything on the underlay has unless it was given another. */
export const underlayMac = (addr: Ipv4): Mac => mac(0x0200_0000_0000 + addr);

/** The n-th address of a network, counting from its own. */
export const nth = (net: Prefix, n: number): Ipv4 => ip4(network(net) + n);

export interface Switch {
  readonly ns: Netns;
  readonly net: Prefix;
  readonly mtu: number;
}

/** A namespace that is nothing but a switch. */
export function addSwitch(kernel: Kernel, name: string, net: Prefix, mtu: number): Switch {
  const ns = kernel.addNetns(name);
  // Frames are switched, not filtered: no machine sees them here.
  ns.sysctl.write('net.bridge.bridge-nf-call-iptables', '0');
  const rtnl = rtnetlink(ns);
  rtnl.linkAdd({ type: 'bridge', name: 'br0', mtu });
  rtnl.linkSet('br0', { up: true });
  return { ns, net, mtu };
}

export const segmentNetns = (segment: SegmentSpec): string => `segment-${segment.name}`;

/** A port that leads to another process. */
export function addPort(to: Switch, peer: string, cable: Cable): NetDevice {
  const { kernel } = to.ns;
  const name = portName(to.ns, peer);
  const port = to.ns.register(new Nic(kernel, { name, mac: kernel.randomMac(), mtu: to.mtu, cable }));
  rtnetlink(to.ns).linkSet(name, { master: 'br0', up: true });
  return port;
}

/** Plugs a namespace into a switch: device `dev` with this address there, a port named after it here. */
export function plugIn(
  to: Switch,
  ns: Netns,
  dev: string,
  addr: Ipv4,
  hw: Mac = underlayMac(addr),
): NetDevice {
  const port = portName(to.ns, ns.name);
  rtnetlink(to.ns).linkAdd({
    type: 'veth',
    name: port,
    mtu: to.mtu,
    peer: { name: dev, mac: hw, mtu: to.mtu, netns: ns },
  });
  rtnetlink(to.ns).linkSet(port, { master: 'br0', up: true });
  const rtnl = rtnetlink(ns);
  rtnl.linkSet(dev, { up: true });
  rtnl.addrAdd(dev, {
    addr: { addr, len: to.net.len },
    broadcast: broadcastOf({ addr, len: to.net.len }),
  });
  return rtnl.link(dev);
}

/** A namespace like a freshly booted machine's: loopback up, and one NIC with the router behind it. */
export function addHost(to: Switch, name: string, addr: Ipv4): Netns {
  const ns = to.ns.kernel.addNetns(name);
  rtnetlink(ns).linkSet('lo', { up: true });
  plugIn(to, ns, 'eth0', addr);
  rtnetlink(ns).routeAdd({ dst: DEFAULT_ROUTE, via: nth(to.net, 1), dev: 'eth0' });
  return ns;
}

/** The first address of each network, forwarding between them. Its devices are named after what they lead to. */
export function addRouter(kernel: Kernel, segments: readonly Switch[], outside: Switch): Netns {
  const ns = kernel.addNetns('router');
  rtnetlink(ns).linkSet('lo', { up: true });
  ns.sysctl.write('net.ipv4.ip_forward', '1');
  for (const [i, segment] of segments.entries()) plugIn(segment, ns, `eth${i}`, nth(segment.net, 1));
  plugIn(outside, ns, 'outside', nth(outside.net, 1));
  return ns;
}

/** The peer's name as far as a device name goes, made unique. */
function portName(ns: Netns, peer: string): string {
  const name = peer.slice(0, NAME_MAX);
  for (let n = 0, tried = name; ; n++, tried = `${name.slice(0, NAME_MAX - 1 - `${n}`.length)}~${n}`)
    if (ns.device(tried) === undefined) return tried;
}
