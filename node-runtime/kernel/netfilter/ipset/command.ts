// The ipset program, version 7.17 (lib/ipset.c, src/ipset.c): create, add, del, test, list, save, restore, flush, swap, rename
// and destroy, in its words and with its exit codes. Left out: comments, counters and skbinfo on elements, IPv6, XML. Sizes in
// memory are our own.
import type { Netns } from '../../netns/netns.ts';
import { formatIpv4, ip4, parseIpv4, parsePrefix } from '../../wire/addr.ts';
import type { ToolResult } from '../iptables/iptables.ts';
import { tokenize } from '../iptables/tokenize.ts';
import { TABLE_NAMES } from '../tables/names.ts';
import { loadedTable } from '../tables/net.ts';
import { type IpSet, IpsetError, ipsets } from './ipset.ts';
import { isSetType, type SetType } from './types.ts';

const VERSION = 'ipset v7.17';
const HASHSIZE = 1024;
/** What one element may spell at most, as a range or a network of addresses. */
const MAX_RANGE = 1 << 20;

/** A command line that makes no sense: exit code 2, with a hint. */
class Usage extends Error {}

/** Revision of each type's kernel module, as a 6.x kernel announces it. */
const REVISIONS: Readonly<Record<SetType, number>> = {
  'hash:ip': 6,
  'hash:net': 7,
  'hash:ip,port': 7,
  'hash:ip,port,ip': 6,
  'hash:ip,port,net': 8,
  'hash:net,port': 8,
  'hash:net,net': 4,
  'bitmap:ip': 3,
  'bitmap:port': 3,
};

interface Line {
  readonly words: readonly string[];
  readonly exist: boolean;
  readonly quiet: boolean;
  readonly names: boolean;
  readonly terse: boolean;
  readonly save: boolean;
}

function readLine(argv: readonly string[]): Line {
  const words: string[] = [];
  let exist = false;
  let quiet = false;
  let names = false;
  let terse = false;
  let save = false;
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (['-exist', '--exist', '-!'].includes(word)) exist = true;
    else if (['-quiet', '--quiet', '-q'].includes(word)) quiet = true;
    else if (['-name', '--name', '-n'].includes(word)) names = true;
    else if (['-terse', '--terse', '-t'].includes(word)) terse = true;
    else if (['-output', '--output', '-o'].includes(word)) save = argv[++i] === 'save';
    else words.push(word);
  }
  return { words, exist, quiet, names, terse, save };
}

const ALIASES: Readonly<Record<string, string>> = {
  '-N': 'create',
  '-A': 'add',
  '-D': 'del',
  '-T': 'test',
  '-L': 'list',
  '-S': 'save',
  '-R': 'restore',
  '-F': 'flush',
  '-W': 'swap',
  '-E': 'rename',
  '-X': 'destroy',
  n: 'create',
  new: 'create',
  '-V': 'version',
  '-v': 'version',
  '--version': 'version',
  x: 'destroy',
};
/** Names that a command must be followed by. */
const MANDATORY: Readonly<Record<string, 0 | 1 | 2>> = {
  create: 2,
  add: 2,
  del: 2,
  test: 2,
  swap: 2,
  rename: 2,
  list: 0,
  save: 0,
  restore: 0,
  flush: 0,
  destroy: 0,
  version: 0,
};

/** Runs `ipset ARGV`; `stdin` is what restore reads. */
export function ipset(ns: Netns, argv: readonly string[], stdin = ''): ToolResult {
  const line = readLine(argv);
  try {
    return run(ns, line, stdin);
  } catch (error) {
    if (error instanceof Usage)
      return failed(2, `${VERSION}: ${error.message}\nTry \`ipset help' for more information.\n`);
    if (!(error instanceof IpsetError)) throw error;
    return failed(1, line.quiet ? '' : `${VERSION}: ${error.message}\n`);
  }
}

const failed = (code: number, stderr: string): ToolResult => ({ code, stdout: '', stderr });
const said = (stdout: string): ToolResult => ({ code: 0, stdout, stderr: '' });

