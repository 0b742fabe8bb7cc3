// A rule as iptables-save prints it: print_rule4 of iptables (iptables/iptables.c), save_ipv4_addr and friends.
import { formatIpv4, ip4 } from '../../wire/addr.ts';
import { matchExtension } from '../matches/registry.ts';
import { targetExtension } from '../targets/registry.ts';
import { prefixLength } from './address.ts';
import { protocolName } from './protocols.ts';
import type { AddrSpec, Goal, RuleSpec } from './rule.ts';

/** "10.0.0.0/8", or with a mask in dotted quad where it is no prefix. */
export function addrText(a: AddrSpec): string {
  const len = prefixLength(a.mask);
  return `${formatIpv4(ip4(a.addr & a.mask))}/${len >= 0 ? len : formatIpv4(ip4(a.mask))}`;
}

const opt = (words: string[], invert: boolean, name: string, value: string): void => {
  words.push(`${invert ? '! ' : ''}${name} ${value}`);
};

/** "-j DNAT --to-destination 10.0.0.1:80"; '' for a rule without a target. */
export function goalText(goal: Goal, chain?: string): string {
  switch (goal.kind) {
    case 'none':
      return '';
    case 'verdict':
      return `-j ${goal.verdict}`;
    case 'jump':
      return `-j ${chain ?? goal.chain}`;
    case 'goto':
      return `-g ${chain ?? goal.chain}`;
    case 'target': {
      const options = targetExtension(goal.target.name).save(goal.target);
      return `-j ${goal.target.name}${options === '' ? '' : ` ${options}`}`;
    }
  }
}

/** The rule behind "-A CHAIN": `counters` as "-c P B" where `iptables -v -S` puts them. */
export function specText(spec: RuleSpec, chain?: string, counters?: string): string {
  const words: string[] = [];
  if (spec.src !== undefined && spec.src.mask !== 0) opt(words, spec.src.invert, '-s', addrText(spec.src));
  if (spec.dst !== undefined && spec.dst.mask !== 0) opt(words, spec.dst.invert, '-d', addrText(spec.dst));
  if (spec.in !== undefined) opt(words, spec.in.invert, '-i', spec.in.name);
  if (spec.out !== undefined) opt(words, spec.out.invert, '-o', spec.out.name);
  if (spec.proto !== undefined) opt(words, spec.proto.invert, '-p', protocolName(spec.proto.num));
  if (spec.fragment !== undefined) words.push(spec.fragment.invert ? '! -f' : '-f');
  for (const m of spec.matches) {
    const options = matchExtension(m.name).save(m);
    words.push(`-m ${m.name}${options === '' ? '' : ` ${options}`}`);
  }
  if (counters !== undefined) words.push(counters);
  const goal = goalText(spec.goal, chain);
  if (goal !== '') words.push(goal);
  return words.join(' ');
}

export function ruleText(spec: RuleSpec, chain: string, jump?: string, counters?: string): string {
  const text = specText(spec, jump, counters);
  return text === '' ? `-A ${chain}` : `-A ${chain} ${text}`;
}
