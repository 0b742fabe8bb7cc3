// What the network has taught us about single destinations: a smaller path MTU (RFC 1191) or a better first hop (an
// ICMP redirect). struct fib_nh_exception of net/ipv4/route.c, kept per namespace rather than per next hop.
import type { Ipv4 } from '../wire/addr.ts';
import type { Route } from './route.ts';

/** Linux keeps 2048 chains of five per next hop; the oldest goes first here too. */
const LIMIT = 2048;

export interface Exception {
  /** 0: none learned. */
  mtu: number;
  /** Below min_pmtu: DF is no longer set, as fnhe_mtu_locked. */
  locked: boolean;
  mtuExpires: number;
  /** The route by the gateway of a redirect, in place of `instead`. */
  redirect: Route | undefined;
  instead: Route | undefined;
  redirectExpires: number;
}

export class Exceptions {
  readonly #byDst = new Map<number, Exception>();

  get size(): number {
    return this.#byDst.size;
  }

  /** What still holds for `dst` at `now`. */
  find(dst: Ipv4, now: number): Exception | undefined {
    const entry = this.#byDst.get(dst | 0);
    if (entry === undefined) return undefined;
    if (entry.mtu !== 0 && now >= entry.mtuExpires) {
      entry.mtu = 0;
      entry.locked = false;
    }
    if (entry.redirect !== undefined && now >= entry.redirectExpires) entry.redirect = undefined;
    if (entry.mtu !== 0 || entry.redirect !== undefined) return entry;
    this.#byDst.delete(dst | 0);
    return undefined;
  }

  learnMtu(dst: Ipv4, mtu: number, locked: boolean, expires: number): void {
    const entry = this.#entry(dst);
    entry.mtu = mtu;
    entry.locked = locked;
    entry.mtuExpires = expires;
  }

  learnRedirect(dst: Ipv4, redirect: Route, instead: Route, expires: number): void {
    const entry = this.#entry(dst);
    entry.redirect = redirect;
    entry.instead = instead;
    entry.redirectExpires = expires;
  }

  forget(dst: Ipv4): void {
    this.#byDst.delete(dst | 0);
  }
  /** `ip route flush cache`. */
  clear(): void {
    this.#byDst.clear();
  }

  /** Destination and entry, oldest first. */
  list(): [Ipv4, Exception][] {
    return [...this.#byDst].map(([dst, entry]) => [(dst >>> 0) as Ipv4, entry]);
  }

  #entry(dst: Ipv4): Exception {
    let entry = this.#byDst.get(dst | 0);
    if (entry !== undefined) return entry;
    if (this.#byDst.size >= LIMIT) this.#byDst.delete(this.#byDst.keys().next().value!);
    entry = {
      mtu: 0,
      locked: false,
      mtuExpires: 0,
      redirect: undefined,
      instead: undefined,
      redirectExpires: 0,
    };
    this.#byDst.set(dst | 0, entry);
    return entry;
  }
}
