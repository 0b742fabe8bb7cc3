// What a rule did to a traced packet, in words: the table, the chain, the rule's number and text.
import type { TraceStage } from '../../trace/event.ts';
import type { Chain } from './chain.ts';
import { labelOf } from './label.ts';
import type { Packet } from './packet.ts';
import type { Rule } from './rule.ts';
import { goalText, ruleText } from './save-rule.ts';
import type { Table } from './table.ts';

/** By hook number. */
const STAGES: readonly TraceStage[] = ['prerouting', 'input', 'forward', 'localout', 'postrouting'];

/** Call only under `skb.trace !== 0`. */
export function traceMatch(table: Table, chain: Chain, rule: Rule, number: number, p: Packet): void {
  const text = ruleText(rule.spec, chain.name, rule.chain?.name);
  const goal = goalText(rule.spec.goal, rule.chain?.name);
  table.ns.kernel.traceEvent(
    p.skb,
    p.state.in ?? p.state.out ?? table.ns,
    STAGES[p.state.hook]!,
    `${labelOf(table.name, chain, rule, number)} matches, ${goal === '' ? 'and only counts' : goal}: ${text}`,
    { table: table.name, chain: chain.name, number, rule: text, goal },
  );
}

export function tracePolicy(table: Table, base: Chain, p: Packet): void {
  table.ns.kernel.traceEvent(
    p.skb,
    p.state.in ?? p.state.out ?? table.ns,
    STAGES[p.state.hook]!,
    `${base.policyLabel} ${base.policy}`,
    { table: table.name, chain: base.name, policy: base.policy },
  );
}
