// The set match: net/netfilter/xt_set.c. Which field of the packet fills each dimension of the set is said by src and dst.
import { u16 } from '../../wire/bytes.ts';
import { hasPorts } from '../conntrack/tuple.ts';
import { type IpSet, ipsets } from '../ipset/ipset.ts';
import { type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';
import { required } from './values.ts';

type Side = 'src' | 'dst';
export interface SetMatch {
  readonly name: 'set';
  readonly set: string;
  readonly sides: readonly Side[];
  readonly invert: boolean;
}

/** The packet's field for one dimension; −1 when it has none. */
function field(set: IpSet, p: Packet, i: number, side: Side | undefined): number {
  const dimension = set.dimensions[i];
  if (dimension === undefined) return 0;
  if (side === undefined) return -1;
  if (dimension !== 'port') return (side === 'src' ? p.src : p.dst) >>> 0;
  if (!hasPorts(p.proto) || !p.has(4)) return -1;
  const port = u16(p.b, side === 'src' ? p.l4 : p.l4 + 2);
  return set.type === 'bitmap:port' ? port : (p.proto << 16) | port;
}

export const set: MatchExtension<SetMatch> = {
  name: 'set',
  options: [{ name: 'match-set', args: 2, invert: true }],
  parse(given) {
    const g = required(given, 'set', 'match-set');
    const sides = g.value2.split(',').map((word) => {
      if (word !== 'src' && word !== 'dst')
        throw new XtError("You must spefify (the comma separated list of) `src' or `dst'.");
      return word;
    });
    if (g.value.length > 31) throw new XtError(`setname \`${g.value}' too long, max 31 characters.`);
    return { name: 'set', set: g.value, sides, invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--match-set ${m.set} ${m.sides.join(',')}`,
  list: (m) => `${m.invert ? '! ' : ''}match-set ${m.set} ${m.sides.join(',')}`,
  check(m, { ns }) {
    // The real tool asks the kernel for the set before it sends the rule.
    if (!ipsets(ns).sets.has(m.set)) throw new XtError(`Set ${m.set} doesn't exist.\n`);
    return undefined;
  },
  compile({ set: name, sides, invert }, { ns }): Test {
    const s = ipsets(ns).get(name);
    return (p) => {
      const a = field(s, p, 0, sides[0]);
      const b = field(s, p, 1, sides[1]);
      const c = field(s, p, 2, sides[2]);
      // A packet without the field, or a rule with too few sides, is in no set.
      if (a < 0 || b < 0 || c < 0) return invert;
      return s.test(a, b, c) !== invert;
    };
  },
};
