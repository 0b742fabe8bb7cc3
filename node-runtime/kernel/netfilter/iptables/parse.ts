// The command line of iptables: do_parse of iptables/xshared.c. What comes out is a plain record; nothing is looked up in
// the tables here.
import { type Given, XtError } from '../tables/extension.ts';
import type { RuleSpec } from '../tables/rule.ts';
import { isTargetName } from '../targets/registry.ts';
import { longOption, OPTIONS, type Op, type OptionName, shortOption } from './options.ts';
import { RuleBuilder } from './rule-builder.ts';

export interface Command {
  readonly op: Op;
  readonly table: string;
  /** '' for all chains. */
  readonly chain: string;
  /** From 1; 0 when none was given. */
  readonly number: number;
  /** Of -E and -P. */
  readonly word: string;
  readonly rules: readonly RuleSpec[];
  readonly counters: { readonly packets: number; readonly bytes: number } | undefined;
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
  /** -D with a number, not with a rule. */
  readonly byNumber: boolean;
}

export interface ParseOptions {
  /** Within iptables-restore, where the table is given by a line of its own. */
  readonly restore?: string;
}

/** Commands that a rule's options may stand with. */
const RULE_OPS: readonly Op[] = ['append', 'insert', 'delete', 'replace', 'check'];
const OPS = new Set<OptionName>(OPTIONS.slice(0, 13).map((o) => o.name));
const isOp = (name: OptionName): name is Op => OPS.has(name);
const letterOf = (name: OptionName): string => OPTIONS.find((o) => o.name === name)!.short;

/** What was asked for beside a command: -V and -h. */
export type Parsed = Command | 'version' | 'help';

class Parser {
  readonly #argv: readonly string[];
  readonly #restore: string | undefined;
  readonly #rule = new RuleBuilder();
  #at = 0;
  #op: Op | undefined;
  #table = 'filter';
  #chain = '';
  #number = 0;
  #word = '';
  #counters: Command['counters'];
  #flags = new Set<OptionName>();
  #byNumber = false;
  #invert = false;
  #asked: 'version' | 'help' | undefined;

  constructor(argv: readonly string[], options: ParseOptions) {
    this.#argv = argv;
    this.#restore = options.restore;
    if (options.restore !== undefined) this.#table = options.restore;
  }

  parse(): Parsed {
    while (this.#at < this.#argv.length) {
      this.#word1(this.#argv[this.#at++]!);
      if (this.#asked !== undefined) return this.#asked;
    }
    if (this.#invert) throw new XtError('nothing appropriate following !');
    if (this.#op === undefined) throw new XtError('no command specified');
    return this.#finish(this.#op);
  }

  #word1(arg: string): void {
    if (arg === '!') {
      if (this.#invert) throw new XtError('multiple consecutive ! not allowed');
      this.#invert = true;
      return;
    }
    if (arg.startsWith('--') && arg.length > 2) this.#long(arg.slice(2));
    else if (arg.startsWith('-') && arg.length > 1) this.#short(arg);
    else throw new XtError(`Bad argument \`${arg}'`, 2, 'bare');
  }

  #long(text: string): void {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    const value = equals === -1 ? undefined : text.slice(equals + 1);
    const own = this.#rule.find(name);
    if (own !== undefined) {
      const { option, given, extension } = own;
      const invert = this.#invert;
      this.#invert = false;
      if (invert && option.invert !== true)
        throw new XtError(`${extension}: option "--${option.name}" cannot be inverted.\n`);
      if (option.repeat !== true && given.some((g) => g.name === option.name))
        throw new XtError(`${extension}: option "--${option.name}" can be used only once.\n`);
      const args = option.args ?? 0;
      const first = args > 0 ? (value ?? this.#next(`--${name}`)) : '';
      const second = args > 1 ? this.#second(option.name) : '';
      const entry: Given = { name: option.name, value: first, value2: second, invert };
      given.push(entry);
      return;
    }
    const option = longOption(name);
    if (option === undefined) throw new XtError(`unknown option "--${name}"`);
    this.#apply(option.name, value ?? (option.arg === 'required' ? this.#next(`--${name}`) : undefined));
  }

  #second(option: string): string {
    const arg = this.#argv[this.#at];
    if (arg === undefined || arg.startsWith('-') || arg === '!')
      throw new XtError(`--${option} requires two args.`);
    this.#at++;
    return arg;
  }

  #short(arg: string): void {
    for (let i = 1; i < arg.length; i++) {
      const option = shortOption(arg[i]!);
      if (option === undefined) throw new XtError(`unknown option "${arg}"`);
      const rest = arg.slice(i + 1);
      if (option.arg === 'none') {
        this.#apply(option.name, undefined);
        continue;
      }
      const value =
        rest !== '' ? rest : option.arg === 'required' ? this.#next(`-${option.short}`) : undefined;
      this.#apply(option.name, value);
      return;
    }
  }

  #next(option: string): string {
    const arg = this.#argv[this.#at];
    if (arg === undefined) throw new XtError(`option "${option}" requires an argument`);
    this.#at++;
    return arg;
  }

