// Which device flannel uses between nodes (flannel pkg/ipmatch/match.go): the one named, or the default route's. On machines with a NAT
// device of the same address everywhere (Vagrant's 10.0.2.15) the default is wrong, and every lease collides.
import type { Rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import { formatIpv4, type Ipv4, prefix } from '../kernel/wire/addr.ts';
import type { ExternalInterface } from './backend.ts';

export interface IfaceChoice {
  /** A device's name or an address of one: `--iface`. */
  readonly iface?: string;
  /** `--public-ip`. */
  readonly publicIP?: Ipv4;
  /** The Node's annotation node-public-ip: chooses the device that has it. */
  readonly nodePublicIP?: Ipv4;
}

export function externalInterface(rtnl: Rtnetlink, choice: IfaceChoice): ExternalInterface {
  const wanted =
    choice.iface ?? (choice.nodePublicIP === undefined ? undefined : formatIpv4(choice.nodePublicIP));
  const dev = wanted === undefined ? defaultDevice(rtnl) : byNameOrAddress(rtnl, wanted);
  const own =
    dev.addrs.find((a) => a.scope === 'global' && formatIpv4(a.addr) === wanted) ??
    dev.addrs.find((a) => a.scope === 'global');
  if (own === undefined) throw new Error(`failed to find IPv4 address for interface ${dev.name}`);
  if (dev.mtu === 0) throw new Error(`failed to determine MTU for ${formatIpv4(own.addr)} interface`);
  return { name: dev.name, mtu: dev.mtu, address: own.addr, publicIP: choice.publicIP ?? own.addr };
}

function defaultDevice(rtnl: Rtnetlink) {
  const route = rtnl.routeList({ dst: prefix('0.0.0.0/0') }).find((r) => r.dev !== undefined);
  if (route?.dev === undefined)
    throw new Error('failed to get default interface: unable to find default route');
  return route.dev;
}

function byNameOrAddress(rtnl: Rtnetlink, wanted: string) {
  const dev = rtnl
    .linkList()
    .find((d) => d.name === wanted || d.addrs.some((a) => formatIpv4(a.addr) === wanted));
  if (dev === undefined)
    throw new Error(`error looking up interface ${wanted}: route ip+net: no such network interface`);
  return dev;
}
