// Changes to a table, all or none: the transaction that iptables-restore commits. Changes are made in place, as the kernel
// runs nothing meanwhile, and each leaves behind how to undo it; so a commit costs what it changes, not what there is.
import { HOOK_NAMES, type HookNum } from '../../netns/hooks.ts';
import { conntrackGet, conntrackPut } from '../conntrack/enable.ts';
import { matchExtension } from '../matches/registry.ts';
import { targetExtension } from '../targets/registry.ts';
import { Chain, type Policy } from './chain.ts';
import { type RuleEnv, XtError } from './extension.ts';
import { Rule, type RuleSpec } from './rule.ts';
import { ruleText, specText } from './save-rule.ts';
import type { Table } from './table.ts';

/** What the kernel says to a rule that it does not take, as the netlink batch reports it. */
export class KernelRefusal extends XtError {
  constructor(what: string, errno: string, object: string) {
    super(`${what} failed (${errno}): ${object}`, 4);
  }
}

const hooksOf = (bits: number): HookNum[] =>
  ([0, 1, 2, 3, 4] as const).filter((h) => (bits & (1 << h)) !== 0);

export type RuleOp = 'RULE_APPEND' | 'RULE_INSERT' | 'RULE_REPLACE';

/** What a rule is and where, as `-S` would say. */
export const textOf = (chain: Chain, rule: Rule): string => ruleText(rule.spec, chain.name, rule.chain?.name);

export class Edit {
  readonly table: Table;
  #undo: (() => void)[] = [];

  constructor(table: Table) {
    this.table = table;
  }

  /** Takes everything back, last change first. */
  rollback(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }

  chain(name: string): Chain {
    const chain = this.table.chains.get(name);
    if (chain === undefined) throw new XtError('No chain/target/match by that name.', 1, 'name');
    return chain;
  }

  addChain(name: string): Chain {
    if (this.table.chains.has(name)) throw new XtError('Chain already exists.', 1, 'name');
    const chain = new Chain(this.table.name, name, undefined);
    this.table.chains.set(name, chain);
    this.#undo.push(() => this.table.chains.delete(chain.name));
    return chain;
  }

  deleteChain(chain: Chain): void {
    if (chain.hook !== undefined || chain.references > 0 || chain.rules.length > 0)
      throw new KernelRefusal('CHAIN_DEL', 'Device or resource busy', `chain ${chain.name}`);
    this.table.chains.delete(chain.name);
    this.#undo.push(() => this.table.chains.set(chain.name, chain));
  }

  renameChain(chain: Chain, name: string): void {
    if (this.table.chains.has(name)) throw new XtError('File exists.', 1, 'name');
    const old = chain.name;
    const set = (from: string, to: string): void => {
      this.table.chains.delete(from);
      chain.name = to;
      chain.version++;
      this.table.chains.set(to, chain);
    };
    set(old, name);
    this.#undo.push(() => set(name, old));
  }

  setPolicy(chain: Chain, policy: Policy, counters?: { packets: number; bytes: number }): void {
    const { policy: was, packets, bytes } = chain;
    this.#undo.push(() => Object.assign(chain, { policy: was, packets, bytes }));
    chain.policy = policy;
    if (counters !== undefined) Object.assign(chain, counters);
  }

  zero(chain: Chain, rule?: Rule): void {
    for (const r of rule === undefined ? chain.rules : [rule]) {
      const { packets, bytes } = r;
      this.#undo.push(() => Object.assign(r, { packets, bytes }));
      r.packets = 0;
      r.bytes = 0;
    }
    if (rule === undefined) this.setPolicy(chain, chain.policy, { packets: 0, bytes: 0 });
  }

