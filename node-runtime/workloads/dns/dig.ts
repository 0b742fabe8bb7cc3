// dig, nslookup, host and getent hosts in the pods' shell, printing what BIND's tools and glibc's print.
import { addrBytes, reverseName } from '../../../coredns-lite/dns/addr.ts';
import { type Message, queryFor } from '../../../coredns-lite/dns/message.ts';
import { fqdn } from '../../../coredns-lite/dns/name.ts';
import { rdataText, rrText } from '../../../coredns-lite/dns/rr.ts';
import {
  CLASS,
  className,
  classOf,
  RCODE,
  rcodeName,
  TYPE,
  typeName,
  typeOf,
} from '../../../coredns-lite/dns/types.ts';
import { formatIpv4, type Ipv4, parseIpv4 } from '../../kernel/wire/addr.ts';
import { type Process, type Program, wallClock } from '../process.ts';
import { EAI_TEXT, resolve, resolveOne } from '../resolve.ts';
import { type Answer, askTcp, askUdp } from './exchange.ts';
import { candidates, parseResolvConf } from './stub.ts';

interface Dig {
  server: string | undefined;
  port: number;
  name: string | undefined;
  type: number;
  class: number;
  tcp: boolean;
  short: boolean;
  search: boolean;
  recurse: boolean;
  edns: boolean;
  bufsize: number;
  do: boolean;
  time: number;
  tries: number;
  noall: boolean;
  answer: boolean;
  reverse: boolean;
}

const confOf = (proc: Process) => parseResolvConf(proc.fs.tryRead('/etc/resolv.conf') ?? '');

function readArgs(args: readonly string[], proc: Process): Dig | undefined {
  const dig: Dig = {
    server: undefined,
    port: 53,
    name: undefined,
    type: TYPE.A,
    class: CLASS.IN,
    tcp: false,
    short: false,
    search: false,
    recurse: true,
    edns: true,
    bufsize: 1232,
    do: false,
    time: 5,
    tries: 3,
    noall: false,
    answer: false,
    reverse: false,
  };
  const rest = [...args];
  let typed = false;
  while (rest.length > 0) {
    const arg = rest.shift()!;
    if (arg.startsWith('@')) dig.server = arg.slice(1);
    else if (arg.startsWith('+')) {
      const [flag = '', value = ''] = arg.slice(1).split('=');
      const on = !flag.startsWith('no');
      const name = on ? flag : flag.slice(2);
      if (flag === 'noall') dig.noall = true;
      else if (name === 'tcp' || name === 'vc') dig.tcp = on;
      else if (name === 'short') dig.short = on;
      else if (name === 'search') dig.search = on;
      else if (name === 'recurse' || name === 'rec' || name === 'rdflag') dig.recurse = on;
      else if (name === 'edns') dig.edns = on;
      else if (name === 'bufsize') dig.bufsize = Number(value);
      else if (name === 'dnssec' || name === 'do') dig.do = on;
      else if (name === 'time' || name === 'timeout') dig.time = Number(value);
      else if (name === 'tries') dig.tries = Number(value);
      else if (name === 'retry') dig.tries = Number(value) + 1;
      else if (name === 'answer') dig.answer = on;
      else if (
        !/^(all|cmd|comments|stats|question|authority|additional|cookie|multiline|ignore)$/.test(name)
      ) {
        proc.err(`Invalid option: ${arg}\n`);
        return undefined;
      }
    } else if (arg === '-x') {
      const name = reverseName(rest.shift() ?? '');
      if (name === undefined) {
        proc.err('dig: -x needs an address\n');
        return undefined;
      }
      dig.name = name;
      dig.type = TYPE.PTR;
      dig.reverse = true;
    } else if (arg === '-p') dig.port = Number(rest.shift());
    else if (arg === '-t') dig.type = typeOf(rest.shift() ?? '') ?? TYPE.A;
    else if (arg === '-q') dig.name = rest.shift();
    else if (arg === '-4' || arg === '-6') {
    } else if (!typed && !dig.reverse && typeOf(arg) !== undefined) {
      // A type may stand before the name or behind it.
      dig.type = typeOf(arg)!;
      typed = true;
    } else if (dig.name !== undefined && classOf(arg) !== undefined) dig.class = classOf(arg)!;
    else dig.name = arg;
  }
  if (dig.name === undefined) {
    dig.name = '.';
    dig.type = TYPE.NS;
  }
  return dig;
}

