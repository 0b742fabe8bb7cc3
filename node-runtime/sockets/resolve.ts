// Names to addresses, before there is DNS: /etc/hosts. IP literals always work, as in getaddrinfo(3).
import { type Ipv4, parseIpv4 } from '../kernel/wire/addr.ts';
import { lookupError } from './errors.ts';

/** All IPv4 addresses of a name, in order of preference. Rejects with ENOTFOUND. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export const literalsOnly: Resolve = (name) => Promise.reject(lookupError(name));

/** A resolver that looks a name up in a table as /etc/hosts holds it, and asks `next` for the others. */
export function hostsResolver(
  hosts: ReadonlyMap<string, readonly string[]>,
  next: Resolve = literalsOnly,
): Resolve {
  return async (name) => hosts.get(name.toLowerCase()) ?? next(name);
}

/** The address `host` stands for: at once for a literal and for localhost, else by `resolve`. */
export function addressOf(host: string, resolve: Resolve): Ipv4 | Promise<Ipv4> {
  const literal = parseIpv4(host);
  if (literal !== undefined) return literal;
  if (host === '' || host === 'localhost') return parseIpv4('127.0.0.1')!;
  return resolve(host).then((found) => {
    for (const text of found) {
      const addr = parseIpv4(text);
      if (addr !== undefined) return addr;
    }
    throw lookupError(host);
  });
}
