// Names to addresses: getaddrinfo(3) for programs of a container. Numbers first, then /etc/hosts, then the nameservers
// of /etc/resolv.conf. No cache, as in a pod; addresses of IPv6 are asked for and not used.
import { type Ipv4, parseIpv4 } from '../kernel/wire/addr.ts';
import { parseResolvConf, search } from './dns/stub.ts';
import type { Process } from './process.ts';

export type Resolution =
  | { readonly addrs: readonly Ipv4[]; readonly canonical: string }
  /** EAI_NONAME: the name does not exist; EAI_AGAIN: no server answered. */
  | { readonly error: 'EAI_NONAME' | 'EAI_AGAIN' };

/** gai_strerror's words. */
export const EAI_TEXT = {
  EAI_NONAME: 'Name or service not known',
  EAI_AGAIN: 'Temporary failure in name resolution',
} as const;

type Resolver = Pick<Process, 'ns' | 'fs' | 'signal' | 'env'>;

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

/** By the rules of glibc, or of musl where the container's environment says PODWIRE_LIBC=musl. */
async function ask(proc: Resolver, name: string): Promise<Resolution> {
  const conf = parseResolvConf(proc.fs.tryRead('/etc/resolv.conf') ?? '');
  return search(proc, name, conf, proc.env['PODWIRE_LIBC'] === 'musl' ? 'musl' : 'glibc');
}