export const dig: Program = async (args, proc) => {
  const asked = readArgs(args, proc);
  if (asked === undefined) return 1;
  const conf = confOf(proc);
  const named = asked.server === undefined ? conf.servers[0] : await resolveOne(proc, asked.server);
  if (named === undefined || typeof named === 'string') {
    proc.err(`dig: couldn't get address for '${asked.server ?? ''}': not found\n`);
    return 10;
  }
  const names = asked.search ? candidates(asked.name!, conf) : [asked.name!];
  let result: { answer: Answer; ms: number } | undefined;
  for (const [i, name] of names.entries()) {
    result = await askOnce(proc, named, asked, fqdn(name));
    if (!('reply' in result.answer)) break;
    if (result.answer.reply.rcode !== RCODE.NXDOMAIN || i === names.length - 1) break;
  }
  const { answer, ms } = result!;
  const at = `${formatIpv4(named)}#${asked.port}`;
  if (!('reply' in answer)) {
    const why = answer.failure === 'timeout' ? 'timed out' : 'connection refused';
    proc.out(
      `;; communications error to ${at}: ${why}\n\n; <<>> DiG <<>> ${args.join(' ')}\n;; global options: +cmd\n;; no servers could be reached\n`,
    );
    return 9;
  }
  proc.out(asked.short ? shortText(answer.reply) : longText(proc, args, asked, answer, at, ms));
  return 0;
};

async function askOnce(
  proc: Process,
  server: Ipv4,
  dig: Dig,
  name: string,
): Promise<{ answer: Answer; ms: number }> {
  const query = queryFor(proc.ns.kernel.dice.u32('dig', name) & 0xffff, name, dig.type, dig.class);
  query.recursionDesired = dig.recurse;
  if (dig.edns) query.edns = { size: dig.bufsize, version: 0, do: dig.do, options: [] };
  const to = { server, port: dig.port, timeout: dig.time * 1000 };
  const begun = wallClock(proc);
  let answer: Answer = { failure: 'timeout' };
  const tcp = dig.tcp || dig.type === TYPE.AXFR;
  for (let n = 0; n < dig.tries && !('reply' in answer); n++)
    answer = tcp ? await askTcp(proc, to, query) : (await askUdp(proc, to, [query]))[0]!;
  if ('reply' in answer && answer.reply.truncated && !tcp) answer = await askTcp(proc, to, query);
  return { answer, ms: Math.round(wallClock(proc) - begun) };
}

const shortText = (reply: Message): string => reply.answer.map((rr) => `${rdataText(rr.data)}\n`).join('');

function flagsText(m: Message): string {
  const flags = [
    ['qr', m.response],
    ['aa', m.authoritative],
    ['tc', m.truncated],
    ['rd', m.recursionDesired],
    ['ra', m.recursionAvailable],
    ['ad', m.authenticData],
    ['cd', m.checkingDisabled],
  ] as const;
  return flags
    .filter(([, on]) => on)
    .map(([name]) => name)
    .join(' ');
}

const line = (text: string): string =>
  text.replace(
    /^(\S+) (\d+) (\S+) (\S+) /,
    (_all, name: string, ttl: string, cls: string, type: string) =>
      `${name.padEnd(23)}\t${ttl}\t${cls}\t${type}\t`,
  );

