// Connections as lines: /proc/net/nf_conntrack (net/netfilter/nf_conntrack_standalone.c, ct_seq_show) and `conntrack -L`, which
// leaves out the family's two words and the zone.
import { formatIpv4 } from '../../wire/addr.ts';
import * as ip from '../../wire/ipv4.ts';
import { IPS_ASSURED, IPS_SEEN_REPLY } from './entry.ts';
import type { ConnRecord, TupleRecord } from './record.ts';
import { hasPorts } from './tuple.ts';

const NAMES: Readonly<Record<number, string>> = {
  [ip.PROTO_ICMP]: 'icmp',
  [ip.PROTO_TCP]: 'tcp',
  [ip.PROTO_UDP]: 'udp',
  [ip.PROTO_GRE]: 'gre',
  [ip.PROTO_SCTP]: 'sctp',
};

function tuple(proto: number, t: TupleRecord, acct: boolean): string {
  let text = `src=${formatIpv4(t.src)} dst=${formatIpv4(t.dst)}`;
  if (hasPorts(proto)) text += ` sport=${t.sport} dport=${t.dport}`;
  else if (proto === ip.PROTO_ICMP) text += ` type=${t.type} code=${t.code} id=${t.id}`;
  return acct ? `${text} packets=${t.packets} bytes=${t.bytes}` : text;
}

/** One line, as `conntrack -L` prints it. */
export function connText(c: ConnRecord): string {
  const name = NAMES[c.proto] ?? 'unknown';
  const words = [`${name.padEnd(8)} ${c.proto} ${c.timeout}`];
  if (c.state !== undefined) words.push(c.state);
  words.push(tuple(c.proto, c.orig, c.acct));
  if ((c.status & IPS_SEEN_REPLY) === 0) words.push('[UNREPLIED]');
  words.push(tuple(c.proto, c.reply, c.acct));
  if ((c.status & IPS_ASSURED) !== 0) words.push('[ASSURED]');
  words.push(`mark=${c.mark}`, 'use=1');
  return words.join(' ');
}

export const formatConntrack = (list: readonly ConnRecord[]): string[] => list.map(connText);

/** One line of /proc/net/nf_conntrack. */
export const procText = (c: ConnRecord): string =>
  `ipv4     2 ${connText(c).replace(/ mark=(\d+) use=1$/, ' mark=$1 zone=0 use=2')}`;
