// What `ip addr` and `ip link` print (iproute2 6.1, ip/ipaddress.c), for IPv4.
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { defaultQdiscText } from '../qdisc/default.ts';
import { Vxlan } from '../tunnel/vxlan.ts';
import { formatIpv4, formatMac, MAC_BROADCAST } from '../wire/addr.ts';

export interface LinkView {
  /** -s: counters. */
  readonly stats?: boolean;
  /** -d: kind and its settings. */
  readonly details?: boolean;
  /** -4: nothing of the link layer. */
  readonly inet?: boolean;
  /** -o: a line for each device or address. */
  readonly oneLine?: boolean;
}

const LINK_TYPE: Readonly<Record<string, string>> = {
  loopback: 'loopback',
  tun: 'none',
  ipip: 'ipip',
  gre: 'gre',
};

export function linkFlags(dev: NetDevice): string {
  const names: string[] = [];
  if (dev.up && !dev.carrier) names.push('NO-CARRIER');
  if (dev.kind === 'loopback') names.push('LOOPBACK');
  else if (dev.ethernet) names.push('BROADCAST', 'MULTICAST');
  else names.push('POINTOPOINT', 'MULTICAST');
  if ((dev.noArp && dev.kind !== 'loopback') || dev.kind === 'tun') names.push('NOARP');
  // A bridge's own need of it is not shown: dev_get_flags has what was asked for from outside.
  if (dev.promisc > (dev.master === undefined ? 0 : 1)) names.push('PROMISC');
  if (dev.up) names.push('UP');
  if (dev.up && dev.carrier) names.push('LOWER_UP');
  return names.join(',');
}

/** operstate: loopback, TUN and dummy never say. */
export function operState(dev: NetDevice): string {
  if (!dev.up) return 'DOWN';
  if (dev.kind === 'loopback' || dev.kind === 'dummy' || dev.kind === 'vxlan' || dev.kind === 'tun')
    return 'UNKNOWN';
  return dev.carrier ? 'UP' : 'DOWN';
}

/** What -d adds: the kind and its settings. */
function detailsOf(dev: NetDevice): string {
  if (!(dev instanceof Vxlan)) return dev.kind;
  const { vni, learning, dstPort } = dev;
  const { local, lower } = dev.options;
  const words = [
    `vxlan id ${vni}`,
    ...(local === undefined ? [] : [`local ${formatIpv4(local)}`]),
    ...(lower === undefined ? [] : [`dev ${lower.name}`]),
  ];
  return [
    ...words,
    'srcport 0 0',
    `dstport ${dstPort}`,
    ...(learning ? [] : ['nolearning']),
    'ttl auto ageing 300',
  ].join(' ');
}

/** "eth0@if5": the other end of a veth pair, by index where it is in another namespace. */
export function linkName(dev: NetDevice): string {
  const peer = dev.peerIfindex;
  if (peer === undefined) return dev.name;
  return dev.peerNs === dev.ns
    ? `${dev.name}@${dev.ns.devices.get(peer)?.name ?? `if${peer}`}`
    : `${dev.name}@if${peer}`;
}

/** The first lines of a device; `mode` is what `ip link` has and `ip addr` has not. */
function linkLines(dev: NetDevice, view: LinkView, mode: string): string[] {
  const qdisc = (dev.qdisc?.text ?? defaultQdiscText(dev)).split(' ')[0];
  const master = dev.master === undefined ? '' : ` master ${dev.master.name}`;
  const type = LINK_TYPE[dev.kind] ?? 'ether';
  const away = dev.peerNs !== undefined && dev.peerNs !== dev.ns ? ` link-netns ${dev.peerNs.name}` : '';
  const first = `${dev.ifindex}: ${linkName(dev)}: <${linkFlags(dev)}> mtu ${dev.mtu} qdisc ${qdisc}${master} state ${operState(dev)}${mode} group default qlen ${dev.txQueueLen}`;
  if (view.inet === true) return [`${first}${away}`];
  const lines = [
    first,
    dev.ethernet
      ? `    link/${type} ${formatMac(dev.mac)} brd ${dev.kind === 'loopback' ? '00:00:00:00:00:00' : formatMac(MAC_BROADCAST)}${away}`
      : `    link/${type} ${away.trimStart()}`,
  ];
  if (view.details === true)
    lines[1] += ` promiscuity ${dev.promisc}  allmulti 0 minmtu 68 maxmtu ${dev.maxMtu} `;
  if (view.details === true && dev.kind !== 'ether' && dev.kind !== 'loopback')
    lines.push(`    ${detailsOf(dev)} `);
  if (view.stats === true) lines.push(...statsLines(dev));
  return lines;
}

