// A table and the walk through it: ipt_do_table (net/ipv4/netfilter/ip_tables.c). The walk keeps its return places on a
// stack of the table, above those of a walk that it is nested in (a REJECT inside INPUT sends through OUTPUT).
import { HOOK_NAMES, type HookNum, type HookState } from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import type { Skb } from '../../skb/skb.ts';
import { Conntrack } from '../conntrack/conntrack.ts';
import { Chain } from './chain.ts';
import { type ChainIndex, INDEX_FROM, isWhole } from './chain-index.ts';
import { XT_ACCEPT, XT_CONTINUE, XT_DROP } from './extension.ts';
import { labelOf } from './label.ts';
import { BUILTIN_HOOKS, type TableName } from './names.ts';
import { Packet } from './packet.ts';
import { GOAL_ACCEPT, GOAL_DROP, GOAL_GOTO, GOAL_JUMP, GOAL_NONE, GOAL_RETURN, type Rule } from './rule.ts';
import { traceMatch, tracePolicy } from './trace.ts';

export class Table {
  readonly ns: Netns;
  readonly name: TableName;
  readonly chains = new Map<string, Chain>();
  /** Off: every chain is walked. For comparisons. */
  compile = true;
  /** How often a packet came to (or back to) a chain long enough to be compiled: looked up there, or walked all the same. */
  readonly lookups = { compiled: 0, walked: 0 };
  readonly #base: (Chain | undefined)[] = [];
  readonly #packets: Packet[] = [];
  #depth = 0;
  readonly #stack: Chain[] = [];
  readonly #places: number[] = [];
  #top = 0;

  constructor(ns: Netns, name: TableName) {
    this.ns = ns;
    this.name = name;
    for (const hook of BUILTIN_HOOKS[name]) {
      const chain = new Chain(name, HOOK_NAMES[hook], hook);
      this.chains.set(chain.name, chain);
      this.#base[hook] = chain;
    }
  }

  baseChain(hook: HookNum): Chain {
    return this.#base[hook]!;
  }

  /** Walks the packet through the hook's chain; false when it was disposed of. */
  run(skb: Skb, state: HookState): boolean {
    const base = this.#base[state.hook]!;
    // Nothing to ask: most chains of most tables.
    if (base.rules.length === 0 && base.policy === 'ACCEPT' && skb.trace === 0) {
      base.packets++;
      base.bytes += skb.tail - skb.network;
      return true;
    }
    const p = (this.#packets[this.#depth] ??= new Packet());
    this.#depth++;
    const floor = this.#top;
    p.fill(skb, state);
    try {
      return this.#walk(base, p, floor);
    } finally {
      this.#depth--;
      this.#top = floor;
    }
  }

  #walk(base: Chain, p: Packet, floor: number): boolean {
    let chain = base;
    let i = 0;
    for (;;) {
      const { rules } = chain;
      const index = rules.length < INDEX_FROM ? undefined : this.#indexOf(chain, p);
      let rule: Rule | undefined;
      while (i < rules.length) {
        if (index !== undefined) {
          i = index.next(p, i);
          if (i >= rules.length) break;
        }
        const r = rules[i++]!;
        if (r.matches(p)) {
          rule = r;
          break;
        }
        if (p.hotdrop) return this.#drop(p, r, chain, i);
      }
      if (rule === undefined) {
        if (this.#top === floor) return this.#policy(base, p);
        this.#top--;
        chain = this.#stack[this.#top]!;
        i = this.#places[this.#top]!;
        continue;
      }
      rule.packets++;
      rule.bytes += p.len;
      if (p.skb.trace !== 0) traceMatch(this, chain, rule, i, p);
      switch (rule.code) {
        case GOAL_NONE:
          continue;
        case GOAL_ACCEPT:
          return true;
        case GOAL_DROP:
          return this.#drop(p, rule, chain, i);
        case GOAL_RETURN:
          if (this.#top === floor) return this.#policy(base, p);
          this.#top--;
          chain = this.#stack[this.#top]!;
          i = this.#places[this.#top]!;
          continue;
        case GOAL_JUMP:
          this.#stack[this.#top] = chain;
          this.#places[this.#top] = i;
          this.#top++;
          chain = rule.chain!;
          i = 0;
          continue;
        case GOAL_GOTO:
          chain = rule.chain!;
          i = 0;
          continue;
        default: {
          const verdict = rule.action(p);
          if (verdict === XT_CONTINUE) p.refresh();
          else if (verdict === XT_ACCEPT) return true;
          else if (verdict === XT_DROP) return this.#drop(p, rule, chain, i);
          else return false;
        }
      }
    }
  }

  /** The chain's compiled form, if it has one and this packet can be looked up in it. */
  #indexOf(chain: Chain, p: Packet): ChainIndex | undefined {
    const index = this.compile ? chain.index : undefined;
    if (index !== undefined && isWhole(p)) {
      this.lookups.compiled++;
      return index;
    }
    this.lookups.walked++;
    return undefined;
  }

  #policy(base: Chain, p: Packet): boolean {
    base.packets++;
    base.bytes += p.len;
    if (p.skb.trace !== 0) tracePolicy(this, base, p);
    if (base.policy === 'ACCEPT') return true;
    this.#discard(p, base.policyLabel);
    return false;
  }

  /** `i` is the rule's number in its chain, from 1. */
  #drop(p: Packet, rule: Rule, chain: Chain, i: number): false {
    this.#discard(p, labelOf(this.name, chain, rule, i));
    return false;
  }

  #discard(p: Packet, label: string): void {
    const { skb, state } = p;
    if (skb.ct instanceof Conntrack) skb.ct.forget(skb);
    this.ns.kernel.drop(skb, 'NETFILTER_DROP', state.in ?? state.out ?? this.ns, label);
  }
}
