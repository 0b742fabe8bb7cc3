// subnet.env: what flanneld tells the CNI plugin and mk-docker-opts (flannel pkg/subnet/subnet.go, WriteSubnetFile). Written beside
// and renamed, so that no reader sees half of it.
import { formatPrefix, ip4, type Prefix } from '../kernel/wire/addr.ts';
import type { NodeFs } from '../node-fs.ts';

export const SUBNET_FILE = '/run/flannel/subnet.env';

export function subnetEnv(network: Prefix, lease: Prefix, mtu: number, ipMasq: boolean): string {
  // The first usable address is the bridge's.
  const gateway = { addr: ip4(lease.addr + 1), len: lease.len };
  return [
    `FLANNEL_NETWORK=${formatPrefix(network)}`,
    `FLANNEL_SUBNET=${formatPrefix(gateway)}`,
    `FLANNEL_MTU=${mtu}`,
    `FLANNEL_IPMASQ=${ipMasq}`,
    '',
  ].join('\n');
}

export function writeSubnetFile(fs: NodeFs, text: string, path = SUBNET_FILE): void {
  const slash = path.lastIndexOf('/');
  const temp = `${path.slice(0, slash)}/.${path.slice(slash + 1)}`;
  fs.write(temp, text, { mode: 0o644 });
  fs.rename(temp, path);
}
