// Which socket holds which local port: udp_table and inet_bind_hashbucket. One table per namespace and protocol.
import type { Netns } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import type { Errno } from './errno.ts';
import type { Sock } from './sock.ts';

/** Whether two sockets may hold one port at overlapping addresses: inet_csk_bind_conflict, inet_rcv_saddr_equal. */
export type MayShare = (a: Sock, b: Sock) => boolean;

/** UDP's rule: both said SO_REUSEADDR, or both SO_REUSEPORT as the same user. */
export const datagramsMayShare: MayShare = (a, b) =>
  (a.reuseAddr && b.reuseAddr) || (a.reusePort && b.reusePort && a.uid === b.uid);

export class BindTable<S extends Sock> {
  readonly #ports = new Map<number, Set<S>>();
  readonly #mayShare: MayShare;

  constructor(mayShare: MayShare) {
    this.#mayShare = mayShare;
  }

  /** The sockets on a port, in the order they were bound. */
  on(port: number): Iterable<S> {
    return this.#ports.get(port) ?? [];
  }

  *all(): Iterable<S> {
    for (const socks of this.#ports.values()) yield* socks;
  }

  conflict(sk: S, addr: Ipv4, port: number): boolean {
    const there = this.#ports.get(port);
    if (there === undefined) return false;
    for (const other of there) {
      if (other === sk) continue;
      if (sk.boundDev !== 0 && other.boundDev !== 0 && sk.boundDev !== other.boundDev) continue;
      const overlap = addr === ANY || other.rcvSaddr === ANY || addr === other.rcvSaddr;
      if (overlap && !this.#mayShare(sk, other)) return true;
    }
    return false;
  }

  /** Binds to `port`, or to a free ephemeral one for 0. The socket's address must be set before. */
  bind(sk: S, port: number): Errno | undefined {
    if (port === 0) port = this.#ephemeral(sk);
    else if (this.conflict(sk, sk.rcvSaddr, port)) return 'EADDRINUSE';
    if (port === 0) return 'EADDRINUSE';
    this.add(sk, port);
    return undefined;
  }

  /** Puts a socket there without asking: a listener's child shares its parent's port. */
  add(sk: S, port: number): void {
    sk.sport = port;
    let there = this.#ports.get(port);
    if (there === undefined) {
      there = new Set();
      this.#ports.set(port, there);
    }
    there.add(sk);
  }

  remove(sk: S): void {
    const there = this.#ports.get(sk.sport);
    if (there === undefined) return;
    there.delete(sk);
    if (there.size === 0) this.#ports.delete(sk.sport);
  }

  has(sk: S): boolean {
    return this.#ports.get(sk.sport)?.has(sk) ?? false;
  }

  /** udp_lib_get_port: from a random place in the range on, the first port that is free; 0 when none is. */
  #ephemeral(sk: S): number {
    const [low, high] = sk.ns.sysctl.ipv4.ip_local_port_range;
    const count = high - low + 1;
    const start = ephemeralDice(sk.ns).below(count);
    for (let i = 0; i < count; i++) {
      const port = low + ((start + i) % count);
      if (!this.#ports.has(port)) return port;
    }
    for (let i = 0; i < count; i++) {
      const port = low + ((start + i) % count);
      if (!this.conflict(sk, sk.rcvSaddr, port)) return port;
    }
    return 0;
  }
}

/** One stream per namespace, so that a pod's ports do not depend on what its neighbours open. */
export const ephemeralDice = perNet('ephemeral ports', (ns: Netns) =>
  ns.kernel.dice.stream(`ephemeral ports|${ns.name}`),
);

/** The address part of bind(2): inet_addr_valid_or_nonlocal. */
export function mayBindTo(ns: Netns, addr: Ipv4): boolean {
  if (addr === ANY) return true;
  const type = ns.kernel.ipv4.addrType(ns, addr);
  return type === 'LOCAL' || type === 'MULTICAST' || type === 'BROADCAST';
}
