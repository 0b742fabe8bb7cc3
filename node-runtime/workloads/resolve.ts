// Names to addresses: getaddrinfo(3) for programs of a container. Numbers first, then /etc/hosts, then the nameservers
// of /etc/resolv.conf with search list and ndots (resolv.conf(5)), one question at a time. A stub: no cache, A records
// only, and no TCP for answers that do not fit.
import { UdpSock } from '../kernel/transport/udp.ts';
import { type Ipv4, ip4, parseIpv4 } from '../kernel/wire/addr.ts';
import { put16, u16, u32 } from '../kernel/wire/bytes.ts';
import { type Process, waitFor } from './process.ts';

export type Resolution =
  | { readonly addrs: readonly Ipv4[]; readonly canonical: string }
  /** EAI_NONAME: the name does not exist; EAI_AGAIN: no server answered. */
  | { readonly error: 'EAI_NONAME' | 'EAI_AGAIN' };

/** gai_strerror's words. */
export const EAI_TEXT = {
  EAI_NONAME: 'Name or service not known',
  EAI_AGAIN: 'Temporary failure in name resolution',
} as const;

type Resolver = Pick<Process, 'ns' | 'fs' | 'signal'>;

export async function resolve(proc: Resolver, name: string): Promise<Resolution> {
  const number = parseIpv4(name);
  if (number !== undefined) return { addrs: [number], canonical: name };
  const bare = name.replace(/\.$/, '');
  const inHosts = hostsLookup(proc.fs.tryRead('/etc/hosts') ?? '', bare);
  if (inHosts.length > 0) return { addrs: inHosts, canonical: bare };
  if (bare === 'localhost') return { addrs: [parseIpv4('127.0.0.1')!], canonical: bare };
  return ask(proc, name);
}

/** The first address; throws nothing. */
export async function resolveOne(proc: Resolver, name: string): Promise<Ipv4 | 'EAI_NONAME' | 'EAI_AGAIN'> {
  const found = await resolve(proc, name);
  return 'error' in found ? found.error : found.addrs[0]!;
}

export function hostsLookup(hosts: string, name: string): Ipv4[] {
  const found: Ipv4[] = [];
  for (const { addr, names } of hostLines(hosts))
    if (names.some((n) => n.toLowerCase() === name.toLowerCase())) found.push(addr);
  return found;
}

/** The name that /etc/hosts gives an address: what getnameinfo(3) prints before DNS is asked. */
export function hostsName(hosts: string, addr: Ipv4): string | undefined {
  for (const line of hostLines(hosts)) if (line.addr === addr) return line.names[0];
  return undefined;
}

function* hostLines(hosts: string): Iterable<{ readonly addr: Ipv4; readonly names: readonly string[] }> {
  for (const line of hosts.split('\n')) {
    const [text, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const addr = parseIpv4(text ?? '');
    if (addr !== undefined) yield { addr, names };
  }
}

export interface StubConf {
  readonly servers: readonly Ipv4[];
  readonly search: readonly string[];
  readonly ndots: number;
  /** Milliseconds for one server's answer. */
  readonly timeout: number;
  readonly attempts: number;
}

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
  };
}

/** res_search: which whole names are asked for, in order. */
export function candidates(name: string, conf: Pick<StubConf, 'search' | 'ndots'>): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const dots = name.split('.').length - 1;
  const searched = conf.search.map((domain) => `${name}.${domain.replace(/\.$/, '')}`);
  return dots >= conf.ndots ? [name, ...searched] : [...searched, name];
}

async function ask(proc: Resolver, name: string): Promise<Resolution> {
  const conf = parseResolvConf(proc.fs.tryRead('/etc/resolv.conf') ?? '');
  if (conf.servers.length === 0) return { error: 'EAI_AGAIN' };
  let silent = false;
  for (const candidate of candidates(name, conf)) {
    const answer = await query(proc, candidate, conf);
    if (answer === undefined) silent = true;
    else if (answer.length > 0) return { addrs: answer, canonical: candidate };
    if (answer === undefined) break;
  }
  return { error: silent ? 'EAI_AGAIN' : 'EAI_NONAME' };
}

/** Addresses, none (the name has none), or undefined when nobody answered in a useful way. */
async function query(proc: Resolver, name: string, conf: StubConf): Promise<Ipv4[] | undefined> {
  const message = encodeQuery(name, proc.ns.kernel.dice.u32('dns id', name) & 0xffff);
  if (message === undefined) return [];
  for (let attempt = 0; attempt < conf.attempts; attempt++)
    for (const server of conf.servers) {
      const answer = await exchange(proc, server, message, conf.timeout);
      const parsed = answer === undefined ? undefined : parseAnswer(answer, u16(message, 0));
      if (parsed !== undefined) return parsed;
    }
  return undefined;
}

async function exchange(
  proc: Resolver,
  server: Ipv4,
  message: Uint8Array,
  timeout: number,
): Promise<Uint8Array | undefined> {
  const sk = new UdpSock(proc.ns);
  try {
    return await waitFor<Uint8Array | undefined>(proc, (resolve) => {
      const timer = proc.ns.kernel.clock.after(timeout, () => resolve(undefined));
      sk.wake = () => {
        const got = sk.recv();
        if (got !== undefined) resolve(got.data);
        else if (sk.takeError() !== undefined) resolve(undefined);
      };
      if (sk.connect(server, 53) !== undefined || sk.send(message) !== undefined) resolve(undefined);
      return () => timer.cancel();
    });
  } finally {
    sk.close();
  }
}

const TYPE_A = 1;

/** A question as RFC 1035 section 4 has it; undefined for what is no domain name. */
export function encodeQuery(name: string, id: number): Uint8Array | undefined {
  const labels = name === '' ? [] : name.split('.');
  if (labels.some((label) => label === '' || label.length > 63)) return undefined;
  const length = labels.reduce((sum, label) => sum + 1 + Buffer.byteLength(label), 1);
  if (length > 255) return undefined;
  const message = new Uint8Array(12 + length + 4);
  put16(message, 0, id);
  put16(message, 2, 0x0100);
  put16(message, 4, 1);
  let at = 12;
  for (const label of labels) {
    message[at++] = Buffer.byteLength(label);
    at += Buffer.from(label).copy(message, at);
  }
  put16(message, at + 1, TYPE_A);
  put16(message, at + 3, 1);
  return message;
}

/** A records of an answer, [] for NXDOMAIN or no data, undefined for failures and what cannot be read. */
export function parseAnswer(b: Uint8Array, id: number): Ipv4[] | undefined {
  if (b.length < 12 || u16(b, 0) !== id || (b[2]! & 0x80) === 0) return undefined;
  const rcode = b[3]! & 15;
  if (rcode === 3) return [];
  if (rcode !== 0) return undefined;
  let at: number | undefined = 12;
  for (let n = u16(b, 4); n > 0; n--) {
    at = skipName(b, at);
    if (at === undefined) return undefined;
    at += 4;
  }
  const found: Ipv4[] = [];
  for (let n = u16(b, 6); n > 0; n--) {
    at = skipName(b, at);
    if (at === undefined || at + 10 > b.length) return undefined;
    const length = u16(b, at + 8);
    if (at + 10 + length > b.length) return undefined;
    if (u16(b, at) === TYPE_A && length === 4) found.push(ip4(u32(b, at + 10)));
    at += 10 + length;
  }
  return found;
}

function skipName(b: Uint8Array, at: number): number | undefined {
  for (;;) {
    const length = b[at];
    if (length === undefined) return undefined;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= b.length ? at + 2 : undefined;
    at += 1 + length;
  }
}
