// Deletes UDP connections that lead to endpoints that are no more: pkg/proxy/conntrack/cleanup.go (v1.32). A client that keeps
// its source port would else go on to a dead pod for as long as it talks. Like upstream's of that version it looks at no
// Service without any serving endpoint (kubernetes/kubernetes#139628).

import type { Conntrack } from '../kernel/netfilter/conntrack/conntrack.ts';
import { DST, PORTS, PROTO, REPLY_TUPLE, SRC } from '../kernel/netfilter/conntrack/entry.ts';
import { parseIpv4 } from '../kernel/wire/addr.ts';
import { PROTO_UDP } from '../kernel/wire/ipv4.ts';
import type { Endpoint, ServicePort } from './types.ts';

/** Returns how many were deleted. */
export function cleanStaleEntries(
  ct: Pick<Conntrack, 'killWhere'>,
  units: Iterable<{ readonly port: ServicePort; readonly endpoints: readonly Endpoint[] }>,
): number {
  /** Address × 65536 + port. */
  const fronts = new Map<number, ReadonlySet<number>>();
  const nodePorts = new Map<number, ReadonlySet<number>>();
  for (const { port, endpoints } of units) {
    if (port.protocol !== 'UDP') continue;
    const serving = new Set(endpoints.filter((e) => e.serving).map((e) => parseIpv4(e.ip)! as number));
    if (serving.size === 0) continue;
    for (const ip of [port.clusterIP, ...port.loadBalancerVIPs, ...port.externalIPs])
      fronts.set(parseIpv4(ip)! * 65_536 + port.port, serving);
    if (port.nodePort !== 0) nodePorts.set(port.nodePort, serving);
  }
  if (fronts.size === 0) return 0;
  return ct.killWhere((e, at) => {
    if ((e[at + PROTO]! & 255) !== PROTO_UDP) return false;
    const dport = e[at + PORTS]! & 0xffff;
    const target = e[at + REPLY_TUPLE + SRC]! >>> 0;
    const stale = (serving: ReadonlySet<number> | undefined): boolean =>
      serving !== undefined && !serving.has(target);
    return stale(fronts.get((e[at + DST]! >>> 0) * 65_536 + dport)) || stale(nodePorts.get(dport));
  });
}
