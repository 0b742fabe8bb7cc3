// One tcpdump-like line for a frame or packet, headers outermost first, tunnels opened. For people: traces, drop lists and
// `capture` print it; nothing decides by it. Bytes may be hostile or cut short, as a snapshot of a longer frame is.

import { formatIpv4, formatMac } from './addr.ts';
import * as arp from './arp.ts';
import { u8 } from './bytes.ts';
import { describeIcmp } from './describe-icmp.ts';
import { describeTcp } from './describe-tcp.ts';
import * as ethernet from './ethernet.ts';
import * as icmp from './icmp.ts';
import * as ip from './ipv4.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';
import * as vxlan from './vxlan.ts';

export type Outermost = 'ether' | 'ipv4' | 'raw';

/** flannel's udp backend: bare IPv4 packets as datagrams (pkg/backend/udp). */
const FLANNEL_UDP = 8285;
/** Hostile nesting ends here. */
const MAX_DEPTH = 6;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  [ethernet.TYPE_IPV4]: 'IPv4',
  [ethernet.TYPE_ARP]: 'ARP',
  [ethernet.TYPE_VLAN]: '802.1Q',
  [ethernet.TYPE_IPV6]: 'IPv6',
};

const PROTO_NAMES: Readonly<Record<number, string>> = {
  [ip.PROTO_ICMP]: 'ICMP',
  [ip.PROTO_IGMP]: 'IGMP',
  [ip.PROTO_IPIP]: 'IPIP',
  [ip.PROTO_TCP]: 'TCP',
  [ip.PROTO_UDP]: 'UDP',
  [ip.PROTO_GRE]: 'GRE',
  [ip.PROTO_SCTP]: 'SCTP',
};

/** Describes bytes[at..end) whose first header is `outermost`. Hostile bytes never throw. */
export function describe(bytes: Uint8Array, at: number, end: number, outermost: Outermost): string {
  const stop = Math.min(end, bytes.length);
  const from = Math.min(at, stop);
  if (outermost === 'ether') return describeEthernet(bytes, from, stop, 0);
  if (outermost === 'ipv4') return describeIpv4(bytes, from, stop, 0);
  return describeRaw(bytes, from, stop);
}

/** Length and first bytes in hexadecimal, for what is no known header. */
function describeRaw(b: Uint8Array, at: number, end: number): string {
  let hex = '';
  for (let i = at; i < end && i < at + 16; i++) hex += ` ${u8(b, i).toString(16).padStart(2, '0')}`;
  return `length ${end - at}${hex === '' ? '' : `:${hex}${end - at > 16 ? ' ...' : ''}`}`;
}

function describeEthernet(b: Uint8Array, at: number, end: number, depth: number): string {
  const why = ethernet.check(b, at, end);
  if (why !== undefined) return `[malformed: ${why}]`;
  const type = ethernet.type(b, at);
  const name = TYPE_NAMES[type] ?? (type < 0x600 ? '802.3' : 'unknown');
  const hex = `0x${type.toString(16).padStart(4, '0')}`;
  const head = `${formatMac(ethernet.src(b, at))} > ${formatMac(ethernet.dst(b, at))}, ${name} (${hex}), length ${end - at}`;
  const next = at + ethernet.HLEN;
  if (type === ethernet.TYPE_IPV4) return `${head}: ${describeIpv4(b, next, end, depth)}`;
  if (type === ethernet.TYPE_ARP) return `${head}: ${describeArp(b, next, end)}`;
  return head;
}

function describeArp(b: Uint8Array, at: number, end: number): string {
  const why = arp.check(b, at, end);
  if (why !== undefined) return `ARP [malformed: ${why}]`;
  const spa = formatIpv4(arp.spa(b, at));
  const tpa = formatIpv4(arp.tpa(b, at));
  switch (arp.op(b, at)) {
    case arp.REQUEST:
      return spa === tpa ? `ARP announcement ${spa}` : `ARP who-has ${tpa} tell ${spa}`;
    case arp.REPLY:
      return `ARP ${spa} is-at ${formatMac(arp.sha(b, at))}`;
    default:
      return `ARP operation ${arp.op(b, at)}, ${spa} > ${tpa}`;
  }
}

