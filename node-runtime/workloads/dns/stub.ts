// The stub resolver of a C library: which names are asked, of whom, in which order, and what is made of the answers. glibc
// (resolv/res_search.c, res_send.c, nss_dns), and musl 1.2.4 (src/network/lookup_name.c, res_msend.c) where it is asked for.
import { type Message, queryFor } from '../../../coredns-lite/dns/message.ts';
import { TYPE } from '../../../coredns-lite/dns/types.ts';
import { type Ipv4, ip4, parseIpv4 } from '../../kernel/wire/addr.ts';
import type { Process } from '../process.ts';
import { type Answer, askTcp, askUdp } from './exchange.ts';

type Resolver = Pick<Process, 'ns' | 'signal'>;

export interface StubConf {
  readonly servers: readonly Ipv4[];
  readonly search: readonly string[];
  readonly ndots: number;
  /** Milliseconds for one server's answer. */
  readonly timeout: number;
  readonly attempts: number;
  /** Another server first each time. */
  readonly rotate: boolean;
  /** A, then AAAA, on one socket or on a new one: what people set against the conntrack race. */
  readonly singleRequest: boolean;
  readonly singleRequestReopen: boolean;
  readonly useVc: boolean;
}

/** resolv.conf(5). */
export function parseResolvConf(text: string): StubConf {
  const servers: Ipv4[] = [];
  let search: string[] = [];
  const options = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [word, ...values] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/);
    const server = parseIpv4(values[0] ?? '');
    if (word === 'nameserver' && server !== undefined) servers.push(server);
    if (word === 'search' || word === 'domain') search = values;
    if (word === 'options')
      for (const option of values) {
        const [key, value] = option.split(':');
        options.set(key!, Number(value ?? 1));
      }
  }
  return {
    servers: servers.slice(0, 3),
    search,
    ndots: Math.min(options.get('ndots') ?? 1, 15),
    timeout: Math.min(options.get('timeout') ?? 5, 30) * 1000,
    attempts: Math.min(options.get('attempts') ?? 2, 5),
    rotate: options.has('rotate'),
    singleRequest: options.has('single-request'),
    singleRequestReopen: options.has('single-request-reopen'),
    useVc: options.has('use-vc'),
  };
}

/** Which whole names are asked for, in order. musl does not search for a name with enough dots. */
export function candidates(
  name: string,
  conf: Pick<StubConf, 'search' | 'ndots'>,
  libc: Libc = 'glibc',
): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const dots = name.split('.').length - 1;
  const searched = conf.search.map((domain) => `${name}.${domain.replace(/\.$/, '')}`.replace(/\.$/, ''));
  if (dots < conf.ndots) return [...searched, name];
  return libc === 'musl' ? [name] : [name, ...searched];
}

export type Libc = 'glibc' | 'musl';

/** What a name turned out to be: its addresses, or getaddrinfo's error. */
export type Found =
  | { readonly addrs: readonly Ipv4[]; readonly canonical: string }
  | { readonly error: 'EAI_NONAME' | 'EAI_AGAIN' };

/** One name's outcome: addresses, none of this kind, no such name, or nobody who knows. */
type Outcome = readonly Ipv4[] | 'nodata' | 'nxdomain' | 'servfail' | 'failed';

export async function search(proc: Resolver, name: string, conf: StubConf, libc: Libc): Promise<Found> {
  if (conf.servers.length === 0) return { error: 'EAI_AGAIN' };
  let failed = false;
  for (const candidate of candidates(name, conf, libc)) {
    const outcome =
      libc === 'musl' ? await askMusl(proc, candidate, conf) : await askGlibc(proc, candidate, conf);
    if (typeof outcome !== 'string') return { addrs: outcome, canonical: candidate };
    if (outcome === 'failed' || outcome === 'servfail') {
      failed = true;
      // After SERVFAIL glibc goes on with the next name; silence ends the search, and in musl either does.
      if (libc === 'musl' || outcome === 'failed') break;
    }
    if (libc === 'musl' && outcome === 'nodata') break;
  }
  return { error: failed ? 'EAI_AGAIN' : 'EAI_NONAME' };
}

