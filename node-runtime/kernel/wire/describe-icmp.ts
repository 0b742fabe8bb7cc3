// The ICMP part of a described packet, in tcpdump's words (its print-icmp.c).

import { formatIpv4 } from './addr.ts';
import { u16 } from './bytes.ts';
import * as icmp from './icmp.ts';
import * as ip from './ipv4.ts';

const UNREACHABLE: Readonly<Record<number, string>> = {
  [icmp.SR_FAILED]: 'source route failed',
  [icmp.NET_UNKNOWN]: 'net unknown',
  [icmp.HOST_UNKNOWN]: 'host unknown',
  [icmp.HOST_ISOLATED]: 'source host isolated',
  [icmp.NET_PROHIBITED]: 'net admin prohibited',
  [icmp.HOST_PROHIBITED]: 'host admin prohibited',
  [icmp.NET_UNREACH_TOS]: 'net unreachable for tos',
  [icmp.HOST_UNREACH_TOS]: 'host unreachable for tos',
  [icmp.ADMIN_PROHIBITED]: 'admin prohibited filter',
  [icmp.PRECEDENCE_VIOLATION]: 'host precedence violation',
  [icmp.PRECEDENCE_CUTOFF]: 'precedence cutoff',
};

const REDIRECT: Readonly<Record<number, string>> = {
  [icmp.REDIRECT_NET]: 'to net',
  [icmp.REDIRECT_HOST]: 'to host',
  [icmp.REDIRECT_NET_TOS]: 'to net for tos',
  [icmp.REDIRECT_HOST_TOS]: 'to host for tos',
};

const PORT_PROTOS: Readonly<Record<number, string>> = { [ip.PROTO_TCP]: 'tcp', [ip.PROTO_UDP]: 'udp' };

function unreachable(b: Uint8Array, at: number, end: number): string {
  const code = icmp.code(b, at);
  const quote = at + icmp.HLEN;
  const whole = ip.checkHeader(b, quote, end) === undefined;
  const dst = whole ? ` ${formatIpv4(ip.dst(b, quote))}` : '';
  switch (code) {
    case icmp.NET_UNREACH:
      return `net${dst} unreachable`;
    case icmp.HOST_UNREACH:
      return `host${dst} unreachable`;
    case icmp.PROT_UNREACH:
      return whole ? `${dst.trim()} protocol ${ip.proto(b, quote)} unreachable` : 'protocol unreachable';
    case icmp.PORT_UNREACH:
      return portUnreachable(b, quote, end, dst.trim(), whole);
    case icmp.FRAG_NEEDED:
      return `${`${dst} unreachable`.trim()} - need to frag (mtu ${icmp.mtu(b, at)})`;
    default:
      return `${`${dst} unreachable`.trim()} - ${UNREACHABLE[code] ?? `code ${code}`}`;
  }
}

function portUnreachable(b: Uint8Array, quote: number, end: number, dst: string, whole: boolean): string {
  if (!whole) return 'port unreachable';
  const proto = PORT_PROTOS[ip.proto(b, quote)];
  const transport = quote + ip.ihl(b, quote);
  if (proto === undefined || end - transport < 4) return `${dst} port unreachable`;
  return `${dst} ${proto} port ${u16(b, transport + 2)} unreachable`;
}

/** "ICMP echo request, id 1, seq 2, length 64". The caller appends what an error quotes. */
export function describeIcmp(b: Uint8Array, at: number, end: number, len: number): string {
  return `ICMP ${words(b, at, end)}, length ${len}`;
}

function words(b: Uint8Array, at: number, end: number): string {
  const type = icmp.type(b, at);
  const code = icmp.code(b, at);
  switch (type) {
    case icmp.ECHO:
      return `echo request, id ${icmp.id(b, at)}, seq ${icmp.seq(b, at)}`;
    case icmp.ECHO_REPLY:
      return `echo reply, id ${icmp.id(b, at)}, seq ${icmp.seq(b, at)}`;
    case icmp.DEST_UNREACH:
      return unreachable(b, at, end);
    case icmp.REDIRECT:
      return `redirect ${REDIRECT[code] ?? `code ${code}`}, gateway ${formatIpv4(icmp.gateway(b, at))}`;
    case icmp.TIME_EXCEEDED:
      if (code === icmp.TTL_EXCEEDED) return 'time exceeded in-transit';
      return code === icmp.REASSEMBLY_EXCEEDED
        ? 'ip reassembly time exceeded'
        : `time exceeded, code ${code}`;
    case icmp.PARAMETER_PROBLEM:
      return `parameter problem, octet ${icmp.pointer(b, at)}`;
    case icmp.SOURCE_QUENCH:
      return 'source quench';
    default:
      return `type ${type}, code ${code}`;
  }
}
