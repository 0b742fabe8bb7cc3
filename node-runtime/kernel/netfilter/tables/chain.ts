// A chain: built in, with a hook, a policy and counters of its own, or made by the user.
import type { HookNum } from '../../netns/hooks.ts';
import { ChainIndex, INDEX_FROM } from './chain-index.ts';
import type { Rule } from './rule.ts';

export type Policy = 'ACCEPT' | 'DROP';

export class Chain {
  name: string;
  /** Undefined for a user's chain. */
  readonly hook: HookNum | undefined;
  policy: Policy = 'ACCEPT';
  /** Of the policy: packets that no rule decided. */
  packets = 0;
  bytes = 0;
  rules: Rule[] = [];
  /** How many rules jump or go here. */
  references = 0;
  /** Bit per hook from which packets can come here; it only grows while the chain lives. */
  hooks: number;
  /** Counts changes of `rules`. */
  version = 0;
  /** "filter FORWARD policy". */
  readonly policyLabel: string;
  #index: ChainIndex | undefined;

  constructor(table: string, name: string, hook: HookNum | undefined) {
    this.name = name;
    this.hook = hook;
    this.hooks = hook === undefined ? 0 : 1 << hook;
    this.policyLabel = `${table} ${name} policy`;
  }

  /** The chain compiled, made anew at the first packet after a change; undefined where walking is as good. */
  get index(): ChainIndex | undefined {
    if (this.rules.length < INDEX_FROM) return undefined;
    if (this.#index?.version !== this.version) this.#index = new ChainIndex(this.rules, this.version);
    return this.#index.pays ? this.#index : undefined;
  }
}
