// The jumps from the built-in chains into kube-proxy's: iptablesJumpChains of pkg/proxy/iptables/proxier.go. Each is put at the
// head of its chain, so they stand in the reverse of this order.
import {
  EXTERNAL_SERVICES,
  FORWARD,
  KUBELET_FIREWALL,
  NODEPORTS,
  POSTROUTING,
  PROXY_FIREWALL,
  SERVICES,
} from './names.ts';

export interface Jump {
  readonly table: 'filter' | 'nat';
  readonly to: string;
  readonly from: string;
  readonly rule: readonly string[];
}

const NEW = ['-m', 'conntrack', '--ctstate', 'NEW'] as const;
const jump = (
  table: Jump['table'],
  to: string,
  from: string,
  comment: string,
  match: readonly string[] = [],
): Jump => ({
  table,
  to,
  from,
  rule: [...match, ...(comment === '' ? [] : ['-m', 'comment', '--comment', comment]), '-j', to],
});

const EXTERNAL = 'kubernetes externally-visible service portals';
const PORTALS = 'kubernetes service portals';
const BALANCER = 'kubernetes load balancer firewall';

export const JUMPS: readonly Jump[] = [
  jump('filter', EXTERNAL_SERVICES, 'INPUT', EXTERNAL, NEW),
  jump('filter', EXTERNAL_SERVICES, 'FORWARD', EXTERNAL, NEW),
  jump('filter', NODEPORTS, 'INPUT', 'kubernetes health check service ports'),
  jump('filter', SERVICES, 'FORWARD', PORTALS, NEW),
  jump('filter', SERVICES, 'OUTPUT', PORTALS, NEW),
  jump('filter', FORWARD, 'FORWARD', 'kubernetes forwarding rules'),
  jump('filter', PROXY_FIREWALL, 'INPUT', BALANCER, NEW),
  jump('filter', PROXY_FIREWALL, 'OUTPUT', BALANCER, NEW),
  jump('filter', PROXY_FIREWALL, 'FORWARD', BALANCER, NEW),
  jump('nat', SERVICES, 'OUTPUT', PORTALS),
  jump('nat', SERVICES, 'PREROUTING', PORTALS),
  jump('nat', POSTROUTING, 'POSTROUTING', 'kubernetes postrouting rules'),
];
/** Copies of the kubelet's, which stay when kube-proxy goes. */
export const KUBELET_JUMPS: readonly Jump[] = [
  jump('filter', KUBELET_FIREWALL, 'INPUT', ''),
  jump('filter', KUBELET_FIREWALL, 'OUTPUT', ''),
];
