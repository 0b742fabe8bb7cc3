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
}

const LINK_TYPE: Readonly<Record<string, string>> = {
  loopback: 'loopback',
  tun: 'none',
  ipip: 'ipip',
  gre: 'gre',
};

function flags(dev: NetDevice): string {
  const names: string[] = [];
  if (dev.up && !dev.carrier) names.push('NO-CARRIER');
  if (dev.kind === 'loopback') names.push('LOOPBACK');
  else if (dev.ethernet) names.push('BROADCAST', 'MULTICAST');
  else names.push('POINTOPOINT', 'MULTICAST');
  if (dev.noArp || dev.kind === 'tun') names.push('NOARP');
  if (dev.promisc > 0) names.push('PROMISC');
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
function nameOf(dev: NetDevice): string {
  const peer = dev.peerIfindex;
  if (peer === undefined) return dev.name;
  return dev.peerNs === dev.ns
    ? `${dev.name}@${dev.ns.devices.get(peer)?.name ?? `if${peer}`}`
    : `${dev.name}@if${peer}`;
}

function linkLines(dev: NetDevice, view: LinkView): string[] {
  const qdisc = (dev.qdisc?.text ?? defaultQdiscText(dev)).split(' ')[0];
  const master = dev.master === undefined ? '' : ` master ${dev.master.name}`;
  const qlen = dev.kind === 'loopback' || dev.kind !== 'ether' ? 1000 : dev.txQueueLen;
  const lines = [
    `${dev.ifindex}: ${nameOf(dev)}: <${flags(dev)}> mtu ${dev.mtu} qdisc ${qdisc}${master} state ${operState(dev)} group default qlen ${dev.kind === 'tun' ? dev.txQueueLen : qlen}`,
  ];
  const type = LINK_TYPE[dev.kind] ?? 'ether';
  const away = dev.peerNs !== undefined && dev.peerNs !== dev.ns ? ` link-netns ${dev.peerNs.name}` : '';
  lines.push(
    dev.ethernet
      ? `    link/${type} ${formatMac(dev.mac)} brd ${dev.kind === 'loopback' ? '00:00:00:00:00:00' : formatMac(MAC_BROADCAST)}${away}`
      : `    link/${type} `,
  );
  if (view.details === true && dev.kind !== 'ether' && dev.kind !== 'loopback')
    lines.push(`    ${detailsOf(dev)} `);
  if (view.stats === true) {
    const s = dev.stats;
    const row = (...n: number[]): string => `    ${n.map((v) => String(v).padEnd(8)).join('')}`;
    lines.push(
      '    RX:  bytes packets errors dropped',
      row(s.rxBytes, s.rxPackets, s.rxErrors, s.rxDropped),
      '    TX:  bytes packets errors dropped',
      row(s.txBytes, s.txPackets, s.txErrors, s.txDropped),
    );
  }
  return lines;
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

export const ipLink = (ns: Netns, view: LinkView = {}, dev?: NetDevice): string =>
  text(chosen(ns, dev).flatMap((d) => linkLines(d, view)));

export const ipAddr = (ns: Netns, view: LinkView = {}, dev?: NetDevice): string =>
  text(chosen(ns, dev).flatMap((d) => [...linkLines(d, view), ...addrLines(d)]));

/** `ip -br addr` and `ip -br link`. */
export function ipBrief(ns: Netns, what: 'addr' | 'link', dev?: NetDevice): string {
  return text(
    chosen(ns, dev).map((d) => {
      const rest =
        what === 'addr'
          ? d.addrs.map((a) => `${formatIpv4(a.addr)}/${a.prefixLen} `).join('')
          : `${formatMac(d.mac)} <${flags(d)}> `;
      return `${nameOf(d).padEnd(16)} ${operState(d).padEnd(14)} ${rest}`;
    }),
  );
}
