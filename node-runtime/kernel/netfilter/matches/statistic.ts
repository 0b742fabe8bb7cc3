// The statistic match: net/netfilter/xt_statistic.c. "random" does not draw: the flow decides, through the kernel's dice, so
// that a run can be repeated. In the nat table, which sees one packet of a flow, that is all; elsewhere the packet's own
// fields (IP id, sequence numbers) tell the packets of a flow apart.
import { mix32 } from '../../netns/dice.ts';
import { u16, u32 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import { type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';
import { parseUint } from './values.ts';

export type StatisticMatch = { readonly name: 'statistic'; readonly invert: boolean } & (
  | { readonly mode: 'random' /** In units of 2^-31. */; readonly probability: number }
  | { readonly mode: 'nth'; readonly every: number; readonly packet: number }
);

const ONE = 0x8000_0000;

/** A number that all packets of a flow share, and no other flow. */
function flowHash(p: Packet): number {
  let h = mix32(p.src ^ Math.imul(p.dst, 0x9e3779b1));
  const ports =
    p.fragOff !== 0 || p.l4 + 8 > p.end ? 0 : p.proto === ip.PROTO_ICMP ? u16(p.b, p.l4 + 4) : u32(p.b, p.l4);
  h = mix32(h ^ Math.imul(ports, 0x85ebca6b));
  return mix32(h ^ p.proto);
}

/** What tells one packet of a flow from the next. */
function packetHash(p: Packet): number {
  const seq = p.has(8) ? u32(p.b, p.l4 + 4) : 0;
  return mix32(u16(p.b, p.at + 4) ^ Math.imul(seq, 0xc2b2ae35) ^ p.len);
}

const probabilityText = (n: number): string => (n / ONE).toFixed(11);

export const statistic: MatchExtension<StatisticMatch> = {
  name: 'statistic',
  options: [
    { name: 'mode', args: 1 },
    { name: 'probability', args: 1, invert: true },
    { name: 'every', args: 1, invert: true },
    { name: 'packet', args: 1 },
  ],
  parse(given) {
    const get = (name: string) => given.find((g) => g.name === name);
    const mode = get('mode')?.value ?? 'random';
    if (mode !== 'random' && mode !== 'nth') throw new XtError(`Bad mode "${mode}"`);
    if (mode === 'random') {
      const g = get('probability');
      if (g === undefined) throw new XtError('--probability must be specified when using random mode');
      const value = g.value.trim() === '' ? Number.NaN : Number(g.value);
      if (!(value >= 0 && value <= 1))
        throw new XtError('statistic: bad value for option "--probability", or out of range (0-1).\n');
      return { name: 'statistic', mode, probability: Math.round(value * ONE), invert: g.invert };
    }
    const g = get('every');
    if (g === undefined) throw new XtError('--every must be specified when using nth mode');
    const every = parseUint(g.value, 0xffff_ffff);
    if (every === undefined || every === 0)
      throw new XtError('statistic: bad value for option "--every", or out of range (1-4294967295).\n');
    const packet = parseUint(get('packet')?.value ?? '0', 0xffff_ffff);
    if (packet === undefined)
      throw new XtError('statistic: bad value for option "--packet", or out of range (0-4294967295).\n');
    if (packet >= every) throw new XtError('the --packet p must be 0 <= p <= n-1');
    return { name: 'statistic', mode, every, packet, invert: g.invert };
  },
  save(m) {
    const bang = m.invert ? '! ' : '';
    return m.mode === 'random'
      ? `--mode random ${bang}--probability ${probabilityText(m.probability)}`
      : `--mode nth ${bang}--every ${m.every} --packet ${m.packet}`;
  },
  list(m) {
    const bang = m.invert ? '! ' : '';
    if (m.mode === 'random')
      return `statistic mode random ${bang}probability ${probabilityText(m.probability)}`;
    return `statistic mode nth ${bang}every ${m.every}${m.packet !== 0 ? ` packet ${m.packet}` : ''}`;
  },
  compile(m, env): Test {
    const { invert } = m;
    if (m.mode === 'nth') {
      const { every, packet } = m;
      // xt_statistic starts so that the packet numbered `packet`, from 0, is the first to match.
      let count = every - 1 - packet;
      return () => {
        const hit = count === every - 1;
        count = hit ? 0 : count + 1;
        return hit !== invert;
      };
    }
    const { probability } = m;
    const place = env.ns.kernel.dice.u32('statistic', `${env.ns.name}/${env.table}/${env.text}`);
    const perPacket = env.table !== 'nat';
    return (p) => {
      const h = mix32(place ^ flowHash(p) ^ (perPacket ? packetHash(p) : 0));
      return h >>> 1 < probability !== invert;
    };
  },
};
