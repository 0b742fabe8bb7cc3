// The addresses NodePorts answer on: NodePortAddresses of pkg/proxy/util/nodeport_addresses.go.
import type { Netns } from '../kernel/netns/netns.ts';
import { formatIpv4, inPrefix, parsePrefix } from '../kernel/wire/addr.ts';

/** Of this node, those in one of the ranges; undefined where all are meant. */
export function nodePortIPs(ns: Netns, ranges: readonly string[]): readonly string[] | undefined {
  if (ranges.length === 0 || ranges.includes('0.0.0.0/0')) return undefined;
  const prefixes = ranges.flatMap((range) => parsePrefix(range) ?? []);
  const found: string[] = [];
  for (const dev of ns.devices.values())
    for (const { addr } of dev.addrs)
      if (prefixes.some((prefix) => inPrefix(addr, prefix))) found.push(formatIpv4(addr));
  return found.sort();
}