  /** Puts a rule before the one at `at` (0 is the first place; the chain's length the last). */
  insert(
    chain: Chain,
    at: number,
    spec: RuleSpec,
    op: RuleOp,
    counters?: { packets: number; bytes: number },
  ): Rule {
    const target = this.#targetChain(spec);
    const env: RuleEnv = {
      ns: this.table.ns,
      table: this.table.name,
      chain: chain.name,
      text: ruleText(spec, chain.name),
    };
    const refuse = (errno: string): never => {
      throw new KernelRefusal(op, errno, `rule in chain ${chain.name}`);
    };
    const why = refusal(spec, env, hooksOf(chain.hooks));
    if (why !== undefined) refuse(why);
    if (target?.hook !== undefined) refuse('Operation not supported');
    const rule = new Rule(spec, env, target);
    if (counters !== undefined) Object.assign(rule, counters);
    chain.rules.splice(at, 0, rule);
    this.#linked(chain, rule);
    this.#undo.push(() => {
      chain.rules.splice(at, 1);
      this.#unlinked(chain, rule);
    });
    if (target !== undefined && chain.hooks !== 0) {
      if (chain.hook === undefined && reaches(target, chain, new Set())) refuse('Too many links');
      const fault = this.#spread(target, chain.hooks, new Set([chain]));
      if (fault !== undefined) refuse(fault);
    }
    return rule;
  }

  remove(chain: Chain, at: number): void {
    const [rule] = chain.rules.splice(at, 1);
    this.#unlinked(chain, rule!);
    this.#undo.push(() => {
      chain.rules.splice(at, 0, rule!);
      this.#linked(chain, rule!);
    });
  }

  flush(chain: Chain): void {
    const { rules } = chain;
    if (rules.length === 0) return;
    chain.rules = [];
    for (const rule of rules) this.#unlinked(chain, rule);
    this.#undo.push(() => {
      chain.rules = rules;
      for (const rule of rules) this.#linked(chain, rule);
    });
  }

  /** Where a rule that says the same stands, or −1. */
  find(chain: Chain, spec: RuleSpec): number {
    const text = specText(spec);
    return chain.rules.findIndex((rule) => specText(rule.spec, rule.chain?.name) === text);
  }

  #targetChain(spec: RuleSpec): Chain | undefined {
    if (spec.goal.kind !== 'jump' && spec.goal.kind !== 'goto') return undefined;
    const target = this.table.chains.get(spec.goal.chain);
    if (target === undefined) throw new XtError(`Chain '${spec.goal.chain}' does not exist`);
    return target;
  }

  #linked(chain: Chain, rule: Rule): void {
    chain.version++;
    if (rule.chain !== undefined) rule.chain.references++;
    if (rule.conntrack) conntrackGet(this.table.ns);
    for (const m of rule.spec.matches) matchExtension(m.name).linked?.(m, this.table.ns);
  }
  #unlinked(chain: Chain, rule: Rule): void {
    chain.version++;
    if (rule.chain !== undefined) rule.chain.references--;
    if (rule.conntrack) conntrackPut(this.table.ns);
    for (const m of rule.spec.matches) matchExtension(m.name).unlinked?.(m, this.table.ns);
  }

  /** Packets of these hooks can now come to `chain`: its rules must be fit for them. Returns an errno's text if not. */
  #spread(chain: Chain, bits: number, path: Set<Chain>): string | undefined {
    if (path.has(chain)) return 'Too many links';
    const more = bits & ~chain.hooks;
    if (more === 0) return undefined;
    const was = chain.hooks;
    chain.hooks |= more;
    this.#undo.push(() => {
      chain.hooks = was;
    });
    path.add(chain);
    for (const rule of chain.rules) {
      const env = { ns: this.table.ns, table: this.table.name, chain: chain.name, text: '' };
      const fault =
        refusal(rule.spec, env, hooksOf(more)) ??
        (rule.chain === undefined ? undefined : this.#spread(rule.chain, more, path));
      if (fault !== undefined) return fault;
    }
    path.delete(chain);
    return undefined;
  }
}

/** Whether a packet that enters `from` can come to `to`. */
function reaches(from: Chain, to: Chain, seen: Set<Chain>): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return from.rules.some((rule) => rule.chain !== undefined && reaches(rule.chain, to, seen));
}

/** xt_check_match and xt_check_target: why a rule may not stand in this table, or be reached from these hooks. */
function refusal(spec: RuleSpec, env: RuleEnv, hooks: readonly HookNum[]): string | undefined {
  const context = { proto: spec.proto };
  for (const m of spec.matches) {
    const why = matchExtension(m.name).check?.(m, env, context, hooks);
    if (why !== undefined) return why;
  }
  if (spec.goal.kind !== 'target') return undefined;
  const { target } = spec.goal;
  const ext = targetExtension(target.name);
  if (ext.tables !== undefined && !ext.tables.includes(env.table)) return 'Invalid argument';
  if (ext.hooks !== undefined && hooks.some((h) => !ext.hooks!.includes(h))) return 'Invalid argument';
  return ext.check?.(target, env, context, hooks);
}

export const isBuiltinName = (name: string): boolean => HOOK_NAMES.some((n) => n === name);
