// `arp` and `route` (net-tools), which read /proc/net/arp and /proc/net/route.
import { NUD_FAILED, NUD_INCOMPLETE, NUD_PERMANENT } from '../ipv4/neigh.ts';
import type { Netns } from '../netns/netns.ts';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { formatIpv4, formatMac, netmask } from '../wire/addr.ts';

/** `arp -n`; with `bsd` `arp -an`. */
export function arp(ns: Netns, bsd: boolean): string {
  const rows = rtnetlink(ns)
    .neighList()
    .map((n) => ({
      addr: formatIpv4(n.addr),
      mac: (n.state & (NUD_INCOMPLETE | NUD_FAILED)) === 0 ? formatMac(n.mac) : undefined,
      permanent: (n.state & NUD_PERMANENT) !== 0,
      dev: n.dev.name,
    }));
  if (bsd)
    return rows
      .map(({ addr, mac, permanent, dev }) =>
        mac === undefined
          ? `? (${addr}) at <incomplete> on ${dev}\n`
          : `? (${addr}) at ${mac} [ether]${permanent ? ' PERM' : ''} on ${dev}\n`,
      )
      .join('');
  const head = 'Address                  HWtype  HWaddress           Flags Mask            Iface\n';
  return (
    head +
    rows
      .map(({ addr, mac, permanent, dev }) =>
        mac === undefined
          ? `${addr.padEnd(23)}          (incomplete)                              ${dev}\n`
          : `${addr.padEnd(23)}  ether   ${mac.padEnd(18)}  ${(permanent ? 'CM' : 'C').padEnd(22)}${dev}\n`,
      )
      .join('')
  );
}

/** `route -n`, or `netstat -rn` with `netstat`. */
export function routeTable(ns: Netns, netstat = false): string {
  const head = `Kernel IP routing table\nDestination     Gateway         Genmask         Flags ${netstat ? '  MSS Window  irtt' : 'Metric Ref    Use'} Iface\n`;
  return (
    head +
    rtnetlink(ns)
      .routeList()
      .map((r) => {
        const flags = `${r.type === 'unicast' || r.type === 'blackhole' ? 'U' : '!'}${r.gateway === 0 ? '' : 'G'}${r.len === 32 ? 'H' : ''}`;
        const cells = [formatIpv4(r.dst), formatIpv4(r.gateway), formatIpv4(netmask(r.len))].map((c) =>
          c.padEnd(15),
        );
        const numbers = netstat ? '    0 0          0' : `${String(r.metric).padEnd(6)} 0        0`;
        return `${cells.join(' ')} ${flags.padEnd(5)} ${numbers} ${r.dev?.name ?? '*'}\n`;
      })
      .join('')
  );
}