function run(ns: Netns, line: Line, stdin: string): ToolResult {
  const [first, ...rest] = line.words;
  if (first === undefined) throw new Usage('No command specified.');
  const command = ALIASES[first] ?? first;
  const need = Object.hasOwn(MANDATORY, command) ? MANDATORY[command] : undefined;
  if (need === undefined) throw new Usage(`No command specified: unknown argument ${first}`);
  if (need > 0 && rest.length === 0) throw new Usage(`Missing mandatory argument to command ${command}`);
  if (need > 1 && rest.length === 1)
    throw new Usage(`Missing second mandatory argument to command ${command}`);
  const sets = ipsets(ns);
  const [name = '', second = '', ...options] = rest;
  switch (command) {
    case 'version':
      return said(`${VERSION}, protocol version: 7\n`);
    case 'create':
      create(ns, line, name, second, options);
      return said('');
    case 'add':
    case 'del':
      for (const element of spread(sets.get(name), second))
        change(sets.get(name), command, element, options, line.exist);
      return said('');
    case 'test':
      return test(sets.get(name), second, line.quiet);
    case 'swap':
      sets.get(name).swap(sets.get(second));
      return said('');
    case 'rename':
      sets.rename(name, second, references(ns, sets.get(name)) > 0);
      return said('');
    case 'flush':
      for (const set of chosen(ns, name)) set.flush();
      return said('');
    case 'destroy':
      for (const set of chosen(ns, name)) if (references(ns, set) > 0) sets.destroy(set.name, true);
      for (const set of chosen(ns, name)) sets.destroy(set.name, false);
      return said('');
    case 'save':
      return said(
        chosen(ns, name)
          .map((set) => saveText(ns, set))
          .join(''),
      );
    case 'list':
      return said(listText(ns, chosen(ns, name), line));
    default:
      return restore(ns, line, stdin);
  }
}

const chosen = (ns: Netns, name: string): IpSet[] =>
  name === '' ? [...ipsets(ns).sets.values()] : [ipsets(ns).get(name)];

function create(ns: Netns, line: Line, name: string, type: string, options: readonly string[]): void {
  if (name.length > 31) throw new IpsetError(`Syntax error: setname '${name}' is longer than 31 characters`);
  if (!isSetType(type)) throw new IpsetError(`Syntax error: typename '${type}' is unknown`);
  const given: { maxelem?: number; timeout?: number; hashsize?: number } = {};
  for (let i = 0; i < options.length; i += 2) {
    const option = options[i]!;
    const value = options[i + 1];
    if (!['family', 'hashsize', 'maxelem', 'timeout', 'range', 'bucketsize', 'initval'].includes(option))
      throw new Usage(`Unknown argument: \`${option}'`);
    if (value === undefined) throw new Usage(`Missing mandatory argument of option \`${option}'`);
    if (option === 'family' && value !== 'inet')
      throw new IpsetError(`Syntax error: unknown inet family ${value}`);
    if (option === 'maxelem' || option === 'timeout' || option === 'hashsize')
      given[option] = number(value, 0xffff_ffff);
    if (option === 'range' && value !== '0-65535')
      throw new IpsetError(`Syntax error: only the range 0-65535 can be had here, not ${value}`);
  }
  if (type === 'bitmap:port' && !options.includes('range'))
    throw new Usage("Mandatory option `range' is missing");
  ipsets(ns).create(name, type, { ...given, exist: line.exist });
}

function number(text: string, max: number): number {
  if (!/^\d+$/.test(text)) throw new IpsetError(`Syntax error: '${text}' is invalid as number`);
  if (Number(text) > max) throw new IpsetError(`Syntax error: '${text}' is out of range 0-${max}`);
  return Number(text);
}

function change(
  set: IpSet,
  command: 'add' | 'del',
  element: string,
  options: readonly string[],
  exist: boolean,
): void {
  const given: { timeout?: number; nomatch?: boolean } = {};
  for (let i = 0; i < options.length; i++) {
    if (options[i] === 'timeout') given.timeout = number(options[++i] ?? '', 2_147_483);
    else if (options[i] === 'nomatch') given.nomatch = true;
    else throw new Usage(`Unknown argument: \`${options[i]}'`);
  }
  if (command === 'add') set.add(element, { ...given, exist });
  else set.delete(element, { exist });
}

/** Elements that one word spells: an address dimension takes a network or a range, a port dimension a range. */
function spread(set: IpSet, text: string): string[] {
  const parts = text.split(',');
  let all: string[][] = [[]];
  parts.forEach((part, i) => {
    const dimension = set.dimensions[i];
    const list = dimension === 'ip' ? addresses(part) : dimension === 'port' ? ports(part) : [part];
    if (all.length * list.length > MAX_RANGE)
      throw new IpsetError(`Syntax error: range ${text} is too large`);
    all = all.flatMap((head) => list.map((tail) => [...head, tail]));
  });
  return all.map((words) => words.join(','));
}

