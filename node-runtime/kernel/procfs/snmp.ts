// /proc/net/snmp: what a namespace counts of IP, ICMP, TCP and UDP (net/ipv4/proc.c, snmp_seq_show).
import { ipv4Net } from '../ipv4/net.ts';
import type { Netns } from '../netns/netns.ts';
import { sockets } from '../transport/listing.ts';
import { sockNet } from '../transport/sock-net.ts';
import { TCP_CLOSE_WAIT, TCP_ESTABLISHED } from '../transport/tcp/state.ts';
import { tcpNet } from '../transport/tcp/tcp-net.ts';

/** ICMP types by the names of icmpmibmap. */
const ICMP_TYPES: readonly (readonly [string, number])[] = [
  ['DestUnreachs', 3],
  ['TimeExcds', 11],
  ['ParmProbs', 12],
  ['SrcQuenchs', 4],
  ['Redirects', 5],
  ['Echos', 8],
  ['EchoReps', 0],
  ['Timestamps', 13],
  ['TimestampReps', 14],
  ['AddrMasks', 17],
  ['AddrMaskReps', 18],
];

const lines = (name: string, fields: readonly (readonly [string, number])[]): string =>
  `${name}: ${fields.map(([key]) => key).join(' ')}\n${name}: ${fields.map(([, value]) => value).join(' ')}\n`;

export function procSnmp(ns: Netns): string {
  const { ip, icmp } = ipv4Net(ns);
  const { mib } = tcpNet(ns);
  const { udpMib } = sockNet(ns);
  const { ipv4 } = ns.sysctl;
  const established = sockets(ns).filter(
    (s) => s.proto === 'tcp' && (s.state === TCP_ESTABLISHED || s.state === TCP_CLOSE_WAIT),
  ).length;
  const of = (types: Uint32Array, side: 'In' | 'Out') =>
    ICMP_TYPES.map(([key, type]) => [side + key, types[type]!] as const);
  const byType = (types: Uint32Array, side: string) =>
    [...types].flatMap((n, type) => (n > 0 ? [[`${side}Type${type}`, n] as const] : []));
  return [
    lines('Ip', [
      ['Forwarding', ipv4.ip_forward !== 0 ? 1 : 2],
      ['DefaultTTL', ipv4.ip_default_ttl],
      ['InReceives', ip.InReceives],
      ['InHdrErrors', ip.InHdrErrors],
      ['InAddrErrors', ip.InAddrErrors],
      ['ForwDatagrams', ip.ForwDatagrams],
      ['InUnknownProtos', ip.InUnknownProtos],
      ['InDiscards', ip.InDiscards],
      ['InDelivers', ip.InDelivers],
      ['OutRequests', ip.OutRequests],
      ['OutDiscards', ip.OutDiscards],
      ['OutNoRoutes', ip.OutNoRoutes],
      ['ReasmTimeout', ip.ReasmTimeout],
      ['ReasmReqds', ip.ReasmReqds],
      ['ReasmOKs', ip.ReasmOKs],
      ['ReasmFails', ip.ReasmFails],
      ['FragOKs', ip.FragOKs],
      ['FragFails', ip.FragFails],
      ['FragCreates', ip.FragCreates],
    ]),
    lines('Icmp', [
      ['InMsgs', icmp.InMsgs],
      ['InErrors', icmp.InErrors],
      ['InCsumErrors', icmp.InCsumErrors],
      ...of(icmp.inTypes, 'In'),
      ['OutMsgs', icmp.OutMsgs],
      ['OutErrors', icmp.OutErrors],
      ['OutRateLimitGlobal', icmp.OutRateLimitGlobal],
      ['OutRateLimitHost', icmp.OutRateLimitHost],
      ...of(icmp.outTypes, 'Out'),
    ]),
    lines('IcmpMsg', [...byType(icmp.inTypes, 'In'), ...byType(icmp.outTypes, 'Out')]),
    lines('Tcp', [
      ['RtoAlgorithm', 1],
      ['RtoMin', 200],
      ['RtoMax', 120_000],
      ['MaxConn', -1],
      ['ActiveOpens', mib.activeOpens],
      ['PassiveOpens', mib.passiveOpens],
      ['AttemptFails', mib.attemptFails],
      ['EstabResets', mib.estabResets],
      ['CurrEstab', established],
      ['InSegs', mib.inSegs],
      ['OutSegs', mib.outSegs],
      ['RetransSegs', mib.retransSegs],
      ['InErrs', mib.inErrs],
      ['OutRsts', mib.outRsts],
      ['InCsumErrors', mib.inCsumErrors],
    ]),
    lines('Udp', [
      ['InDatagrams', udpMib.inDatagrams],
      ['NoPorts', udpMib.noPorts],
      ['InErrors', udpMib.inErrors],
      ['OutDatagrams', udpMib.outDatagrams],
      ['RcvbufErrors', udpMib.rcvbufErrors],
      ['SndbufErrors', udpMib.sndbufErrors],
      ['InCsumErrors', udpMib.inCsumErrors],
      ['IgnoredMulti', 0],
      ['MemErrors', 0],
    ]),
  ].join('');
}
