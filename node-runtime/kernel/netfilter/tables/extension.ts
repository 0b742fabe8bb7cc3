// What a match or a target is to the tables and to the iptables command: struct xtables_match and xtables_target of
// iptables' libxtables on one side, struct xt_match and xt_target of the kernel on the other. A rule holds a plain record
// (a spec); the extension knows how to read it from options, print it, and compile it.
import type { HookNum } from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import type { TableName } from './names.ts';
import type { Packet } from './packet.ts';

/** One option that an extension takes. */
export interface OptionSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** How many arguments follow: 0, 1, or 2 (--tcp-flags). */
  readonly args?: 0 | 1 | 2;
  readonly invert?: boolean;
  /** May be given more than once. */
  readonly repeat?: boolean;
}

/** An option as it was given. */
export interface Given {
  readonly name: string;
  readonly value: string;
  readonly value2: string;
  readonly invert: boolean;
}

/** What else the rule says, for extensions that depend on it. */
export interface RuleContext {
  readonly proto: { readonly num: number; readonly invert: boolean } | undefined;
}

/** Where a rule is being put. */
export interface RuleEnv {
  readonly ns: Netns;
  readonly table: TableName;
  readonly chain: string;
  /** The rule as iptables-save prints it: the key of decisions that chance makes. */
  readonly text: string;
}

export type Test = (p: Packet) => boolean;

/** What a target answers. */
export const XT_CONTINUE = 0;
export const XT_ACCEPT = 1;
/** The target disposed of the packet. */
export const XT_STOLEN = 2;
export const XT_DROP = 3;
export type TargetVerdict = typeof XT_CONTINUE | typeof XT_ACCEPT | typeof XT_STOLEN | typeof XT_DROP;
export type Action = (p: Packet) => TargetVerdict;

interface Extension<S extends { readonly name: string }> {
  readonly name: S['name'];
  readonly options: readonly OptionSpec[];
  /** Throws XtError in the real tool's words. */
  parse(given: readonly Given[], rule: RuleContext): S;
  /** The options as iptables-save prints them, without the leading space; '' for none. */
  save(spec: S): string;
  /** As `iptables -L` prints them; `numeric`: -n. */
  list(spec: S, numeric: boolean): string;
  /** True when connections must be tracked for it. */
  readonly conntrack?: boolean;
}

export interface MatchExtension<S extends { readonly name: string }> extends Extension<S> {
  compile(spec: S, env: RuleEnv): Test;
  /** A rule with it was put into a chain, or taken out: for what rules share and the last one leaves behind. */
  linked?(spec: S, ns: Netns): void;
  unlinked?(spec: S, ns: Netns): void;
  /** checkentry: why the kernel refuses it there (an errno's text), or undefined. */
  check?(spec: S, env: RuleEnv, rule: RuleContext, hooks: readonly HookNum[]): string | undefined;
}

export interface TargetExtension<S extends { readonly name: string }> extends Extension<S> {
  compile(spec: S, env: RuleEnv): Action;
  check?(spec: S, env: RuleEnv, rule: RuleContext, hooks: readonly HookNum[]): string | undefined;
  /** Tables and hooks it may stand in; any when absent. */
  readonly tables?: readonly TableName[];
  readonly hooks?: readonly HookNum[];
  /** What `-L` shows in the target column, where it is not the name. */
  readonly column?: string;
}

/** Kinds of trouble, as exit codes of iptables: 1 other, 2 parameters, 3 version, 4 resource. */
export type XtExit = 1 | 2 | 3 | 4;

/** A command that cannot be carried out. `message` is what follows "iptables v1.8.9 (nf_tables): " or "iptables: ". */
export class XtError extends Error {
  readonly exit: XtExit;
  /** 'version': the tool's name and version in front, 'name': its name only, 'bare': nothing. */
  readonly prefix: 'version' | 'name' | 'bare';
  constructor(message: string, exit: XtExit = 2, prefix: 'version' | 'name' | 'bare' = 'version') {
    super(message);
    this.exit = exit;
    this.prefix = prefix;
  }
}
