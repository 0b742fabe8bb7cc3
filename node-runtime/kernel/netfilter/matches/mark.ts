// The mark and connmark matches: net/netfilter/xt_mark.c, xt_connmark.c.
import { connMark } from '../conntrack/of-skb.ts';
import type { MatchExtension } from '../tables/extension.ts';
import { type MarkValue, markText, parseMark, required } from './values.ts';

interface MarkLike<N extends 'mark' | 'connmark'> extends MarkValue {
  readonly name: N;
  readonly invert: boolean;
}
export type MarkMatch = MarkLike<'mark'>;
export type ConnmarkMatch = MarkLike<'connmark'>;

export const mark: MatchExtension<MarkMatch> = {
  name: 'mark',
  options: [{ name: 'mark', args: 1, invert: true }],
  parse(given) {
    const g = required(given, 'mark', 'mark');
    return { name: 'mark', ...parseMark('mark', 'mark', g.value), invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--mark ${markText(m)}`,
  list: (m) => `mark match ${m.invert ? '! ' : ''}${markText(m)}`,
  compile({ value, mask, invert }) {
    const want = value | 0;
    return (p) => ((p.skb.mark & mask) === want) !== invert;
  },
};

export const connmark: MatchExtension<ConnmarkMatch> = {
  name: 'connmark',
  options: [{ name: 'mark', args: 1, invert: true }],
  conntrack: true,
  parse(given) {
    const g = required(given, 'connmark', 'mark');
    return { name: 'connmark', ...parseMark('connmark', 'mark', g.value), invert: g.invert };
  },
  save: (m) => `${m.invert ? '! ' : ''}--mark ${markText(m)}`,
  list: (m) => `connmark match ${m.invert ? '!' : ''} ${markText(m)}`,
  compile({ value, mask, invert }) {
    const want = value | 0;
    return (p) => {
      const found = connMark(p.skb);
      return found !== undefined && ((found & mask) === want) !== invert;
    };
  },
};