/** "(tos 0x0, ttl 64, id 7, DF, length 84)"; a tos of 0 and an absent offset are left out. */
function headerText(b: Uint8Array, at: number): string {
  const parts: string[] = [];
  if (ip.tos(b, at) !== 0) parts.push(`tos 0x${ip.tos(b, at).toString(16)}`);
  parts.push(`ttl ${ip.ttl(b, at)}`, `id ${ip.id(b, at)}`);
  if (ip.df(b, at)) parts.push('DF');
  if (ip.mf(b, at)) parts.push('MF');
  if (ip.isFragment(b, at)) parts.push(`offset ${ip.fragOffset(b, at)}`);
  if (ip.ihl(b, at) > ip.MIN_HLEN) parts.push(`options ${ip.ihl(b, at) - ip.MIN_HLEN}`);
  parts.push(`length ${ip.totalLen(b, at)}`);
  return `(${parts.join(', ')})`;
}

function describeIpv4(b: Uint8Array, at: number, end: number, depth: number): string {
  const why = ip.checkHeader(b, at, end);
  if (why !== undefined) return `IP [malformed: ${why}]`;
  if (depth > MAX_DEPTH) return 'IP [nested too deep]';
  const head = `IP ${headerText(b, at)} `;
  const src = formatIpv4(ip.src(b, at));
  const dst = formatIpv4(ip.dst(b, at));
  const hlen = ip.ihl(b, at);
  const next = at + hlen;
  // Padding is not the packet's; a snapshot ends before the packet does.
  const stop = Math.min(end, Math.max(next, at + ip.totalLen(b, at)));
  const len = Math.max(0, ip.totalLen(b, at) - hlen);
  const proto = ip.proto(b, at);
  const name = PROTO_NAMES[proto] ?? `protocol ${proto}`;
  const plain = `${head}${src} > ${dst}: `;
  if (ip.fragOffset(b, at) > 0) return `${plain}${name} fragment, length ${len}`;
  switch (proto) {
    case ip.PROTO_TCP:
    case ip.PROTO_UDP: {
      const isTcp = proto === ip.PROTO_TCP;
      if (stop - next < 8) return `${plain}${name} [cut short], length ${len}`;
      const ports = `${head}${src}.${udp.srcPort(b, next)} > ${dst}.${udp.dstPort(b, next)}: `;
      if (!isTcp) return ports + describeUdp(b, next, stop, len, depth);
      if (stop - next < tcp.MIN_HLEN)
        return `${ports}TCP, seq ${tcp.seq(b, next)} [cut short], length ${len}`;
      return ports + describeTcp(b, next, stop, len);
    }
    case ip.PROTO_ICMP:
      if (stop - next < icmp.HLEN) return `${plain}ICMP [cut short], length ${len}`;
      return plain + describeIcmp(b, next, stop, len) + quoteText(b, next, stop, depth);
    case ip.PROTO_IPIP:
      return `${plain}IPIP: ${describeIpv4(b, next, stop, depth + 1)}`;
    default:
      return `${plain}${name}, length ${len}`;
  }
}

/** What an ICMP error quotes, in brackets. */
function quoteText(b: Uint8Array, at: number, end: number, depth: number): string {
  if (!icmp.isError(icmp.type(b, at)) || end - at <= icmp.HLEN) return '';
  return ` [${describeIpv4(b, at + icmp.HLEN, end, depth + 1)}]`;
}

function describeUdp(b: Uint8Array, at: number, end: number, len: number, depth: number): string {
  const port = udp.dstPort(b, at);
  const payload = at + udp.HLEN;
  if ((port === vxlan.PORT_LINUX || port === vxlan.PORT_IANA) && vxlan.check(b, payload, end) === undefined) {
    const inner = depth >= MAX_DEPTH ? '' : `: ${describeEthernet(b, payload + vxlan.HLEN, end, depth + 1)}`;
    return `VXLAN vni ${vxlan.vni(b, payload)}${inner}`;
  }
  if (port === FLANNEL_UDP && ip.checkHeader(b, payload, end) === undefined) {
    return `flannel-udp: ${describeIpv4(b, payload, end, depth + 1)}`;
  }
  return `UDP, length ${Math.max(0, len - udp.HLEN)}`;
}
