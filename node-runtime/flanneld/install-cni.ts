// The files of the kube-flannel ConfigMap (flannel Documentation/kube-flannel.yml) and what its init containers do: net-conf.json
// for the daemon, and cni-conf.json copied to where the container runtime looks.
import type { NetworkSpec } from '../../emulator/protocol/cluster.ts';
import type { NodeFs } from '../node-fs.ts';
import { NET_CONF } from './net-conf.ts';
import { ENCAP_OVERHEAD } from './vxlan/device.ts';

export const FLANNEL_CONFLIST = '/etc/cni/net.d/10-flannel.conflist';

/** net-conf.json for a cluster's settings; keys at their defaults are left out, as people write it. */
export function netConfJson(podCIDR: string, network: NetworkSpec): string {
  const { backend, vni, port, directRouting, mtu } = network;
  const vxlan = {
    ...(vni === 1 ? {} : { VNI: vni }),
    ...(port === 0 || port === 8472 ? {} : { Port: port }),
    ...(directRouting ? { DirectRouting: true } : {}),
    // flannel's option is the lower device's MTU, the cluster file's the pods'.
    ...(mtu === undefined ? {} : { MTU: mtu + ENCAP_OVERHEAD }),
  };
  const udp = port === 0 || port === 8472 || port === 8285 ? {} : { Port: port };
  const options = backend === 'vxlan' ? vxlan : backend === 'udp' ? udp : {};
  return `${JSON.stringify({ Network: podCIDR, EnableNFTables: false, Backend: { Type: backend, ...options } }, undefined, 2)}\n`;
}

export function cniConfList({ bridge, hairpin }: Pick<NetworkSpec, 'bridge' | 'hairpin'>): string {
  const delegate = {
    ...(bridge === 'cni0' ? {} : { bridge }),
    hairpinMode: hairpin,
    isDefaultGateway: true,
  };
  const plugins = [
    { type: 'flannel', delegate },
    { type: 'portmap', capabilities: { portMappings: true } },
  ];
  return `${JSON.stringify({ name: 'cbr0', cniVersion: '0.3.1', plugins }, undefined, 2)}\n`;
}

/** The init containers install-cni and what mounts the ConfigMap. */
export function installFlannel(fs: NodeFs, podCIDR: string, network: NetworkSpec): void {
  fs.write(NET_CONF, netConfJson(podCIDR, network));
  fs.write(FLANNEL_CONFLIST, cniConfList(network));
}
