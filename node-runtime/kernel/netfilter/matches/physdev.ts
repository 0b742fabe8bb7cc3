// The physdev match: the bridge ports of a bridged packet: net/netfilter/xt_physdev.c.
import type { Netns } from '../../netns/netns.ts';
import { type Given, type MatchExtension, type Test, XtError } from '../tables/extension.ts';

interface Iface {
  readonly name: string;
  readonly invert: boolean;
}
interface Flag {
  readonly invert: boolean;
}
export interface PhysdevMatch {
  readonly name: 'physdev';
  readonly in: Iface | undefined;
  readonly out: Iface | undefined;
  readonly isIn: Flag | undefined;
  readonly isOut: Flag | undefined;
  readonly isBridged: Flag | undefined;
}

const bang = (f: Flag): string => (f.invert ? '! ' : '');

function words(m: PhysdevMatch): string {
  const out: string[] = [];
  if (m.isIn) out.push(`${bang(m.isIn)}--physdev-is-in`);
  if (m.in) out.push(`${bang(m.in)}--physdev-in ${m.in.name}`);
  if (m.isOut) out.push(`${bang(m.isOut)}--physdev-is-out`);
  if (m.out) out.push(`${bang(m.out)}--physdev-out ${m.out.name}`);
  if (m.isBridged) out.push(`${bang(m.isBridged)}--physdev-is-bridged`);
  return out.join(' ');
}

function nameTest(ns: Netns, want: Iface): (ifindex: number) => boolean {
  const wild = want.name.endsWith('+');
  const head = wild ? want.name.slice(0, -1) : want.name;
  return (ifindex) => {
    const name = ns.devices.get(ifindex)?.name ?? '';
    return (wild ? name.startsWith(head) : name === head) !== want.invert;
  };
}

export const physdev: MatchExtension<PhysdevMatch> = {
  name: 'physdev',
  options: [
    { name: 'physdev-in', args: 1, invert: true },
    { name: 'physdev-out', args: 1, invert: true },
    { name: 'physdev-is-in', invert: true },
    { name: 'physdev-is-out', invert: true },
    { name: 'physdev-is-bridged', invert: true },
  ],
  parse(given) {
    if (given.length === 0) throw new XtError('PHYSDEV: no physdev option specified');
    const get = (name: string): Given | undefined => given.find((g) => g.name === name);
    const iface = (name: string): Iface | undefined => {
      const g = get(name);
      return g && { name: g.value, invert: g.invert };
    };
    const flag = (name: string): Flag | undefined => {
      const g = get(name);
      return g && { invert: g.invert };
    };
    return {
      name: 'physdev',
      in: iface('physdev-in'),
      out: iface('physdev-out'),
      isIn: flag('physdev-is-in'),
      isOut: flag('physdev-is-out'),
      isBridged: flag('physdev-is-bridged'),
    };
  },
  save: words,
  list: (m) => `PHYSDEV match ${words(m)}`,
  compile(m, { ns }): Test {
    const inTest = m.in && nameTest(ns, m.in);
    const outTest = m.out && nameTest(ns, m.out);
    return (p) => {
      const { physin, physout } = p.skb;
      if (m.isBridged && (physin !== 0 && physout !== 0) === m.isBridged.invert) return false;
      if (m.isIn && (physin !== 0) === m.isIn.invert) return false;
      if (m.isOut && (physout !== 0) === m.isOut.invert) return false;
      if (inTest !== undefined && !inTest(physin)) return false;
      return outTest === undefined || outTest(physout);
    };
  },
};
