// The `proxy` fields of a cluster file, and of a node that differs from its cluster: kube-proxy's configuration, with upstream's
// names and defaults (pkg/proxy/apis/config/v1alpha1/defaults.go).
import type { Reader } from '../input/reader.ts';
import type { ProxySpec } from '../protocol/cluster.ts';
import { parseRange } from './prefix.ts';

const FIELDS = [
  'mode',
  'detectLocalMode',
  'clusterCIDR',
  'bridgeInterface',
  'interfaceNamePrefix',
  'nodePortAddresses',
  'localhostNodePorts',
  'masqueradeAll',
  'masqueradeBit',
  'minSyncPeriod',
  'syncPeriod',
  'conntrackTCPEstablishedTimeout',
  'conntrackTCPCloseWaitTimeout',
  'conntrackTCPBeLiberal',
] as const satisfies readonly (keyof ProxySpec)[];

type Mutable<T> = { -readonly [K in keyof T]?: T[K] };

const range = (at: Reader): string =>
  parseRange(at.text()) === undefined
    ? at.fail(`"${at.text()}" is no IPv4 range`, 'write an address and a prefix length, as 192.168.100.0/24')
    : at.text();

function mode(at: Reader): ProxySpec['mode'] {
  const value = at.text();
  if (value === 'ipvs' || value === 'nftables')
    at.fail(`kube-proxy has no mode ${value} here yet`, 'use iptables, or none');
  return at.choice(['iptables', 'none']);
}

/** What is said; the rest is the cluster's, or upstream's default. */
export function readNodeProxy(at: Reader): Partial<ProxySpec> {
  const f = at.fields([...FIELDS]);
  const out: Mutable<ProxySpec> = {};
  if (!f.mode.absent) out.mode = mode(f.mode);
  if (!f.detectLocalMode.absent)
    out.detectLocalMode = f.detectLocalMode.choice([
      'ClusterCIDR',
      'NodeCIDR',
      'BridgeInterface',
      'InterfaceNamePrefix',
    ]);
  if (!f.clusterCIDR.absent) out.clusterCIDR = f.clusterCIDR.text() === '' ? '' : range(f.clusterCIDR);
  for (const key of ['bridgeInterface', 'interfaceNamePrefix'] as const)
    if (!f[key].absent)
      out[key] = /^[^\s/]{1,15}$/.test(f[key].text())
        ? f[key].text()
        : f[key].fail(`"${f[key].text()}" is no device name`, 'use at most 15 characters, as cni0');
  if (!f.nodePortAddresses.absent) out.nodePortAddresses = f.nodePortAddresses.list(range);
  for (const key of ['localhostNodePorts', 'masqueradeAll', 'conntrackTCPBeLiberal'] as const)
    if (!f[key].absent) out[key] = f[key].boolean();
  if (!f.masqueradeBit.absent) out.masqueradeBit = f.masqueradeBit.integer(0, 31);
  for (const key of [
    'minSyncPeriod',
    'syncPeriod',
    'conntrackTCPEstablishedTimeout',
    'conntrackTCPCloseWaitTimeout',
  ] as const)
    if (!f[key].absent) out[key] = f[key].duration();
  if (out.syncPeriod === 0) f.syncPeriod.fail('must be longer than 0', 'use 30s, or leave it out');
  if (
    (out.detectLocalMode === 'BridgeInterface' && out.bridgeInterface === undefined) ||
    (out.detectLocalMode === 'InterfaceNamePrefix' && out.interfaceNamePrefix === undefined)
  )
    f.detectLocalMode.fail(
      `${out.detectLocalMode} needs to be told of which device`,
      out.detectLocalMode === 'BridgeInterface'
        ? 'add bridgeInterface: cni0'
        : 'add interfaceNamePrefix: veth',
    );
  return out;
}

export function proxyDefaults(podCIDR: string): ProxySpec {
  return {
    mode: 'iptables',
    detectLocalMode: 'ClusterCIDR',
    clusterCIDR: podCIDR,
    bridgeInterface: '',
    interfaceNamePrefix: '',
    nodePortAddresses: [],
    localhostNodePorts: true,
    masqueradeAll: false,
    masqueradeBit: 14,
    minSyncPeriod: 1000,
    syncPeriod: 30_000,
    conntrackTCPEstablishedTimeout: 86_400_000,
    conntrackTCPCloseWaitTimeout: 3_600_000,
    conntrackTCPBeLiberal: false,
  };
}

export const readProxy = (at: Reader, podCIDR: string): ProxySpec => ({
  ...proxyDefaults(podCIDR),
  ...(at.absent ? {} : readNodeProxy(at)),
});
