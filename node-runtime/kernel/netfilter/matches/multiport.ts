// The multiport match: up to fifteen ports, a range counting as two: net/netfilter/xt_multiport.c.
import { u16 } from '../../wire/bytes.ts';
import { type MatchExtension, XtError } from '../tables/extension.ts';
import { parsePort, servicePort } from './values.ts';

type Side = 'sports' | 'dports' | 'ports';
export interface MultiportMatch {
  readonly name: 'multiport';
  readonly side: Side;
  readonly ranges: readonly { readonly min: number; readonly max: number }[];
  readonly invert: boolean;
}

const MAX_PORTS = 15;
const PROTOCOLS: readonly number[] = [6, 17, 136, 132, 33];

function parseRanges(text: string): MultiportMatch['ranges'] {
  let count = 0;
  return text.split(',').map((word) => {
    const [low, high] = word.split(':');
    count += high === undefined ? 1 : 2;
    if (count > MAX_PORTS) throw new XtError('too many ports specified');
    const min = parsePort(low ?? '');
    const max = high === undefined ? min : parsePort(high);
    if (min > max || (high !== undefined && min === max)) throw new XtError('invalid portrange specified');
    return { min, max };
  });
}

const text = (m: MultiportMatch, numeric: boolean): string =>
  m.ranges
    .map(({ min, max }) =>
      min === max ? servicePort(min, numeric) : `${servicePort(min, numeric)}:${servicePort(max, numeric)}`,
    )
    .join(',');

export const multiport: MatchExtension<MultiportMatch> = {
  name: 'multiport',
  options: [
    { name: 'source-ports', aliases: ['sports'], args: 1, invert: true },
    { name: 'destination-ports', aliases: ['dports'], args: 1, invert: true },
    { name: 'ports', args: 1, invert: true },
  ],
  parse(given, rule) {
    if (given.length === 0) throw new XtError('multiport expection an option');
    if (rule.proto === undefined || rule.proto.invert || !PROTOCOLS.includes(rule.proto.num))
      throw new XtError("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
    const g = given[0]!;
    if (given.length > 1)
      throw new XtError(
        `multiport: option "--${given[1]!.name}" cannot be used together with "--${g.name}".\n`,
      );
    const side: Side =
      g.name === 'source-ports' ? 'sports' : g.name === 'destination-ports' ? 'dports' : 'ports';
    return { name: 'multiport', side, ranges: parseRanges(g.value), invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--${m.side} ${text(m, true)}`,
  list: (m, numeric) => `multiport ${m.side} ${m.invert ? ' !' : ''}${text(m, numeric)}`,
  compile({ side, ranges, invert }) {
    const has = (port: number): boolean => {
      for (const r of ranges) if (port >= r.min && port <= r.max) return true;
      return false;
    };
    return (p) => {
      if (p.fragOff !== 0) return false;
      if (!p.has(4)) {
        p.hotdrop = true;
        return false;
      }
      const found =
        side === 'sports'
          ? has(u16(p.b, p.l4))
          : side === 'dports'
            ? has(u16(p.b, p.l4 + 2))
            : has(u16(p.b, p.l4)) || has(u16(p.b, p.l4 + 2));
      return found !== invert;
    };
  },
};
