// flannel.<VNI> (flannel pkg/backend/vxlan/device.go): made if it is not there, made anew if what is there does not fit, never given
// another MAC while it lives.
import { hasErrno } from '../../cni/errno.ts';
import type { NetDevice } from '../../kernel/netns/device.ts';
import type { Rtnetlink } from '../../kernel/rtnetlink/rtnetlink.ts';
import { Vxlan } from '../../kernel/tunnel/vxlan.ts';
import { formatMac, type Ipv4, type Mac } from '../../kernel/wire/addr.ts';

/** Outer IPv4, UDP, VXLAN, inner Ethernet. */
export const ENCAP_OVERHEAD = 50;
/** The port Linux has always used; IANA's is 4789. */
export const DEFAULT_PORT = 8472;

export interface VtepOptions {
  readonly vni: number;
  readonly port: number;
  readonly learning: boolean;
  readonly lower: string;
  readonly local: Ipv4;
  readonly mtu: number;
  readonly mac: Mac;
}

export const deviceName = (vni: number): string => `flannel.${vni}`;

/** ensureLink. Throws when the device cannot be had as it must be. */
export function ensureVtep(rtnl: Rtnetlink, options: VtepOptions): NetDevice {
  const name = deviceName(options.vni);
  const spec = {
    type: 'vxlan',
    name,
    vni: options.vni,
    dev: options.lower,
    local: options.local,
    dstPort: options.port,
    learning: options.learning,
    mtu: options.mtu,
    mac: options.mac,
  } as const;
  try {
    rtnl.linkAdd(spec);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    const existing = rtnl.link(name);
    if (!compatible(existing, options)) {
      rtnl.linkDel(name);
      rtnl.linkAdd(spec);
    } else if (existing.mac !== options.mac) rtnl.linkSet(name, { mac: options.mac });
  }
  return rtnl.link(name);
}

/** vxlanLinksIncompat. */
function compatible(dev: NetDevice, options: VtepOptions): boolean {
  return (
    dev instanceof Vxlan &&
    dev.vni === options.vni &&
    dev.options.lower?.name === options.lower &&
    dev.options.local === options.local &&
    dev.dstPort === options.port &&
    dev.learning === options.learning
  );
}

/** EnsureV4AddressOnLink, link up, and the check that nobody (systemd does) gave the device another MAC meanwhile. */
export function configureVtep(rtnl: Rtnetlink, dev: NetDevice, address: Ipv4, mac: Mac): void {
  for (const old of rtnl.addrList(dev.name))
    if (old.addr !== address || old.prefixLen !== 32)
      rtnl.addrDel(dev.name, { addr: old.addr, len: old.prefixLen });
  rtnl.addrReplace(dev.name, { addr: { addr: address, len: 32 } });
  rtnl.linkSet(dev.name, { up: true });
  if (dev.mac !== mac)
    throw new Error(
      `flannel interface ${dev.name} hardware address changed: expected ${formatMac(mac)}, got ${formatMac(dev.mac)}`,
    );
}
