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
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { rtnetlink } from '../rtnetlink/rtnetlink.ts';
import { formatIpv4, formatMac, type Ipv4, parsePrefix } from '../wire/addr.ts';

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
  return `${kind}${formatIpv4(dst)}${via} dev ${dev.name} src ${formatIpv4(src)} uid 0 \n    cache \n`;
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

/** `bridge fdb show [dev DEV]`. */
export function bridgeFdb(ns: Netns, dev?: string): string {
  return text(
    rtnetlink(ns)
      .fdbList(dev)
      .map((e) =>
        [
          formatMac(e.mac),
          `dev ${e.dev}`,
          ...(e.dst === undefined ? [] : [`dst ${formatIpv4(e.dst)}`]),
          ...(e.port === undefined ? [] : [`port ${e.port}`]),
          ...(e.vni === undefined ? [] : [`vni ${e.vni}`]),
          ...(e.master === undefined ? ['self'] : [`master ${e.master}`]),
          ...(e.permanent ? ['permanent'] : []),
        ].join(' '),
      ),
  );
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
  (((n & 255) << 24) | ((n & 0xff00) << 8) | ((n >>> 8) & 0xff00) | (n >>> 24))
    .toString(16)
    .replace('-', '')
    .padStart(8, '0')
    .toUpperCase();
const littleEndian = (n: number): string => hex(n >>> 0);

/** /proc/net/route. */
export function procRoute(ns: Netns): string {
  const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
  const rows = rtnetlink(ns)
    .routeList()
    .filter((r): r is typeof r & { dev: NetDevice } => r.dev !== undefined)
    .map((r) => {
      const mask = r.len === 0 ? 0 : (0xffffffff << (32 - r.len)) >>> 0;
      const flags = 1 | (r.gateway !== 0 ? 2 : 0) | (r.len === 32 ? 4 : 0);
      return [
        r.dev.name,
        littleEndian(r.dst),
        littleEndian(r.gateway),
        String(flags).padStart(4, '0'),
        0,
        0,
        r.metric,
        littleEndian(mask),
        r.mtu,
        0,
        0,
      ].join('\t');
    });
  return [head, ...rows].map((l) => `${l.padEnd(127)}\n`).join('');
}

export const parseDestination = (word: string) =>
  word === 'default' ? parsePrefix('0.0.0.0/0') : parsePrefix(word);
