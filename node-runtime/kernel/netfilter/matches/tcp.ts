// The tcp match: net/netfilter/xt_tcpudp.c, extensions/libxt_tcp.c.
import { u8, u16 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import * as wire from '../../wire/tcp.ts';
import { type Given, type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';
import { listPorts, type PortRange, parsePortRange, savePorts } from './values.ts';

export interface TcpMatch {
  readonly name: 'tcp';
  readonly sport: PortRange | undefined;
  readonly dport: PortRange | undefined;
  readonly flags: { readonly mask: number; readonly value: number; readonly invert: boolean } | undefined;
  readonly option: { readonly kind: number; readonly invert: boolean } | undefined;
}

/** In the order in which they are printed. */
const FLAGS: readonly (readonly [string, number])[] = [
  ['FIN', wire.FIN],
  ['SYN', wire.SYN],
  ['RST', wire.RST],
  ['PSH', wire.PSH],
  ['ACK', wire.ACK],
  ['URG', wire.URG],
];

function parseFlags(text: string): number {
  let bits = 0;
  for (const word of text.split(',')) {
    const name = word.toUpperCase();
    const flag = FLAGS.find(([f]) => f === name)?.[1];
    if (flag !== undefined) bits |= flag;
    else if (name === 'ALL') bits |= 0x3f;
    else if (name !== 'NONE') throw new XtError(`Unknown TCP flag \`${word}'`);
  }
  return bits;
}

function flagsText(bits: number): string {
  const names = FLAGS.filter(([, bit]) => (bits & bit) !== 0).map(([name]) => name);
  return names.length === 0 ? 'NONE' : names.join(',');
}

const SYN_FLAGS = { mask: wire.SYN | wire.RST | wire.ACK | wire.FIN, value: wire.SYN };

function once(given: readonly Given[], name: string, shown: string): Given | undefined {
  const all = given.filter((g) => g.name === name);
  if (all.length > 1) throw new XtError(`Only one \`${shown}' allowed`);
  return all[0];
}

function hasOption(b: Uint8Array, l4: number, end: number, kind: number): boolean {
  const stop = Math.min(end, l4 + wire.dataOffset(b, l4));
  for (let i = l4 + wire.MIN_HLEN; i < stop; ) {
    const k = b[i]!;
    if (k === kind) return true;
    if (k < 2) i++;
    else i += (i + 1 < stop ? b[i + 1]! : 0) || 1;
  }
  return false;
}

const inRange = (port: number, r: PortRange): boolean => (port >= r.min && port <= r.max) !== r.invert;

/** Without its whole header a segment is dropped; of later fragments only one that begins inside it (RFC 1858). */
function cutShort(p: Packet): false {
  if (p.fragOff === 0 || p.fragOff === 8) p.hotdrop = true;
  return false;
}

export const tcp: MatchExtension<TcpMatch> = {
  name: 'tcp',
  options: [
    { name: 'source-port', aliases: ['sport'], args: 1, invert: true, repeat: true },
    { name: 'destination-port', aliases: ['dport'], args: 1, invert: true, repeat: true },
    { name: 'syn', invert: true },
    { name: 'tcp-flags', args: 2, invert: true },
    { name: 'tcp-option', args: 1, invert: true },
  ],
  parse(given) {
    const sport = once(given, 'source-port', '--source-port');
    const dport = once(given, 'destination-port', '--destination-port');
    const syn = given.find((g) => g.name === 'syn');
    const flags = given.find((g) => g.name === 'tcp-flags');
    const option = given.find((g) => g.name === 'tcp-option');
    if (syn !== undefined && flags !== undefined)
      throw new XtError("Only one of `--syn' or `--tcp-flags'  allowed");
    const kind = option === undefined ? 0 : Number(option.value);
    if (option !== undefined && !(Number.isInteger(kind) && kind >= 1 && kind <= 255))
      throw new XtError(`Bad TCP option \`${option.value}'`);
    return {
      name: 'tcp',
      sport: sport && parsePortRange(sport),
      dport: dport && parsePortRange(dport),
      flags:
        syn !== undefined
          ? { ...SYN_FLAGS, invert: syn.invert }
          : flags && { mask: parseFlags(flags.value), value: parseFlags(flags.value2), invert: flags.invert },
      option: option && { kind, invert: option.invert },
    };
  },
  save(m) {
    const out: string[] = [];
    if (m.sport) out.push(savePorts('--sport', m.sport));
    if (m.dport) out.push(savePorts('--dport', m.dport));
    if (m.option) out.push(`${m.option.invert ? '! ' : ''}--tcp-option ${m.option.kind}`);
    if (m.flags)
      out.push(
        `${m.flags.invert ? '! ' : ''}--tcp-flags ${flagsText(m.flags.mask)} ${flagsText(m.flags.value)}`,
      );
    return out.join(' ');
  },
  list(m, numeric) {
    const out = ['tcp'];
    if (m.sport) out.push(listPorts('spt', m.sport, numeric));
    if (m.dport) out.push(listPorts('dpt', m.dport, numeric));
    if (m.option) out.push(`option=${m.option.invert ? '!' : ''}${m.option.kind}`);
    if (m.flags) {
      const two = (n: number): string => `0x${n.toString(16).toUpperCase().padStart(2, '0')}`;
      const text = numeric
        ? `${two(m.flags.mask)}/${two(m.flags.value)}`
        : `${flagsText(m.flags.mask)}/${flagsText(m.flags.value)}`;
      out.push(`flags:${m.flags.invert ? '!' : ''}${text}`);
    }
    return out.join(' ');
  },
  check: (_m, _env, rule) =>
    rule.proto?.num === ip.PROTO_TCP && !rule.proto.invert ? undefined : 'Invalid argument',
  compile(m): Test {
    const { sport, dport, flags, option } = m;
    // The commonest rule asks for one destination port.
    if (dport !== undefined && dport.min === dport.max && !dport.invert && !sport && !flags && !option) {
      const port = dport.min;
      return (p) => (p.has(wire.MIN_HLEN) ? u16(p.b, p.l4 + 2) === port : cutShort(p));
    }
    return (p) => {
      if (!p.has(wire.MIN_HLEN)) return cutShort(p);
      if (sport !== undefined && !inRange(u16(p.b, p.l4), sport)) return false;
      if (dport !== undefined && !inRange(u16(p.b, p.l4 + 2), dport)) return false;
      if (flags !== undefined && ((u8(p.b, p.l4 + 13) & flags.mask) === flags.value) === flags.invert)
        return false;
      return option === undefined || hasOption(p.b, p.l4, p.end, option.kind) !== option.invert;
    };
  },
};