/** print_stats64: columns as wide as their widest number, in both tables. */
function statsLines({ stats: s }: NetDevice): string[] {
  const rx = [s.rxBytes, s.rxPackets, s.rxErrors, s.rxDropped, 0, 0];
  const tx = [s.txBytes, s.txPackets, s.txErrors, s.txDropped, 0, 0];
  const least = [10, 7, 6, 7, 7, 7];
  const widths = least.map((w, i) => Math.max(w, String(rx[i]).length, String(tx[i]).length));
  const head = (name: string, columns: readonly string[]): string =>
    `    ${name}: ${columns.map((c, i) => c.padStart(widths[i]! - (i === 0 ? 4 : 0))).join(' ')}${' '.repeat(11)}`;
  const row = (values: readonly number[]): string =>
    `    ${values.map((v, i) => String(v).padStart(widths[i]!)).join(' ')} `;
  return [
    head('RX', ['bytes', 'packets', 'errors', 'dropped', 'missed', 'mcast']),
    row(rx),
    head('TX', ['bytes', 'packets', 'errors', 'dropped', 'carrier', 'collsns']),
    row(tx),
  ];
}

function addrLines(dev: NetDevice): string[] {
  return dev.addrs.flatMap((a) => [
    `    inet ${formatIpv4(a.addr)}/${a.prefixLen}${a.broadcast === undefined ? '' : ` brd ${formatIpv4(a.broadcast)}`} scope ${a.scope} ${a.label}`,
    '       valid_lft forever preferred_lft forever',
  ]);
}

const chosen = (ns: Netns, dev?: NetDevice): NetDevice[] =>
  dev === undefined ? [...ns.devices.values()] : [dev];
const text = (lines: readonly string[]): string => lines.map((l) => `${l}\n`).join('');
/** -o: the lines of one thing as one, with backslashes where they ended. */
const joined = (lines: readonly string[], view: LinkView): string[] =>
  view.oneLine === true ? [lines.join('\\')] : [...lines];

export const ipLink = (ns: Netns, view: LinkView = {}, dev?: NetDevice): string =>
  text(chosen(ns, dev).flatMap((d) => joined(linkLines(d, view, ' mode DEFAULT'), view)));

export function ipAddr(ns: Netns, view: LinkView = {}, dev?: NetDevice): string {
  const devices = chosen(ns, dev).filter((d) => view.inet !== true || d.addrs.length > 0);
  if (view.oneLine !== true)
    return text(devices.flatMap((d) => [...linkLines(d, view, ''), ...addrLines(d)]));
  // -o has no lines about the link.
  return text(
    devices.flatMap((d) => {
      const lines = addrLines(d);
      return d.addrs.map((_, i) => `${d.ifindex}: ${d.name}${lines[2 * i]}\\${lines[2 * i + 1]}`);
    }),
  );
}

/** `ip -br addr` and `ip -br link`. */
export function ipBrief(ns: Netns, what: 'addr' | 'link', dev?: NetDevice): string {
  return text(
    chosen(ns, dev).map((d) => {
      const rest =
        what === 'addr'
          ? d.addrs.map((a) => `${formatIpv4(a.addr)}/${a.prefixLen} `).join('')
          : `${formatMac(d.mac)} <${linkFlags(d)}> `;
      return `${linkName(d).padEnd(16)} ${operState(d).padEnd(14)} ${rest}`;
    }),
  );
}
