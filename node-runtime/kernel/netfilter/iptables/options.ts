// The options of the iptables command itself: original_opts of iptables/xshared.c, in getopt's manner: short options may be
// run together, long ones abbreviated, and a value may follow an equals sign.

export type Op =
  | 'append'
  | 'insert'
  | 'delete'
  | 'replace'
  | 'check'
  | 'new-chain'
  | 'delete-chain'
  | 'flush'
  | 'zero'
  | 'policy'
  | 'rename-chain'
  | 'list'
  | 'list-rules';

type OtherOption =
  | 'table'
  | 'protocol'
  | 'source'
  | 'destination'
  | 'in-interface'
  | 'out-interface'
  | 'jump'
  | 'goto'
  | 'match'
  | 'fragment'
  | 'numeric'
  | 'verbose'
  | 'exact'
  | 'line-numbers'
  | 'set-counters'
  | 'wait'
  | 'wait-interval'
  | 'ipv4'
  | 'ipv6'
  | 'version'
  | 'help'
  | 'modprobe';

export type OptionName = Op | OtherOption;

interface Option {
  readonly name: OptionName;
  readonly short: string;
  /** Whether a value must follow, may follow, or not. */
  readonly arg: 'none' | 'required' | 'optional';
}

const option = (name: OptionName, short: string, arg: Option['arg'] = 'none'): Option => ({
  name,
  short,
  arg,
});

export const OPTIONS: readonly Option[] = [
  option('append', 'A', 'required'),
  option('delete', 'D', 'required'),
  option('check', 'C', 'required'),
  option('insert', 'I', 'required'),
  option('replace', 'R', 'required'),
  option('list', 'L', 'optional'),
  option('list-rules', 'S', 'optional'),
  option('flush', 'F', 'optional'),
  option('zero', 'Z', 'optional'),
  option('new-chain', 'N', 'required'),
  option('delete-chain', 'X', 'optional'),
  option('rename-chain', 'E', 'required'),
  option('policy', 'P', 'required'),
  option('source', 's', 'required'),
  option('destination', 'd', 'required'),
  option('protocol', 'p', 'required'),
  option('in-interface', 'i', 'required'),
  option('out-interface', 'o', 'required'),
  option('jump', 'j', 'required'),
  option('goto', 'g', 'required'),
  option('table', 't', 'required'),
  option('match', 'm', 'required'),
  option('numeric', 'n'),
  option('wait', 'w', 'optional'),
  option('wait-interval', 'W', 'required'),
  option('fragment', 'f'),
  option('verbose', 'v'),
  option('exact', 'x'),
  option('version', 'V'),
  option('help', 'h'),
  option('set-counters', 'c', 'required'),
  option('modprobe', 'M', 'required'),
  option('line-numbers', '0'),
  option('ipv4', '4'),
  option('ipv6', '6'),
];

const ALIASES: Readonly<Record<string, OptionName>> = {
  dst: 'destination',
  src: 'source',
  proto: 'protocol',
  fragments: 'fragment',
  'list-chains': 'list',
  new: 'new-chain',
};

const byShort = new Map(OPTIONS.filter((o) => o.short !== '0').map((o) => [o.short, o]));
const byName = new Map(OPTIONS.map((o) => [o.name as string, o]));

export const shortOption = (letter: string): Option | undefined => byShort.get(letter);

/** By its full name, another name, or a beginning that only it has. */
export function longOption(text: string): Option | undefined {
  const exact = byName.get(ALIASES[text] ?? text);
  if (exact !== undefined) return exact;
  const found = [...OPTIONS.filter((o) => o.name.startsWith(text))];
  return found.length === 1 ? found[0] : undefined;
}
