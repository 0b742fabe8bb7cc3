// What `ip route`, `ip neigh` and `bridge fdb` print (iproute2 6.1).
import {
  NUD_DELAY,
  NUD_FAILED,
  NUD_INCOMPLETE,
  NUD_PERMANENT,
  NUD_PROBE,
  NUD_REACHABLE,
  NUD_STALE,
} from '../ipv4/neigh.ts';
import type { Netns } from '../netns/netns.ts';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { formatIpv4, formatMac, type Ipv4, netmask, parsePrefix } from '../wire/addr.ts';

const text = (lines: readonly string[]): string => lines.map((l) => `${l} \n`).join('');

/** `ip route show [table TABLE] [dev DEV]`. */
export function ipRoute(ns: Netns, table: number | 'all' = 254, dev?: string): string {
  const routes = rtnetlink(ns).routeList({ table, ...(dev === undefined ? {} : { dev }) });
  // Of one table, its name is not printed with each route.
  return text(routes.map((r) => (table === 'all' ? r.describe() : r.describe().replace(/ table \S+/, ''))));
}

/** `ip route get ADDRESS`. Throws a NetnsError where there is no route. */
export function ipRouteGet(ns: Netns, dst: Ipv4): string {
  const { type, dev, gateway, src } = rtnetlink(ns).routeGet(dst);
  const kind = type === 'UNICAST' ? '' : `${type.toLowerCase()} `;
  const via = gateway === undefined ? '' : ` via ${formatIpv4(gateway)}`;
  const cache = type === 'LOCAL' ? 'cache <local>' : 'cache';
  return `${kind}${formatIpv4(dst)}${via} dev ${dev.name} src ${formatIpv4(src)} uid 0 \n    ${cache} \n`;
}

const STATES: readonly (readonly [number, string])[] = [
  [NUD_INCOMPLETE, 'INCOMPLETE'],
  [NUD_REACHABLE, 'REACHABLE'],
  [NUD_STALE, 'STALE'],
  [NUD_DELAY, 'DELAY'],
  [NUD_PROBE, 'PROBE'],
  [NUD_FAILED, 'FAILED'],
  [NUD_PERMANENT, 'PERMANENT'],
];

/** `ip neigh show [dev DEV]`. */
export function ipNeigh(ns: Netns, dev?: string): string {
  return text(
    rtnetlink(ns)
      .neighList(dev)
      .map((n) => {
        const states = STATES.filter(([bit]) => (n.state & bit) !== 0).map(([, name]) => name);
        const mac = (n.state & (NUD_INCOMPLETE | NUD_FAILED)) !== 0 ? '' : ` lladdr ${formatMac(n.mac)}`;
        return `${formatIpv4(n.addr)} dev ${n.dev.name}${mac} ${states.join(' ')}`;
      }),
  );
}

/** `bridge fdb show [dev DEV]`: the device is named only where it was not. */
export function bridgeFdb(ns: Netns, dev?: string): string {
  return rtnetlink(ns)
    .fdbList(dev)
    .map((e) => {
      const words = [
        formatMac(e.mac),
        ...(dev === undefined ? [`dev ${e.dev}`] : []),
        ...(e.dst === undefined ? [] : [`dst ${formatIpv4(e.dst)}`]),
        ...(e.port === undefined ? [] : [`port ${e.port}`]),
        ...(e.vni === undefined ? [] : [`vni ${e.vni}`]),
        e.master === undefined ? 'self' : `master ${e.master}`,
      ];
      return `${words.join(' ')} ${e.permanent ? 'permanent' : ''}\n`;
    })
    .join('');
}

/** /proc/net/arp. */
export function procArp(ns: Netns): string {
  const rows = rtnetlink(ns)
    .neighList()
    .map((n) => {
      const complete = (n.state & (NUD_INCOMPLETE | NUD_FAILED)) === 0;
      return `${formatIpv4(n.addr).padEnd(16)} 0x1         0x${complete ? (n.state & NUD_PERMANENT ? 6 : 2) : 0}         ${complete ? formatMac(n.mac) : '00:00:00:00:00:00'}     *        ${n.dev.name}\n`;
    });
  return `IP address       HW type     Flags       HW address            Mask     Device\n${rows.join('')}`;
}

/** A word of /proc/net/route: little-endian hexadecimal. */
const hex = (n: number): string =>
  ((((n & 255) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24)) >>> 0)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0');

/** RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_REJECT (include/uapi/linux/route.h). */
const routeFlags = ({ gateway, len, type }: { gateway: number; len: number; type: string }): number =>
  1 |
  (gateway !== 0 ? 2 : 0) |
  (len === 32 ? 4 : 0) |
  (type === 'unreachable' || type === 'prohibit' ? 0x200 : 0);

/** /proc/net/route: fib_route_seq_show. */
export function procRoute(ns: Netns): string {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
  const rows = rtnetlink(ns)
    .routeList()
    .map((r) =>
      [
        r.dev?.name ?? '*',
        hex(r.dst),
        hex(r.gateway),
        routeFlags(r).toString(16).toUpperCase().padStart(4, '0'),
        0,
        0,
        r.metric,
        hex(netmask(r.len)),
        r.mtu,
        0,
        0,
      ].join('\t'),
    );
  return [head, ...rows].map((l) => `${l.padEnd(127)}\n`).join('');
}

export const parseDestination = (word: string) =>
  word === 'default' ? parsePrefix('0.0.0.0/0') : parsePrefix(word);
