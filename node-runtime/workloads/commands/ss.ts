// ss (iproute2) and netstat, arp, route (net-tools): what there is in a namespace of sockets, neighbours and routes.
import { arp as arpText, routeTable } from '../../kernel/procfs/net-tools.ts';
import { netstat as netstatText, ssSummary, ss as ssText } from '../../kernel/procfs/ss.ts';
import type { SocketInfo } from '../../kernel/transport/listing.ts';
import { inPrefix, parsePrefix } from '../../kernel/wire/addr.ts';
import { getopt, OptionError, type Options } from '../getopt.ts';
import { ExitError, type Program } from '../process.ts';

function optionsOf(args: readonly string[], short: string, long: readonly string[], name: string): Options {
  try {
    return getopt(args, { short, long });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new ExitError(255, `${name}: invalid option -- '${error.refusal.option}'`);
  }
}

export const ss: Program = (args, proc) => {
  const long = [
    'tcp',
    'udp',
    'raw',
    'listening',
    'numeric',
    'all',
    'processes',
    'no-header',
    'summary',
    'info',
    'extended',
    'memory',
    'options',
    'ipv4',
    'oneline',
  ];
  const o = optionsOf(args, 'tuwlnapeimo4HOs', long, 'ss');
  if (o.has('s', 'summary')) {
    proc.out(ssSummary(proc.ns));
    return 0;
  }
  const { states, matches } = filterOf(o.operands);
  proc.out(
    ssText(proc.ns, {
      tcp: o.has('t', 'tcp'),
      udp: o.has('u', 'udp'),
      raw: o.has('w', 'raw'),
      listening: o.has('l', 'listening'),
      all: o.has('a', 'all'),
      processes: o.has('p', 'processes'),
      noHeader: o.has('H', 'no-header'),
      states,
      matches,
    }),
  );
  return 0;
};

const CONNECTED = [
  'estab',
  'syn-sent',
  'syn-recv',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'close-wait',
  'last-ack',
  'closing',
];
const STATE_SETS: Readonly<Record<string, readonly string[]>> = {
  all: [...CONNECTED, 'listen', 'unconn'],
  connected: CONNECTED,
  established: ['estab'],
  listening: ['listen'],
  synchronized: CONNECTED.filter((s) => s !== 'syn-sent'),
  bucket: ['syn-recv', 'time-wait'],
  closed: ['unconn'],
};

/** "state established sport = :80 dst 10.0.0.2": each part must hold. */
function filterOf(words: readonly string[]): {
  readonly states: ReadonlySet<string> | undefined;
  readonly matches: ((s: SocketInfo) => boolean) | undefined;
} {
  const states = new Set<string>();
  const tests: ((s: SocketInfo) => boolean)[] = [];
  const rest = words.filter((w) => w !== '(' && w !== ')' && w !== 'and');
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === 'state') {
      const name = rest.shift() ?? '';
      const set = STATE_SETS[name] ?? (STATE_SETS['all']!.includes(name) ? [name] : undefined);
      if (set === undefined) throw new ExitError(255, `ss: wrong state name: ${name}`);
      for (const state of set) states.add(state);
    } else if (word === 'sport' || word === 'dport') {
      const equal = rest[0] === '=' || rest[0] === '==' || rest[0] === 'eq' ? rest.shift() : '=';
      const port = Number((rest.shift() ?? '').replace(/^.*:/, ''));
      if (equal === undefined || !Number.isInteger(port))
        throw new ExitError(255, `Error: an inet prefix is expected rather than "${word}".`);
      const side = word === 'sport' ? 'lport' : 'rport';
      tests.push((s) => s[side] === port);
    } else if (word === 'src' || word === 'dst') {
      const text = rest.shift() ?? '';
      const side = word === 'src' ? 'local' : 'remote';
      const prefix = parsePrefix(text.includes('/') ? text : `${text}/32`);
      if (prefix === undefined)
        throw new ExitError(255, `Error: an inet prefix is expected rather than "${text}".`);
      tests.push((s) => inPrefix(s[side], prefix));
    } else throw new ExitError(255, `Error: an inet prefix is expected rather than "${word}".`);
  }
  return {
    states: states.size === 0 ? undefined : states,
    matches: tests.length === 0 ? undefined : (s) => tests.every((test) => test(s)),
  };
}

export const netstat: Program = (args, proc) => {
  const o = optionsOf(
    args,
    'tulnaprieW4w',
    ['tcp', 'udp', 'listening', 'numeric', 'all', 'programs', 'route', 'wide'],
    'netstat',
  );
  proc.out(
    o.has('r', 'route')
      ? routeTable(proc.ns, true)
      : netstatText(proc.ns, {
          tcp: o.has('t', 'tcp'),
          udp: o.has('u', 'udp'),
          raw: o.has('w'),
          listening: o.has('l', 'listening'),
          all: o.has('a', 'all'),
          processes: o.has('p', 'programs'),
        }),
  );
  return 0;
};

export const arp: Program = (args, proc) => {
  const o = optionsOf(args, 'anei:v', [], 'arp');
  proc.out(arpText(proc.ns, o.has('a')));
  return 0;
};

export const route: Program = (args, proc) => {
  if (args.some((word) => word === 'add' || word === 'del'))
    throw new ExitError(4, 'route: use ip route to change routes');
  proc.out(routeTable(proc.ns));
  return 0;
};
