// `ip addr`: net/ipv4/devinet.c (inet_rtm_newaddr, inet_rtm_deladdr).
import type { IfAddr } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { type Ipv4, isMulticast, type Prefix } from '../wire/addr.ts';
import { says } from './errors.ts';
import { linkGet } from './link.ts';

export interface AddrSpec {
  /** With its host bits: 10.244.1.1/24. */
  readonly addr: Prefix;
  readonly broadcast?: Ipv4;
  readonly scope?: IfAddr['scope'];
  readonly label?: string;
}

export function addrAdd(ns: Netns, devName: string, spec: AddrSpec): void {
  const dev = linkGet(ns, devName);
  const { addr, len } = spec.addr;
  if (isMulticast(addr) || addr === 0xffffffff) throw says('EINVAL', 'ipv4: Invalid address');
  if (dev.addrs.some((a) => a.addr === addr && a.prefixLen === len))
    throw says('EEXIST', 'ipv4: Address already assigned');
  ns.addAddr(dev, {
    addr,
    prefixLen: len,
    broadcast: spec.broadcast,
    scope: spec.scope ?? (addr >>> 24 === 127 ? 'host' : 'global'),
    label: spec.label ?? dev.name,
  });
}

/** `ip addr replace`: adds it unless it is there. */
export function addrReplace(ns: Netns, devName: string, spec: AddrSpec): void {
  const { addr, len } = spec.addr;
  if (linkGet(ns, devName).addrs.some((a) => a.addr === addr && a.prefixLen === len)) return;
  addrAdd(ns, devName, spec);
}

export function addrDel(ns: Netns, devName: string, addr: Prefix): void {
  const dev = linkGet(ns, devName);
  if (!dev.addrs.some((a) => a.addr === addr.addr && a.prefixLen === addr.len))
    throw says('EADDRNOTAVAIL', 'ipv4: Address not found');
  ns.delAddr(dev, addr.addr, addr.len);
}

/** `ip addr flush dev DEV`. */
export function addrFlush(ns: Netns, devName: string): void {
  const dev = linkGet(ns, devName);
  while (dev.addrs.length > 0) ns.delAddr(dev, dev.addrs[0]!.addr, dev.addrs[0]!.prefixLen);
}

/** Addresses of one device or of all. */
export function addrList(ns: Netns, devName?: string): readonly IfAddr[] {
  if (devName !== undefined) return [...linkGet(ns, devName).addrs];
  return [...ns.devices.values()].flatMap((dev) => dev.addrs);
}
