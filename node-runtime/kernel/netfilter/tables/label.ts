// A rule's name in traces and drop reasons.
import type { Chain } from './chain.ts';
import type { Rule } from './rule.ts';

/** "filter FORWARD rule 3". `number` counts from 1; the text is made again only after the chain changed. */
export function labelOf(table: string, chain: Chain, rule: Rule, number: number): string {
  if (rule.labelVersion !== chain.version) {
    rule.label = `${table} ${chain.name} rule ${number}`;
    rule.labelVersion = chain.version;
  }
  return rule.label;
}
