// What `iptables -L` and `iptables -S` print: print_header, print_rule_details of iptables/xshared.c and nft-shared.c.
import { formatIpv4, ip4 } from '../../wire/addr.ts';
import { matchExtension } from '../matches/registry.ts';
import { prefixLength } from '../tables/address.ts';
import type { Chain } from '../tables/chain.ts';
import { protocolName } from '../tables/protocols.ts';
import type { AddrSpec, IfaceSpec, Rule } from '../tables/rule.ts';
import { ruleText } from '../tables/save-rule.ts';
import type { Table } from '../tables/table.ts';
import { targetExtension } from '../targets/registry.ts';
import type { Command } from './parse.ts';

type Format = Pick<Command, 'numeric' | 'verbose' | 'exact' | 'lineNumbers'>;

/** xtables_print_num: at most five digits, then thousands, millions and so on. */
export function countText(n: number, exact: boolean): string {
  if (exact) return `${String(n).padStart(8)} `;
  if (n <= 99_999) return `${String(n).padStart(5)} `;
  let rest = n;
  for (const unit of ['K', 'M', 'G']) {
    rest = Math.floor((rest + 500) / 1000);
    if (rest <= 9999) return `${String(rest).padStart(4)}${unit} `;
  }
  return `${String(Math.floor((rest + 500) / 1000)).padStart(4)}T `;
}

function header(chain: Chain, f: Format): string {
  const about =
    chain.hook === undefined
      ? `${chain.references} references`
      : f.verbose
        ? `policy ${chain.policy} ${bare(chain.packets, f)} packets, ${bare(chain.bytes, f)} bytes`
        : `policy ${chain.policy}`;
  let line = '';
  if (f.lineNumbers) line += 'num  ';
  if (f.verbose) line += f.exact ? '    pkts      bytes ' : ' pkts bytes ';
  line += 'target     prot opt ';
  if (f.verbose) line += 'in     out     ';
  line += 'source               destination         ';
  return `Chain ${chain.name} (${about})\n${line}\n`;
}

const bare = (n: number, f: Format): string => countText(n, f.exact).trim();

function addressText(a: AddrSpec | undefined, numeric: boolean): string {
  const bang = a?.invert === true ? '!' : ' ';
  if (a === undefined || a.mask === 0) return bang + (numeric ? '0.0.0.0/0' : 'anywhere').padEnd(19);
  const host = formatIpv4(ip4(a.addr & a.mask));
  const len = prefixLength(a.mask);
  const suffix = len === 32 ? '' : `/${len >= 0 ? len : formatIpv4(ip4(a.mask))}`;
  return bang + (host + suffix).padEnd(19);
}

function ifaceText(i: IfaceSpec | undefined, numeric: boolean): string {
  const text = i === undefined ? (numeric ? '*' : 'any') : `${i.invert ? '!' : ''}${i.name}`;
  return `${text.padEnd(6)} `;
}

function targetColumn(rule: Rule): string {
  const { goal } = rule.spec;
  switch (goal.kind) {
    case 'none':
      return '';
    case 'verdict':
      return goal.verdict;
    case 'target':
      return targetExtension(goal.target.name).column ?? goal.target.name;
    default:
      return rule.chain?.name ?? goal.chain;
  }
}

/** One rule; `number` from 1. */
export function listRule(rule: Rule, number: number, f: Format): string {
  const { spec } = rule;
  let line = '';
  if (f.lineNumbers) line += `${String(number).padEnd(4)} `;
  if (f.verbose) line += countText(rule.packets, f.exact) + countText(rule.bytes, f.exact);
  line += `${targetColumn(rule).padEnd(9)} `;
  const num = spec.proto?.num ?? 0;
  line += `${spec.proto?.invert === true ? '!' : ' '}${(f.numeric ? String(num) : protocolName(num)).padEnd(4)} `;
  line += spec.fragment === undefined ? '-- ' : spec.fragment.invert ? '!f ' : '-f ';
  if (f.verbose) line += ` ${ifaceText(spec.in, f.numeric)}${ifaceText(spec.out, f.numeric)}`;
  line += `${addressText(spec.src, f.numeric)} ${addressText(spec.dst, f.numeric)} `;
  if (spec.goal.kind === 'goto') line += '[goto] ';
  for (const m of spec.matches) line += ` ${matchExtension(m.name).list(m, f.numeric)}`;
  if (spec.goal.kind === 'target') {
    const text = targetExtension(spec.goal.target.name).list(spec.goal.target, f.numeric);
    if (text !== '') line += ` ${text}`;
  }
  return `${line}\n`;
}

/** Built-in chains in their order, then the others by name. */
export function chainsInOrder(table: Table): Chain[] {
  const all = [...table.chains.values()];
  const own = all.filter((c) => c.hook === undefined);
  own.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...all.filter((c) => c.hook !== undefined), ...own];
}

export function listChains(chains: readonly Chain[], f: Format, number: number): string {
  if (number > 0) {
    const rule = chains[0]!.rules[number - 1];
    return rule === undefined ? '' : listRule(rule, number, f);
  }
  return chains
    .map((chain) => header(chain, f) + chain.rules.map((rule, i) => listRule(rule, i + 1, f)).join(''))
    .join('\n');
}

export function listRules(chains: readonly Chain[], verbose: boolean, number: number): string {
  const counters = (c: { packets: number; bytes: number }): string | undefined =>
    verbose ? `-c ${c.packets} ${c.bytes}` : undefined;
  const ofRule = (chain: Chain, rule: Rule): string =>
    `${ruleText(rule.spec, chain.name, rule.chain?.name, counters(rule))}\n`;
  if (number > 0) {
    const rule = chains[0]!.rules[number - 1];
    return rule === undefined ? '' : ofRule(chains[0]!, rule);
  }
  const declared = chains.map((c) =>
    c.hook === undefined ? `-N ${c.name}\n` : `-P ${c.name} ${c.policy}${verbose ? ` ${counters(c)}` : ''}\n`,
  );
  return declared.join('') + chains.map((c) => c.rules.map((r) => ofRule(c, r)).join('')).join('');
}
