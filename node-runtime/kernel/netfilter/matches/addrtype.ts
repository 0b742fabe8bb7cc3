// The addrtype match: what an address is to this host: net/netfilter/xt_addrtype.c.

import { NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING, NF_INET_PRE_ROUTING } from '../../netns/hooks.ts';
import type { AddrType } from '../../netns/ipv4-ops.ts';
import { ip4 } from '../../wire/addr.ts';
import { type MatchExtension, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';

/** In the kernel's order (RTN_*), which is the order of printing. */
const TYPES = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;
type Type = (typeof TYPES)[number];

interface TypeSet {
  readonly types: readonly Type[];
  readonly invert: boolean;
}
export interface AddrtypeMatch {
  readonly name: 'addrtype';
  readonly src: TypeSet | undefined;
  readonly dst: TypeSet | undefined;
  /** Which device an address must belong to. */
  readonly limit: 'in' | 'out' | undefined;
}

function parseTypes(text: string): readonly Type[] {
  const found = text.split(',').map((word) => {
    const type = TYPES.find((t) => t === word.toUpperCase());
    if (type === undefined) throw new XtError(`addrtype: bad type "${word}"`);
    return type;
  });
  return TYPES.filter((t) => found.includes(t));
}

const setText = (s: TypeSet): string => s.types.join(',');

export const addrtype: MatchExtension<AddrtypeMatch> = {
  name: 'addrtype',
  options: [
    { name: 'src-type', args: 1, invert: true },
    { name: 'dst-type', args: 1, invert: true },
    { name: 'limit-iface-in' },
    { name: 'limit-iface-out' },
  ],
  parse(given) {
    const set = (name: string): TypeSet | undefined => {
      const g = given.find((x) => x.name === name);
      return g && { types: parseTypes(g.value), invert: g.invert };
    };
    const src = set('src-type');
    const dst = set('dst-type');
    if (src === undefined && dst === undefined)
      throw new XtError('addrtype: you must specify --src-type or --dst-type');
    const into = given.some((g) => g.name === 'limit-iface-in');
    const out = given.some((g) => g.name === 'limit-iface-out');
    if (into && out)
      throw new XtError(
        'addrtype: option "--limit-iface-in" cannot be used together with "--limit-iface-out".\n',
      );
    return { name: 'addrtype', src, dst, limit: into ? 'in' : out ? 'out' : undefined };
  },
  save(m) {
    const out: string[] = [];
    if (m.src) out.push(`${m.src.invert ? '! ' : ''}--src-type ${setText(m.src)}`);
    if (m.dst) out.push(`${m.dst.invert ? '! ' : ''}--dst-type ${setText(m.dst)}`);
    if (m.limit) out.push(`--limit-iface-${m.limit}`);
    return out.join(' ');
  },
  list(m) {
    const out = ['ADDRTYPE match'];
    if (m.src) out.push(`src-type ${m.src.invert ? '!' : ''}${setText(m.src)}`);
    if (m.dst) out.push(`dst-type ${m.dst.invert ? '!' : ''}${setText(m.dst)}`);
    if (m.limit) out.push(`limit-${m.limit}`);
    return out.join(' ');
  },
  check(m, _env, _rule, hooks) {
    const misplaced =
      m.limit === 'in'
        ? hooks.some((h) => h === NF_INET_POST_ROUTING || h === NF_INET_LOCAL_OUT)
        : m.limit === 'out' && hooks.some((h) => h === NF_INET_PRE_ROUTING || h === 1);
    return misplaced ? 'Invalid argument' : undefined;
  },
  compile({ src, dst, limit }, { ns }) {
    const { kernel } = ns;
    const wanted = (set: TypeSet | undefined): ReadonlySet<AddrType> =>
      new Set((set?.types ?? []) as readonly AddrType[]);
    const srcTypes = wanted(src);
    const dstTypes = wanted(dst);
    const device = (p: Packet) => (limit === 'in' ? p.state.in : limit === 'out' ? p.state.out : undefined);
    return (p) => {
      const dev = device(p);
      if (src !== undefined && srcTypes.has(kernel.ipv4.addrType(ns, ip4(p.src), dev)) === src.invert)
        return false;
      return dst === undefined || dstTypes.has(kernel.ipv4.addrType(ns, ip4(p.dst), dev)) !== dst.invert;
    };
  },
};
