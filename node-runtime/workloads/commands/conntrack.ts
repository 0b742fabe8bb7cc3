// conntrack (conntrack-tools 1.4.7): lists, counts, deletes and flushes a namespace's connections.
import { conntrack as conntrackOf } from '../../kernel/netfilter/conntrack/conntrack.ts';
import { connText } from '../../kernel/netfilter/conntrack/print.ts';
import type { ConnRecord } from '../../kernel/netfilter/conntrack/record.ts';
import { formatIpv4 } from '../../kernel/wire/addr.ts';
import { getopt, OptionError, type Options } from '../getopt.ts';
import { ExitError, type Program } from '../process.ts';

const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, gre: 47, sctp: 132 };
const LONG = [
  'orig-src:',
  'orig-dst:',
  'reply-src:',
  'reply-dst:',
  'orig-port-src:',
  'orig-port-dst:',
  'sport:',
  'dport:',
  'proto:',
  'state:',
  'mark:',
  'src-nat',
  'dst-nat',
];

export const conntrack: Program = (args, proc) => {
  let options: Options;
  try {
    options = getopt(args, { short: 'LDFCSs:d:r:q:p:o:m:ng', long: LONG });
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new ExitError(2, `conntrack v1.4.7 (conntrack-tools): unknown option \`${error.refusal.option}'`);
  }
  const table = conntrackOf(proc.ns);
  const done = (n: number, what: string): void =>
    proc.err(`conntrack v1.4.7 (conntrack-tools): ${n} flow entries have been ${what}.\n`);
  const filter = filterOf(options);
  if (options.has('C')) proc.out(`${table.list().length}\n`);
  else if (options.has('F')) {
    table.delete(() => true);
    proc.err('conntrack v1.4.7 (conntrack-tools): connection tracking table has been emptied.\n');
  } else if (options.has('D')) {
    const gone = table.delete(filter);
    for (const c of gone) proc.out(`${connText(c)}\n`);
    done(gone.length, 'deleted');
    return gone.length > 0 ? 0 : 1;
  } else if (options.has('L') || options.given.length === 0) {
    const shown = table.list().filter(filter);
    for (const c of shown) proc.out(`${connText(c)}\n`);
    done(shown.length, 'shown');
  } else
    throw new ExitError(
      2,
      "conntrack v1.4.7 (conntrack-tools): You need to supply a command\nTry `conntrack -h' or 'conntrack --help' for more information.",
    );
  return 0;
};

function filterOf(o: Options): (c: ConnRecord) => boolean {
  const tests: ((c: ConnRecord) => boolean)[] = [];
  const add = (text: string | undefined, value: (c: ConnRecord) => string): void => {
    if (text !== undefined) tests.push((c) => value(c) === text);
  };
  add(o.last('s', 'orig-src'), (c) => formatIpv4(c.orig.src));
  add(o.last('d', 'orig-dst'), (c) => formatIpv4(c.orig.dst));
  add(o.last('r', 'reply-src'), (c) => formatIpv4(c.reply.src));
  add(o.last('q', 'reply-dst'), (c) => formatIpv4(c.reply.dst));
  add(o.last('sport', 'orig-port-src'), (c) => String(c.orig.sport));
  add(o.last('dport', 'orig-port-dst'), (c) => String(c.orig.dport));
  add(o.last('state'), (c) => c.state ?? '');
  const proto = o.last('p', 'proto');
  if (proto !== undefined) {
    const number = PROTOCOLS[proto.toLowerCase()] ?? Number(proto);
    tests.push((c) => c.proto === number);
  }
  if (o.has('n', 'src-nat')) tests.push((c) => c.orig.src !== c.reply.dst);
  if (o.has('g', 'dst-nat')) tests.push((c) => c.orig.dst !== c.reply.src);
  return (c) => tests.every((test) => test(c));
}