function questions(proc: Resolver, name: string): [Message, Message] {
  const { dice } = proc.ns.kernel;
  const id = dice.u32('dns id', name) & 0xffff;
  return [queryFor(id, name, TYPE.A), queryFor((id + 1) & 0xffff, name, TYPE.AAAA)];
}

/** Names that cannot be written are names that do not exist. */
const isAskable = (name: string): boolean =>
  name.length < 254 && name.split('.').every((label) => label.length > 0 && label.length < 64);

async function askGlibc(proc: Resolver, name: string, conf: StubConf): Promise<Outcome> {
  if (!isAskable(name)) return 'nxdomain';
  const pair = questions(proc, name);
  const from = conf.rotate ? pair[0].id % conf.servers.length : 0;
  const servers = [...conf.servers.slice(from), ...conf.servers.slice(0, from)];
  let last: Outcome = 'failed';
  for (let attempt = 0; attempt < conf.attempts; attempt++)
    for (const server of servers) {
      last = await askPair(proc, server, pair, conf);
      if (last !== 'failed' && last !== 'servfail') return last;
    }
  return last;
}

async function askPair(
  proc: Resolver,
  server: Ipv4,
  pair: readonly Message[],
  conf: StubConf,
): Promise<Outcome> {
  const to = { server, port: 53, timeout: conf.timeout };
  let answers: readonly Answer[];
  if (conf.useVc) answers = [await askTcp(proc, to, pair[0]!), await askTcp(proc, to, pair[1]!)];
  else if (conf.singleRequest || conf.singleRequestReopen)
    answers = [...(await askUdp(proc, to, [pair[0]!])), ...(await askUdp(proc, to, [pair[1]!]))];
  else answers = await askUdp(proc, to, pair);
  const whole: Answer[] = [];
  for (const [i, answer] of answers.entries())
    whole.push('reply' in answer && answer.reply.truncated ? await askTcp(proc, to, pair[i]!) : answer);
  return judge(whole, 'glibc');
}

/** All servers at once, again after half of the time. */
async function askMusl(proc: Resolver, name: string, conf: StubConf): Promise<Outcome> {
  if (!isAskable(name)) return 'nxdomain';
  const pair = questions(proc, name);
  for (let attempt = 0; attempt < conf.attempts; attempt++) {
    const timeout = conf.timeout / conf.attempts;
    const outcomes = conf.servers.map(async (server) => {
      const to = { server, port: 53, timeout };
      const answers: Answer[] = [];
      for (const [i, answer] of (await askUdp(proc, to, pair)).entries())
        answers.push('reply' in answer && answer.reply.truncated ? await askTcp(proc, to, pair[i]!) : answer);
      const outcome = judge(answers, 'musl');
      if (outcome === 'failed' || outcome === 'servfail') throw new Error('no answer');
      return outcome;
    });
    try {
      return await Promise.any(outcomes);
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error;
    }
  }
  return 'failed';
}

function judge(answers: readonly Answer[], libc: Libc): Outcome {
  const addrs: Ipv4[] = [];
  let names = 0;
  let silent = false;
  let servfail = false;
  for (const answer of answers) {
    if (!('reply' in answer)) silent = true;
    else if (answer.reply.rcode === 3) names++;
    else if (answer.reply.rcode === 2) servfail = true;
    else if (answer.reply.rcode !== 0) silent = true;
    else
      for (const rr of answer.reply.answer)
        if (rr.type === TYPE.A && rr.data.kind === 'addr') addrs.push(toIpv4(rr.data.bytes));
  }
  // glibc uses what either family has; for musl a name that one family denies does not exist.
  if (libc === 'musl' && names > 0) return 'nxdomain';
  if (silent) return 'failed';
  if (servfail) return 'servfail';
  if (addrs.length > 0) return addrs;
  return names > 0 ? 'nxdomain' : 'nodata';
}

const toIpv4 = (b: Uint8Array): Ipv4 => ip4(((b[0]! << 24) | (b[1]! << 16) | (b[2]! << 8) | b[3]!) >>> 0);
