// Gathers the parts of a rule as the options give them: iptables_command_state of iptables/xshared.c. Matches are loaded by
// -m, or by the first option of theirs after -p.
import { isMatchName, type MatchName, type MatchSpec, matchExtension } from '../matches/registry.ts';
import { parseAddr } from '../tables/address.ts';
import { type Given, type OptionSpec, type RuleContext, XtError } from '../tables/extension.ts';
import { protocolName, protocolNumber } from '../tables/protocols.ts';
import type { AddrSpec, Goal, IfaceSpec, RuleSpec } from '../tables/rule.ts';
import { isTargetName, type TargetName, targetExtension } from '../targets/registry.ts';

interface Loaded<N> {
  readonly name: N;
  readonly given: Given[];
}
/** An option that belongs to a match or the target. */
export interface ExtensionOption {
  readonly option: OptionSpec;
  readonly given: Given[];
  readonly extension: string;
}

const IFNAMSIZ = 15;
const VERDICTS = ['ACCEPT', 'DROP', 'RETURN'] as const;

export class RuleBuilder {
  sources: AddrSpec[] = [];
  destinations: AddrSpec[] = [];
  in: IfaceSpec | undefined;
  out: IfaceSpec | undefined;
  fragment: { readonly invert: boolean } | undefined;
  #proto: { readonly num: number; readonly invert: boolean } | undefined;
  #seen = new Set<string>();
  #matches: Loaded<MatchName>[] = [];
  #goal: Goal | undefined;
  #target: Loaded<TargetName> | undefined;

  #once(flag: string): void {
    if (this.#seen.has(flag)) throw new XtError(`multiple ${flag} flags not allowed`);
    this.#seen.add(flag);
  }

  protocol(text: string, invert: boolean): void {
    this.#once('-p');
    const num = protocolNumber(text);
    if (num === undefined) throw new XtError(`unknown protocol "${text.toLowerCase()}" specified`);
    if (num === 0 && invert) throw new XtError('rule would never match protocol');
    if (num !== 0) this.#proto = { num, invert };
  }

  addresses(flag: '-s' | '-d', text: string, invert: boolean): void {
    this.#once(flag);
    const list = text.split(',').map((a) => ({ ...parseAddr(a), invert }));
    if (invert && list.length > 1)
      throw new XtError('! not allowed with multiple source or destination IP addresses');
    if (flag === '-s') this.sources = list;
    else this.destinations = list;
  }

  iface(flag: '-i' | '-o', name: string, invert: boolean): void {
    this.#once(flag);
    if (name.length > IFNAMSIZ)
      throw new XtError(`interface name \`${name}' must be shorter than IFNAMSIZ (${IFNAMSIZ})`);
    if (name === '+') {
      if (invert) throw new XtError(`Empty interface is likely to be undesired`);
      return;
    }
    if (flag === '-i') this.in = { name, invert };
    else this.out = { name, invert };
  }

  /** -j or -g; `word` is a verdict, a target or a chain. */
  jump(word: string, goto: boolean): void {
    this.#once('-j');
    if (word === '') throw new XtError('Invalid target name (too short)');
    const verdict = VERDICTS.find((v) => v === word);
    if (!goto && verdict !== undefined) this.#goal = { kind: 'verdict', verdict };
    else if (!goto && isTargetName(word)) this.#target = { name: word, given: [] };
    else {
      if (word.length > 28) throw new XtError(`Invalid target name \`${word}' (28 chars max)`);
      this.#goal = { kind: goto ? 'goto' : 'jump', chain: word };
    }
  }

  match(name: string): void {
    if (!isMatchName(name)) throw new XtError(`Couldn't load match \`${name}':No such file or directory\n`);
    this.#matches.push({ name, given: [] });
  }

  /** The extension option that `--text` means here, loading the protocol's match if need be. */
  find(text: string): ExtensionOption | undefined {
    const found = this.#lookup(text);
    if (found !== undefined || this.#proto === undefined || this.#proto.invert) return found;
    const name = protocolName(this.#proto.num);
    if (!isMatchName(name) || this.#matches.some((m) => m.name === name)) return undefined;
    this.#matches.push({ name, given: [] });
    const after = this.#lookup(text);
    if (after === undefined) this.#matches.pop();
    return after;
  }

  #lookup(text: string): ExtensionOption | undefined {
    // The one loaded last is asked first: -m udp -m multiport.
    const all: ExtensionOption[] = [];
    const collect = (extension: string, options: readonly OptionSpec[], given: Given[]): void => {
      for (const o of options) all.push({ option: o, given, extension });
    };
    if (this.#target !== undefined)
      collect(this.#target.name, targetExtension(this.#target.name).options, this.#target.given);
    for (const m of [...this.#matches].reverse()) collect(m.name, matchExtension(m.name).options, m.given);
    const named = (o: OptionSpec): readonly string[] => [o.name, ...(o.aliases ?? [])];
    const exact = all.find((x) => named(x.option).includes(text));
    if (exact !== undefined) return exact;
    const prefix = all.filter((x) => named(x.option).some((n) => n.startsWith(text)));
    return prefix.length === 1 ? prefix[0] : undefined;
  }

  /** The rules that these options describe: one for each pair of source and destination. */
  build(): RuleSpec[] {
    const context: RuleContext = { proto: this.#proto };
    const matches: MatchSpec[] = this.#matches.map((m) => matchExtension(m.name).parse(m.given, context));
    const target = this.#target;
    const goal: Goal =
      target === undefined
        ? (this.#goal ?? { kind: 'none' })
        : { kind: 'target', target: targetExtension(target.name).parse(target.given, context) };
    const pick = (list: readonly AddrSpec[]): readonly (AddrSpec | undefined)[] =>
      list.length === 0 ? [undefined] : list.map((a) => (a.mask === 0 && !a.invert ? undefined : a));
    const rules: RuleSpec[] = [];
    for (const src of pick(this.sources))
      for (const dst of pick(this.destinations))
        rules.push({
          src,
          dst,
          in: this.in,
          out: this.out,
          proto: this.#proto,
          fragment: this.fragment,
          matches,
          goal,
        });
    return rules;
  }
}
