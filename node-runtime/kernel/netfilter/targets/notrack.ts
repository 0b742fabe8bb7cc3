// NOTRACK and CT --notrack: the packet passes conntrack by: net/netfilter/xt_CT.c. In the raw table only, which comes
// before conntrack.
import { conntrack } from '../conntrack/conntrack.ts';
import { IP_CT_UNTRACKED } from '../conntrack/entry.ts';
import { type Action, type RuleEnv, type TargetExtension, XT_CONTINUE } from '../tables/extension.ts';

export interface NotrackTarget {
  readonly name: 'NOTRACK';
}
export interface CtTarget {
  readonly name: 'CT';
  readonly notrack: boolean;
}

function untrack({ ns }: RuleEnv): Action {
  const ct = conntrack(ns);
  return (p) => {
    if (p.skb.ct === undefined) {
      p.skb.ct = ct;
      p.skb.ctinfo = IP_CT_UNTRACKED;
    }
    return XT_CONTINUE;
  };
}

export const notrack: TargetExtension<NotrackTarget> = {
  name: 'NOTRACK',
  options: [],
  tables: ['raw'],
  column: 'CT',
  parse: () => ({ name: 'NOTRACK' }),
  save: () => '',
  list: () => 'NOTRACK',
  compile: (_t, env) => untrack(env),
};

export const ct: TargetExtension<CtTarget> = {
  name: 'CT',
  options: [{ name: 'notrack' }],
  tables: ['raw'],
  parse: (given) => ({ name: 'CT', notrack: given.length > 0 }),
  save: (t) => (t.notrack ? '--notrack' : ''),
  list: (t) => (t.notrack ? 'CT notrack' : 'CT'),
  compile: (t, env) => (t.notrack ? untrack(env) : () => XT_CONTINUE),
};
