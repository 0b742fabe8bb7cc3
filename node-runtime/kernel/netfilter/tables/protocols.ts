// Names of protocols as iptables knows them (xtables_chain_protos of libxtables, then /etc/protocols).

const NAMES: readonly (readonly [string, number])[] = [
  ['tcp', 6],
  ['sctp', 132],
  ['udp', 17],
  ['udplite', 136],
  ['icmp', 1],
  ['icmpv6', 58],
  ['ipv6-icmp', 58],
  ['esp', 50],
  ['ah', 51],
  ['mh', 135],
  ['all', 0],
  ['gre', 47],
  ['igmp', 2],
  ['ipencap', 4],
  ['ipip', 94],
  ['ospf', 89],
  ['vrrp', 112],
  ['dccp', 33],
  ['ipv6', 41],
  ['pim', 103],
  ['l2tp', 115],
];
const BY_NUMBER = new Map<number, string>();
for (const [name, number] of NAMES) if (!BY_NUMBER.has(number)) BY_NUMBER.set(number, name);

/** The name, or the number where there is none. */
export const protocolName = (num: number): string =>
  num === 0 ? 'all' : (BY_NUMBER.get(num) ?? String(num));

export function protocolNumber(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text) && Number(text) < 256) return Number(text);
  const lower = text.toLowerCase();
  return NAMES.find(([name]) => name === lower)?.[1];
}
