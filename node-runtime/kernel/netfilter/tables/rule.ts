// A rule: the plain record that iptables reads and prints (RuleSpec), and the same made ready to be compared with packets
// (Rule): struct ipt_entry and ip_packet_match of net/ipv4/netfilter/ip_tables.c.
import type { MatchSpec } from '../matches/registry.ts';
import { matchExtension } from '../matches/registry.ts';
import type { TargetSpec } from '../targets/registry.ts';
import { targetExtension } from '../targets/registry.ts';
import type { Chain } from './chain.ts';
import type { Action, RuleEnv, Test } from './extension.ts';
import type { Packet } from './packet.ts';

export interface AddrSpec {
  readonly addr: number;
  readonly mask: number;
  readonly invert: boolean;
}
export interface IfaceSpec {
  /** As written: a trailing + matches any rest. */
  readonly name: string;
  readonly invert: boolean;
}

export type Goal =
  | { readonly kind: 'none' }
  | { readonly kind: 'verdict'; readonly verdict: 'ACCEPT' | 'DROP' | 'RETURN' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'target'; readonly target: TargetSpec };

export interface RuleSpec {
  readonly src: AddrSpec | undefined;
  readonly dst: AddrSpec | undefined;
  readonly in: IfaceSpec | undefined;
  readonly out: IfaceSpec | undefined;
  readonly proto: { readonly num: number; readonly invert: boolean } | undefined;
  readonly fragment: { readonly invert: boolean } | undefined;
  readonly matches: readonly MatchSpec[];
  readonly goal: Goal;
}

/** What the walk does when a rule matches. */
export const GOAL_NONE = 0;
export const GOAL_ACCEPT = 1;
export const GOAL_DROP = 2;
export const GOAL_RETURN = 3;
export const GOAL_JUMP = 4;
export const GOAL_GOTO = 5;
export const GOAL_TARGET = 6;

const NOTHING: Action = () => 0;

function ifaceTest(spec: IfaceSpec, which: 'in' | 'out'): Test {
  const { invert } = spec;
  if (spec.name.endsWith('+')) {
    const head = spec.name.slice(0, -1);
    if (which === 'in') return (p) => p.inName.startsWith(head) !== invert;
    return (p) => p.outName.startsWith(head) !== invert;
  }
  const { name } = spec;
  if (which === 'in') return (p) => (p.inName === name) !== invert;
  return (p) => (p.outName === name) !== invert;
}

function goalCode(goal: Goal): number {
  switch (goal.kind) {
    case 'none':
      return GOAL_NONE;
    case 'verdict':
      return { ACCEPT: GOAL_ACCEPT, DROP: GOAL_DROP, RETURN: GOAL_RETURN }[goal.verdict];
    case 'jump':
      return GOAL_JUMP;
    case 'goto':
      return GOAL_GOTO;
    case 'target':
      return GOAL_TARGET;
  }
}

export class Rule {
  readonly spec: RuleSpec;
  packets = 0;
  bytes = 0;
  // The header as numbers: a mask of 0 matches every address.
  readonly srcMask: number;
  readonly srcAddr: number;
  readonly dstMask: number;
  readonly dstAddr: number;
  readonly srcInvert: boolean;
  readonly dstInvert: boolean;
  /** −1 for any. */
  readonly proto: number;
  readonly protoInvert: boolean;
  readonly tests: readonly Test[];
  readonly code: number;
  readonly action: Action;
  readonly conntrack: boolean;
  /** The chain that it jumps to. */
  readonly chain: Chain | undefined;
  /** "filter FORWARD rule 3", as of the chain's `version`. */
  label = '';
  labelVersion = -1;

  constructor(spec: RuleSpec, env: RuleEnv, chain: Chain | undefined) {
    this.spec = spec;
    this.chain = chain;
    this.srcMask = (spec.src?.mask ?? 0) | 0;
    this.srcAddr = (spec.src?.addr ?? 0) & this.srcMask;
    this.srcInvert = spec.src?.invert ?? false;
    this.dstMask = (spec.dst?.mask ?? 0) | 0;
    this.dstAddr = (spec.dst?.addr ?? 0) & this.dstMask;
    this.dstInvert = spec.dst?.invert ?? false;
    this.proto = spec.proto?.num ?? -1;
    this.protoInvert = spec.proto?.invert ?? false;
    this.code = goalCode(spec.goal);
    const tests: Test[] = [];
    if (spec.in !== undefined) tests.push(ifaceTest(spec.in, 'in'));
    if (spec.out !== undefined) tests.push(ifaceTest(spec.out, 'out'));
    if (spec.fragment !== undefined) {
      const { invert } = spec.fragment;
      tests.push((p) => (p.fragOff !== 0) !== invert);
    }
    let tracked = false;
    for (const m of spec.matches) {
      const ext = matchExtension(m.name);
      tests.push(ext.compile(m, env));
      tracked ||= ext.conntrack === true;
    }
    this.tests = tests;
    const target = spec.goal.kind === 'target' ? spec.goal.target : undefined;
    this.action = target === undefined ? NOTHING : targetExtension(target.name).compile(target, env);
    this.conntrack = tracked || (target !== undefined && targetExtension(target.name).conntrack === true);
  }

  /** ip_packet_match and the matches behind it. */
  matches(p: Packet): boolean {
    if (((p.src & this.srcMask) === this.srcAddr) === this.srcInvert) return false;
    if (((p.dst & this.dstMask) === this.dstAddr) === this.dstInvert) return false;
    if (this.proto >= 0 && (p.proto === this.proto) === this.protoInvert) return false;
    const { tests } = this;
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(p)) return false;
    return true;
  }
}