  /** The next word if it is no option: chains and numbers that may be left out. */
  #optional(): string | undefined {
    const arg = this.#argv[this.#at];
    if (arg === undefined || arg.startsWith('-') || arg === '!') return undefined;
    this.#at++;
    return arg;
  }

  #takeInvert(flag: string, allowed: boolean): boolean {
    const invert = this.#invert;
    this.#invert = false;
    if (invert && !allowed) throw new XtError(`cannot have ! before ${flag}`);
    return invert;
  }

  #apply(name: OptionName, value: string | undefined): void {
    const flag = `-${letterOf(name)}`;
    if (isOp(name)) {
      this.#takeInvert(flag, false);
      this.#command(name, value);
      return;
    }
    switch (name) {
      case 'protocol':
        this.#rule.protocol(value!, this.#takeInvert(flag, true));
        return;
      case 'source':
      case 'destination':
        this.#rule.addresses(name === 'source' ? '-s' : '-d', value!, this.#takeInvert(flag, true));
        return;
      case 'in-interface':
      case 'out-interface':
        this.#rule.iface(name === 'in-interface' ? '-i' : '-o', value!, this.#takeInvert(flag, true));
        return;
      case 'fragment':
        this.#rule.fragment = { invert: this.#takeInvert(flag, true) };
        return;
      case 'jump':
      case 'goto':
        this.#takeInvert(flag, false);
        this.#rule.jump(value!, name === 'goto');
        return;
      case 'match':
        if (this.#takeInvert('-m', true)) throw new XtError('unexpected ! flag before --match');
        this.#rule.match(value!);
        return;
      case 'table':
        this.#takeInvert(flag, false);
        if (this.#restore !== undefined && value !== this.#restore)
          throw new XtError('The -t option cannot be used in iptables-restore.\n');
        this.#table = value!;
        return;
      case 'set-counters':
        this.#takeInvert(flag, false);
        this.#setCounters(value!);
        return;
      case 'wait':
        if (value === undefined && /^\d+$/.test(this.#argv[this.#at] ?? '')) this.#at++;
        return;
      case 'version':
      case 'help':
        this.#asked = name;
        return;
      case 'ipv6':
        throw new XtError('This is the IPv4 version of iptables.\n');
      default:
        this.#takeInvert(flag, false);
        this.#flags.add(name);
    }
  }

  #setCounters(value: string): void {
    const comma = value.indexOf(',');
    const packets = comma === -1 ? value : value.slice(0, comma);
    const bytes = comma === -1 ? (this.#optional() ?? '') : value.slice(comma + 1);
    if (bytes === '') throw new XtError('-c requires packet and byte counter');
    if (!/^\d+$/.test(packets)) throw new XtError('-c packet counter not numeric');
    if (!/^\d+$/.test(bytes)) throw new XtError('-c byte counter not numeric');
    this.#counters = { packets: Number(packets), bytes: Number(bytes) };
  }

  #command(op: Op, value: string | undefined): void {
    if (this.#op !== undefined) {
      // -L -Z and -S -Z may go together; the listing comes first.
      throw new XtError(`Cannot use -${letterOf(op)} with -${letterOf(this.#op)}`);
    }
    this.#op = op;
    this.#chain = value ?? this.#optionalChain(op) ?? '';
    switch (op) {
      case 'insert': {
        const n = this.#optional();
        this.#number = n === undefined ? 1 : this.#ruleNumber(n);
        return;
      }
      case 'delete': {
        const n = this.#optional();
        if (n !== undefined) {
          this.#number = this.#ruleNumber(n);
          this.#byNumber = true;
        }
        return;
      }
      case 'replace': {
        const n = this.#optional();
        if (n === undefined) throw new XtError('-R requires a rule number');
        this.#number = this.#ruleNumber(n);
        return;
      }
      case 'list':
      case 'list-rules':
      case 'zero': {
        const n = this.#chain === '' ? undefined : this.#optional();
        if (n !== undefined) this.#number = this.#ruleNumber(n);
        return;
      }
      case 'new-chain':
        checkChainName(this.#chain);
        return;
      case 'rename-chain': {
        const to = this.#optional();
        if (to === undefined) throw new XtError('-E requires old-chain-name and new-chain-name');
        this.#word = to;
        return;
      }
      case 'policy': {
        const policy = this.#optional();
        if (policy === undefined) throw new XtError('-P requires a chain and a policy');
        this.#word = policy;
        return;
      }
      default:
    }
  }

  #optionalChain(op: Op): string | undefined {
    return OPTIONS.find((o) => o.name === op)!.arg === 'optional' ? this.#optional() : undefined;
  }

  #ruleNumber(text: string): number {
    const n = /^\d+$/.test(text) ? Number(text) : 0;
    if (n === 0) throw new XtError(`Invalid rule number \`${text}'`);
    return n;
  }

  #finish(op: Op): Command {
    const rule = this.#rule;
    if (this.#chain === 'INPUT' || this.#chain === 'PREROUTING') this.#noIface('-o', rule.out);
    if (this.#chain === 'OUTPUT' || this.#chain === 'POSTROUTING') this.#noIface('-i', rule.in);
    const rules = RULE_OPS.includes(op) && !this.#byNumber ? rule.build() : [];
    if (op === 'replace' && rules.length > 1)
      throw new XtError('Replacement rule does not specify a unique address');
    return {
      op,
      table: this.#table,
      chain: this.#chain,
      number: this.#number,
      word: this.#word,
      rules,
      counters: this.#counters,
      numeric: this.#flags.has('numeric'),
      verbose: this.#flags.has('verbose'),
      exact: this.#flags.has('exact'),
      lineNumbers: this.#flags.has('line-numbers'),
      byNumber: this.#byNumber,
    };
  }

  #noIface(flag: string, iface: unknown): void {
    if (iface !== undefined) throw new XtError(`Can't use ${flag} with ${this.#chain}\n`);
  }
}

/** assert_valid_chain_name. */
export function checkChainName(name: string): void {
  if (name.startsWith('-') || name.startsWith('!'))
    throw new XtError(`chain name not allowed to start with \`${name[0]}'`);
  if (name.length > 28) throw new XtError(`chain name \`${name}' too long (must be under 29 chars)`);
  // An empty name is a target's too: the standard one's.
  if (name === '' || isTargetName(name) || ['ACCEPT', 'DROP', 'RETURN', 'QUEUE'].includes(name))
    throw new XtError('chain name may not clash with target name');
  if (/[\s]/.test(name)) throw new XtError(`Invalid chain name \`${name}'`);
}

export const parseCommand = (argv: readonly string[], options: ParseOptions = {}): Parsed =>
  new Parser(argv, options).parse();
