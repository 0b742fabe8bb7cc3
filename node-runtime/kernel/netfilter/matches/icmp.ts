// The icmp match: net/ipv4/netfilter/ip_tables.c (icmp_match), extensions/libipt_icmp.c.
import * as ip from '../../wire/ipv4.ts';
import { type MatchExtension, XtError } from '../tables/extension.ts';
import { parseUint, required } from './values.ts';

export interface IcmpMatch {
  readonly name: 'icmp';
  /** 255 for any. */
  readonly type: number;
  readonly codeMin: number;
  readonly codeMax: number;
  readonly invert: boolean;
}

/** Name, type, lowest and highest code; an alias follows the name it is another word for. */
const TYPES: readonly (readonly [string, number, number, number])[] = [
  ['any', 255, 0, 255],
  ['echo-reply', 0, 0, 255],
  ['pong', 0, 0, 255],
  ['destination-unreachable', 3, 0, 255],
  ['network-unreachable', 3, 0, 0],
  ['host-unreachable', 3, 1, 1],
  ['protocol-unreachable', 3, 2, 2],
  ['port-unreachable', 3, 3, 3],
  ['fragmentation-needed', 3, 4, 4],
  ['source-route-failed', 3, 5, 5],
  ['network-unknown', 3, 6, 6],
  ['host-unknown', 3, 7, 7],
  ['network-prohibited', 3, 9, 9],
  ['host-prohibited', 3, 10, 10],
  ['TOS-network-unreachable', 3, 11, 11],
  ['TOS-host-unreachable', 3, 12, 12],
  ['communication-prohibited', 3, 13, 13],
  ['host-precedence-violation', 3, 14, 14],
  ['precedence-cutoff', 3, 15, 15],
  ['source-quench', 4, 0, 255],
  ['redirect', 5, 0, 255],
  ['network-redirect', 5, 0, 0],
  ['host-redirect', 5, 1, 1],
  ['TOS-network-redirect', 5, 2, 2],
  ['TOS-host-redirect', 5, 3, 3],
  ['echo-request', 8, 0, 255],
  ['ping', 8, 0, 255],
  ['router-advertisement', 9, 0, 255],
  ['router-solicitation', 10, 0, 255],
  ['time-exceeded', 11, 0, 255],
  ['ttl-exceeded', 11, 0, 255],
  ['ttl-zero-during-transit', 11, 0, 0],
  ['ttl-zero-during-reassembly', 11, 1, 1],
  ['parameter-problem', 12, 0, 255],
  ['ip-header-bad', 12, 0, 0],
  ['required-option-missing', 12, 1, 1],
  ['timestamp-request', 13, 0, 255],
  ['timestamp-reply', 14, 0, 255],
  ['address-mask-request', 17, 0, 255],
  ['address-mask-reply', 18, 0, 255],
];

/** A name, an unambiguous beginning of one, a number, or type/code. */
function parseType(text: string): Pick<IcmpMatch, 'type' | 'codeMin' | 'codeMax'> {
  const lower = text.toLowerCase();
  const exact = TYPES.find(([name]) => name.toLowerCase() === lower);
  const found = exact ? [exact] : TYPES.filter(([name]) => name.toLowerCase().startsWith(lower));
  if (found.length > 1)
    throw new XtError(`Ambiguous ICMP type \`${text}': \`${found[0]![0]}' or \`${found[1]![0]}'?`);
  const named = found[0];
  if (named !== undefined) return { type: named[1], codeMin: named[2], codeMax: named[3] };
  const [first, second] = text.split('/');
  const type = parseUint(first ?? '', 255);
  if (type === undefined) throw new XtError(`Unknown ICMP type \`${text}'`);
  if (second === undefined) return { type, codeMin: 0, codeMax: 255 };
  const code = parseUint(second, 255);
  if (code === undefined) throw new XtError(`Invalid ICMP code \`${second}'`);
  return { type, codeMin: code, codeMax: code };
}

export const icmp: MatchExtension<IcmpMatch> = {
  name: 'icmp',
  options: [{ name: 'icmp-type', args: 1, invert: true }],
  parse(given) {
    const g = required(given, 'icmp', 'icmp-type');
    return { name: 'icmp', ...parseType(g.value), invert: g.invert };
  },
  save(m) {
    const code = m.codeMin === 0 && m.codeMax === 255 ? '' : `/${m.codeMin}`;
    return `${m.invert ? '! ' : ''}--icmp-type ${m.type === 255 ? 'any' : `${m.type}${code}`}`;
  },
  list(m, numeric) {
    const bang = m.invert ? '!' : '';
    if (!numeric) {
      const named = TYPES.find(
        ([, type, min, max]) => type === m.type && min === m.codeMin && max === m.codeMax,
      );
      if (named !== undefined) return `icmp ${bang}${named[0]}`;
    }
    const code =
      m.codeMin === m.codeMax
        ? ` code ${m.codeMin}`
        : m.codeMin === 0 && m.codeMax === 255
          ? ''
          : ` codes ${m.codeMin}-${m.codeMax}`;
    return m.invert ? `icmp !type ${m.type}${code}` : `icmptype ${m.type}${code}`;
  },
  check: (_m, _env, rule) =>
    rule.proto?.num === ip.PROTO_ICMP && !rule.proto.invert ? undefined : 'Invalid argument',
  compile({ type, codeMin, codeMax, invert }) {
    return (p) => {
      if (p.fragOff !== 0) return false;
      if (!p.has(4)) {
        p.hotdrop = true;
        return false;
      }
      const t = p.b[p.l4]!;
      const c = p.b[p.l4 + 1]!;
      return (type === 255 || (t === type && c >= codeMin && c <= codeMax)) !== invert;
    };
  },
};
