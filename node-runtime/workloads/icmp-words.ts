// What ping and traceroute call an ICMP error: iputils' pr_icmph (ping/ping.c).
import * as icmp from '../kernel/wire/icmp.ts';

const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'Destination Net Unreachable',
  1: 'Destination Host Unreachable',
  2: 'Destination Protocol Unreachable',
  3: 'Destination Port Unreachable',
  5: 'Source Route Failed',
  6: 'Destination Net Unknown',
  7: 'Destination Host Unknown',
  8: 'Source Host Isolated',
  9: 'Destination Net Prohibited',
  10: 'Destination Host Prohibited',
  11: 'Destination Net Unreachable for Type of Service',
  12: 'Destination Host Unreachable for Type of Service',
  13: 'Packet filtered',
  14: 'Precedence Violation',
  15: 'Precedence Cutoff',
};

export function icmpWords(type: number, code: number, info: number): string {
  switch (type) {
    case icmp.DEST_UNREACH:
      if (code === icmp.FRAG_NEEDED) return `Frag needed and DF set (mtu = ${info})`;
      return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`;
    case icmp.TIME_EXCEEDED:
      if (code === 0) return 'Time to live exceeded';
      return code === 1 ? 'Frag reassembly time exceeded' : `Time exceeded, Bad Code: ${code}`;
    case icmp.REDIRECT:
      return `Redirect ${['Network', 'Host', 'Type of Service and Network', 'Type of Service and Host'][code] ?? `Bad Code: ${code}`}`;
    case 4:
      return 'Source Quench';
    case 12:
      return `Parameter problem: pointer = ${info}`;
    default:
      return `Bad ICMP type: ${type}`;
  }
}
