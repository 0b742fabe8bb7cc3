// Matches of one field each: mac (xt_mac.c), tcpmss (xt_tcpmss.c), length (xt_length.c), ttl (xt_hl.c), pkttype
// (xt_pkttype.c), all of net/netfilter.
import { PACKET_BROADCAST, PACKET_MULTICAST } from '../../skb/skb.ts';
import { formatMac, type Mac, parseMac } from '../../wire/addr.ts';
import { u16, u48 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import { MIN_HLEN } from '../../wire/tcp.ts';
import { type MatchExtension, XtError } from '../tables/extension.ts';
import { findMss } from '../tables/mss.ts';
import { parseUint, required } from './values.ts';

export interface MacMatch {
  readonly name: 'mac';
  readonly mac: Mac;
  readonly invert: boolean;
}

export const mac: MatchExtension<MacMatch> = {
  name: 'mac',
  options: [{ name: 'mac-source', args: 1, invert: true }],
  parse(given) {
    const g = required(given, 'mac', 'mac-source');
    const parsed = parseMac(g.value);
    if (parsed === undefined) throw new XtError(`mac: Invalid MAC address specified.`);
    return { name: 'mac', mac: parsed, invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--mac-source ${formatMac(m.mac)}`,
  list: (m) => `MAC ${m.invert ? '!' : ''}${formatMac(m.mac)}`,
  compile: (m) => (p) =>
    p.skb.mac >= 0 && p.at - p.skb.mac >= 14 && (u48(p.b, p.skb.mac + 6) === m.mac) !== m.invert,
};

interface Range {
  readonly min: number;
  readonly max: number;
  readonly invert: boolean;
}
function parseRange(extension: string, option: string, text: string, invert: boolean): Range {
  const [low, high] = text.split(':');
  const min = low === '' && high !== undefined ? 0 : parseUint(low ?? '', 65_535);
  const max = high === undefined ? min : high === '' ? 65_535 : parseUint(high, 65_535);
  if (min === undefined || max === undefined || min > max)
    throw new XtError(
      `${extension}: bad value for option "--${option}" near "${text}", or out of range (0-65535).\n`,
    );
  return { min, max, invert };
}
const rangeText = (r: Range): string => (r.min === r.max ? `${r.min}` : `${r.min}:${r.max}`);
const inRange = (n: number, r: Range): boolean => (n >= r.min && n <= r.max) !== r.invert;

export interface TcpmssMatch extends Range {
  readonly name: 'tcpmss';
}

export const tcpmss: MatchExtension<TcpmssMatch> = {
  name: 'tcpmss',
  options: [{ name: 'mss', args: 1, invert: true }],
  parse(given) {
    const g = required(given, 'tcpmss', 'mss');
    return { name: 'tcpmss', ...parseRange('tcpmss', 'mss', g.value, g.invert) };
  },
  save: (m) => `${m.invert ? '! ' : ''}--mss ${rangeText(m)}`,
  list: (m) => `tcpmss match ${m.invert ? '!' : ''}${rangeText(m)}`,
  check: (_m, _env, rule) => (rule.proto?.num === ip.PROTO_TCP ? undefined : 'Invalid argument'),
  compile: (m) => (p) => {
    if (!p.has(MIN_HLEN)) return false;
    const at = findMss(p.b, p.l4, p.end);
    return at === -1 ? m.invert : inRange(u16(p.b, at), m);
  },
};

export interface LengthMatch extends Range {
  readonly name: 'length';
}

export const length: MatchExtension<LengthMatch> = {
  name: 'length',
  options: [{ name: 'length', args: 1, invert: true }],
  parse(given) {
    const g = required(given, 'length', 'length');
    return { name: 'length', ...parseRange('length', 'length', g.value, g.invert) };
  },
  save: (m) => `${m.invert ? '! ' : ''}--length ${rangeText(m)}`,
  list: (m) => `length ${m.invert ? '!' : ''}${rangeText(m)}`,
  compile: (m) => (p) => inRange(ip.totalLen(p.b, p.at), m),
};

type TtlMode = 'eq' | 'lt' | 'gt';
export interface TtlMatch {
  readonly name: 'ttl';
  readonly mode: TtlMode;
  readonly ttl: number;
  readonly invert: boolean;
}

export const ttl: MatchExtension<TtlMatch> = {
  name: 'ttl',
  options: [
    { name: 'ttl-eq', aliases: ['ttl'], args: 1, invert: true },
    { name: 'ttl-lt', args: 1 },
    { name: 'ttl-gt', args: 1 },
  ],
  parse(given) {
    const g = given[0];
    if (g === undefined)
      throw new XtError("TTL match: You must specify one of `--ttl-eq', `--ttl-lt', `--ttl-gt'");
    const n = parseUint(g.value, 255);
    if (n === undefined)
      throw new XtError(`ttl: bad value for option "--${g.name}", or out of range (0-255).\n`);
    return { name: 'ttl', mode: g.name.slice(4) as TtlMode, ttl: n, invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--ttl-${m.mode} ${m.ttl}`,
  list: (m) =>
    `TTL match TTL ${m.mode === 'eq' ? (m.invert ? '!=' : '==') : m.mode === 'lt' ? '<' : '>'} ${m.ttl}`,
  compile: (m) => (p) => {
    const n = ip.ttl(p.b, p.at);
    if (m.mode === 'eq') return (n === m.ttl) !== m.invert;
    return m.mode === 'lt' ? n < m.ttl : n > m.ttl;
  },
};

type PacketType = 'unicast' | 'broadcast' | 'multicast';
export interface PkttypeMatch {
  readonly name: 'pkttype';
  readonly type: PacketType;
  readonly invert: boolean;
}

export const pkttype: MatchExtension<PkttypeMatch> = {
  name: 'pkttype',
  options: [{ name: 'pkt-type', args: 1, invert: true }],
  parse(given) {
    const g = required(given, 'pkttype', 'pkt-type');
    const word = g.value.toLowerCase();
    const type = (['unicast', 'broadcast', 'multicast'] as const).find((t) => t === word);
    if (type === undefined) throw new XtError(`Bad packet type '${g.value}'`);
    return { name: 'pkttype', type, invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--pkt-type ${m.type}`,
  list: (m) => `PKTTYPE ${m.invert ? '!= ' : '= '}${m.type}`,
  compile: (m) => (p) => {
    const { pktType } = p.skb;
    const found: PacketType =
      pktType === PACKET_BROADCAST ? 'broadcast' : pktType === PACKET_MULTICAST ? 'multicast' : 'unicast';
    return (found === m.type) !== m.invert;
  },
};