function addresses(text: string): string[] {
  const p = text.includes('/') ? parsePrefix(text) : undefined;
  const [low, high] = text.split('-');
  const from = p === undefined ? parseIpv4(low ?? '') : p.addr & (p.len === 0 ? 0 : -1 << (32 - p.len));
  if (from === undefined || (p === undefined && high === undefined)) return [text];
  const last = p === undefined ? parseIpv4(high!) : (from >>> 0) + 2 ** (32 - p.len) - 1;
  if (last === undefined) return [text];
  const count = last - (from >>> 0) + 1;
  if (count < 1 || count > MAX_RANGE) throw new IpsetError(`Syntax error: range ${text} is too large`);
  return Array.from({ length: count }, (_, i) => formatIpv4(ip4((from >>> 0) + i)));
}

function ports(text: string): string[] {
  const [, proto = '', low, high] = /^([a-z\d]+:)?(\d+)-(\d+)$/.exec(text) ?? [];
  if (low === undefined || Number(high) > 65_535 || Number(low) > Number(high)) return [text];
  return Array.from({ length: Number(high) - Number(low) + 1 }, (_, i) => `${proto}${Number(low) + i}`);
}

function test(set: IpSet, element: string, quiet: boolean): ToolResult {
  const there = set.has(element);
  // The tool says this on its error output, whichever way it turned out.
  const words = there
    ? `Warning: ${element} is in set ${set.name}.\n`
    : `${element} is NOT in set ${set.name}.\n`;
  return failed(there ? 0 : 1, quiet ? '' : words);
}

/** How many rules of the namespace name the set. */
function references(ns: Netns, set: IpSet): number {
  let count = 0;
  for (const name of TABLE_NAMES)
    for (const chain of loadedTable(ns, name)?.chains.values() ?? [])
      for (const rule of chain.rules)
        count += rule.spec.matches.filter((m) => m.name === 'set' && m.set === set.name).length;
  return count;
}

/** The options that a set was made with, as `Header:` and `create` show them. */
function headerText(ns: Netns, set: IpSet): string {
  const timeout = set.timeout === undefined ? '' : ` timeout ${set.timeout}`;
  if (set.type.startsWith('bitmap')) return `range 0-65535${timeout}`;
  const initval = ns.kernel.dice.u32('ipset', `${ns.name}/${set.name}`).toString(16).padStart(8, '0');
  return `family inet hashsize ${set.hashsize ?? HASHSIZE} maxelem ${set.maxelem}${timeout} bucketsize 12 initval 0x${initval}`;
}

function members(set: IpSet): string[] {
  const list = set.members();
  return set.type === 'bitmap:port'
    ? list.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    : list;
}

function listText(ns: Netns, sets: readonly IpSet[], line: Line): string {
  if (line.save) return sets.map((set) => saveText(ns, set)).join('');
  if (line.names) return sets.map((set) => `${set.name}\n`).join('');
  return sets
    .map((set) => {
      const head = [
        `Name: ${set.name}`,
        `Type: ${set.type}`,
        `Revision: ${REVISIONS[set.type]}`,
        `Header: ${headerText(ns, set)}`,
        `Size in memory: ${set.type.startsWith('bitmap') ? 8264 : 200 + 48 * set.size}`,
        `References: ${references(ns, set)}`,
        `Number of entries: ${set.size}`,
      ];
      if (!line.terse) head.push('Members:', ...members(set));
      return `${head.join('\n')}\n`;
    })
    .join('\n');
}

const saveText = (ns: Netns, set: IpSet): string =>
  [
    `create ${set.name} ${set.type} ${headerText(ns, set)}`,
    ...members(set).map((m) => `add ${set.name} ${m}`),
  ]
    .map((text) => `${text}\n`)
    .join('');

/** Line by line, until one fails: what came before it stays, as there. */
function restore(ns: Netns, line: Line, stdin: string): ToolResult {
  const lines = stdin.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const text = lines[i]!.trim();
    if (text === '' || text.startsWith('#') || text === 'COMMIT') continue;
    const one = readLine(tokenize(text));
    try {
      run(ns, { ...one, exist: one.exist || line.exist }, '');
    } catch (error) {
      if (error instanceof IpsetError) throw new IpsetError(`Error in line ${i + 1}: ${error.message}`);
      throw error;
    }
  }
  return said('');
}