function longText(
  proc: Process,
  args: readonly string[],
  dig: Dig,
  answer: { reply: Message; size: number },
  at: string,
  ms: number,
): string {
  const { reply: m, size } = answer;
  const out: string[] = [];
  const records = (title: string, list: Message['answer']): void => {
    if (list.length === 0) return;
    if (!dig.noall) out.push(`;; ${title} SECTION:`);
    out.push(...list.map((rr) => line(rrText(rr))));
    if (!dig.noall) out.push('');
  };
  if (!dig.noall) {
    const opcode = m.opcode === 0 ? 'QUERY' : String(m.opcode);
    out.push('', `; <<>> DiG <<>> ${args.join(' ')}`, ';; global options: +cmd', ';; Got answer:');
    out.push(`;; ->>HEADER<<- opcode: ${opcode}, status: ${rcodeName(m.rcode)}, id: ${m.id}`);
    const counts = [
      m.question === undefined ? 0 : 1,
      m.answer.length,
      m.authority.length,
      m.additional.length + (m.edns === undefined ? 0 : 1),
    ];
    out.push(
      `;; flags: ${flagsText(m)}; QUERY: ${counts[0]}, ANSWER: ${counts[1]}, AUTHORITY: ${counts[2]}, ADDITIONAL: ${counts[3]}`,
    );
    if (dig.recurse && !m.recursionAvailable) out.push(';; WARNING: recursion requested but not available');
    out.push('');
    if (m.edns !== undefined)
      out.push(
        ';; OPT PSEUDOSECTION:',
        `; EDNS: version: ${m.edns.version}, flags:${m.edns.do ? ' do' : ''}; udp: ${m.edns.size}`,
      );
    if (m.question !== undefined) {
      const { name, class: cls, type } = m.question;
      out.push(';; QUESTION SECTION:', `;${name.padEnd(22)}\t\t${className(cls)}\t${typeName(type)}`, '');
    }
  }
  records('ANSWER', m.answer);
  if (!dig.noall) {
    records('AUTHORITY', m.authority);
    records('ADDITIONAL', m.additional);
    out.push(
      `;; Query time: ${ms} msec`,
      `;; SERVER: ${at}(${at.split('#')[0]}) (${dig.tcp ? 'TCP' : 'UDP'})`,
    );
    out.push(`;; WHEN: ${new Date(wallClock(proc)).toUTCString()}`, `;; MSG SIZE  rcvd: ${size}`, '');
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** What nslookup and host ask: types of a name along the search list, until one exists. */
async function walk(
  proc: Process,
  server: Ipv4,
  name: string,
  types: readonly number[],
): Promise<{ name: string; replies: (Message | undefined)[] }> {
  const conf = confOf(proc);
  const names = addrBytes(name) !== undefined ? [reverseName(name)!] : candidates(name, conf).map(fqdn);
  let last: { name: string; replies: (Message | undefined)[] } = { name: fqdn(name), replies: [] };
  for (const candidate of names) {
    const replies: (Message | undefined)[] = [];
    for (const type of types) {
      const options = { ...readArgs([], proc)!, type, edns: false, tries: 2 };
      const { answer } = await askOnce(proc, server, options, candidate);
      replies.push('reply' in answer ? answer.reply : undefined);
    }
    last = { name: candidate, replies };
    if (replies.some((reply) => reply === undefined || reply.answer.length > 0)) break;
  }
  return last;
}

async function serverOf(proc: Process, named: string | undefined): Promise<Ipv4 | undefined> {
  if (named === undefined) return confOf(proc).servers[0];
  const found = await resolveOne(proc, named);
  return typeof found === 'string' ? undefined : found;
}

export const nslookup: Program = async (args, proc) => {
  const type = args.map((arg) => /^-(?:query|type|q)=(\w+)$/.exec(arg)?.[1]).find((t) => t !== undefined);
  const [name, named] = args.filter((arg) => !arg.startsWith('-'));
  if (name === undefined) {
    proc.err('usage: nslookup [-type=TYPE] NAME [SERVER]\n');
    return 1;
  }
  const server = await serverOf(proc, named);
  if (server === undefined) {
    proc.out(';; communications error: no servers could be reached\n');
    return 1;
  }
  const reverse = addrBytes(name) !== undefined;
  const types = reverse ? [TYPE.PTR] : type === undefined ? [TYPE.A, TYPE.AAAA] : [typeOf(type) ?? TYPE.A];
  const found = await walk(proc, server, name, types);
  const at = formatIpv4(server);
  if (found.replies.every((reply) => reply === undefined)) {
    proc.out(`;; communications error to ${at}#53: timed out\n;; no servers could be reached\n\n`);
    return 1;
  }
  if (!reverse) proc.out(`Server:\t\t${at}\nAddress:\t${at}#53\n\n`);
  const records = found.replies.flatMap((reply) => reply?.answer ?? []);
  if (records.length === 0) {
    const rcode = found.replies[0]?.rcode ?? RCODE.SERVFAIL;
    proc.out(
      rcode === RCODE.NOERROR
        ? `*** Can't find ${name}: No answer\n\n`
        : `** server can't find ${found.name.replace(/\.$/, '')}: ${rcodeName(rcode)}\n\n`,
    );
    return rcode === RCODE.NOERROR ? 0 : 1;
  }
  for (const rr of records) {
    const owner = rr.name.replace(/\.$/, '');
    if (rr.data.kind === 'addr') proc.out(`Name:\t${owner}\nAddress: ${rdataText(rr.data)}\n`);
    else if (rr.type === TYPE.CNAME) proc.out(`${owner}\tcanonical name = ${rdataText(rr.data)}\n`);
    else if (rr.type === TYPE.PTR) proc.out(`${owner}\tname = ${rdataText(rr.data)}\n`);
    else if (rr.type === TYPE.SRV) proc.out(`${owner}\tservice = ${rdataText(rr.data)}\n`);
    else proc.out(`${owner}\t${typeName(rr.type).toLowerCase()} = ${rdataText(rr.data)}\n`);
  }
  proc.out('\n');
  return 0;
};

export const host: Program = async (args, proc) => {
  const at = args.indexOf('-t');
  const type = at === -1 ? undefined : typeOf(args[at + 1] ?? '');
  const [name, named] = args.filter((arg, i) => !arg.startsWith('-') && (at === -1 || i !== at + 1));
  const server = name === undefined ? undefined : await serverOf(proc, named);
  if (name === undefined || server === undefined) {
    proc.err('Usage: host [-t TYPE] NAME [SERVER]\n');
    return 1;
  }
  const reverse = addrBytes(name) !== undefined;
  const types = type !== undefined ? [type] : reverse ? [TYPE.PTR] : [TYPE.A, TYPE.AAAA, TYPE.MX];
  const found = await walk(proc, server, name, types);
  if (found.replies.every((reply) => reply === undefined)) {
    proc.out(';; communications error: timed out\n;; no servers could be reached\n');
    return 1;
  }
  const records = found.replies.flatMap((reply) => reply?.answer ?? []);
  const words: Readonly<Record<number, string>> = {
    [TYPE.A]: 'has address',
    [TYPE.AAAA]: 'has IPv6 address',
    [TYPE.CNAME]: 'is an alias for',
    [TYPE.PTR]: 'domain name pointer',
    [TYPE.SRV]: 'has SRV record',
    [TYPE.MX]: 'mail is handled by',
  };
  for (const rr of records)
    proc.out(
      `${rr.name.replace(/\.$/, '')} ${words[rr.type] ?? `has ${typeName(rr.type)} record`} ${rdataText(rr.data)}\n`,
    );
  if (records.length > 0) return 0;
  const rcode = found.replies.find((reply) => reply !== undefined)!.rcode;
  if (rcode === RCODE.NOERROR) {
    proc.out(`${found.name.replace(/\.$/, '')} has no ${type === undefined ? 'A' : typeName(type)} record\n`);
    return 0;
  }
  proc.out(`Host ${name} not found: ${rcode}(${rcodeName(rcode)})\n`);
  return 1;
};

/** getent hosts|ahosts|ahostsv4 NAME. */
export const getent: Program = async (args, proc) => {
  const [database = '', name] = args;
  if (!['hosts', 'ahosts', 'ahostsv4'].includes(database) || name === undefined) {
    proc.err(`Unknown database: ${database}\n`);
    return 1;
  }
  if (parseIpv4(name) !== undefined && database === 'hosts') {
    const server = confOf(proc).servers[0];
    const found = server === undefined ? undefined : await walk(proc, server, name, [TYPE.PTR]);
    const target = found?.replies[0]?.answer[0];
    if (target === undefined) return 2;
    proc.out(`${name.padEnd(15)} ${rdataText(target.data).replace(/\.$/, '')}\n`);
    return 0;
  }
  const found = await resolve(proc, name);
  if ('error' in found) {
    if (found.error === 'EAI_AGAIN') proc.err(`getent: ${EAI_TEXT.EAI_AGAIN}\n`);
    return 2;
  }
  for (const addr of found.addrs) {
    const text = formatIpv4(addr);
    if (database === 'hosts') proc.out(`${text.padEnd(15)} ${found.canonical}\n`);
    else
      for (const kind of ['STREAM', 'DGRAM', 'RAW'])
        proc.out(`${text.padEnd(15)} ${kind} ${kind === 'STREAM' ? found.canonical : ''}\n`);
  }
  return 0;
};
