// How fast ICMP errors may go to whom: the token buckets of struct inet_peer (inet_peer_xrlim_allow, net/ipv4/
// inetpeer.c) and of the whole namespace (icmp_global_allow, net/ipv4/icmp.c). Times in milliseconds.
import type { Stream } from '../netns/dice.ts';
import type { Ipv4 } from '../wire/addr.ts';

/** XRLIM_BURST_FACTOR: errors that a rested peer gets at once. */
const BURST = 6;
/** Peers remembered; the longest known is forgotten first, which lets it have a burst again. */
const LIMIT = 4096;
/** ip_rt_error_cost and ip_rt_error_burst: unreachables that routing itself answers are limited once more. */
const ERROR_COST = 1000;
const ERROR_BURST = 5000;
/** A peer not seen yet counts as silent for a minute. */
const RESTED = 60_000;

/** ip_rt_redirect_number, _load and _silence: nine redirects, each wait twice the last, then silence for 20 s. */
const REDIRECTS = 9;
const REDIRECT_LOAD = 20;
const REDIRECT_SILENCE = REDIRECT_LOAD << (REDIRECTS + 1);

interface Peer {
  tokens: number;
  last: number;
  redirects: number;
}

export class Peers {
  readonly #byAddr = new Map<number, Peer>();

  /** Whether an error may go to `addr` now, one per `timeout` in the long run. */
  allow(addr: Ipv4, timeout: number, now: number): boolean {
    const peer = this.#peer(addr, now);
    peer.tokens = Math.min(peer.tokens + (now - peer.last), BURST * timeout);
    peer.last = now;
    if (peer.tokens < timeout) return false;
    peer.tokens -= timeout;
    return true;
  }

  /** The same bucket as ip_error asks it: five at once, then one a second. */
  allowRouteError(addr: Ipv4, now: number): boolean {
    const peer = this.#peer(addr, now);
    peer.tokens = Math.min(peer.tokens + (now - peer.last), ERROR_BURST);
    peer.last = now;
    if (peer.tokens < ERROR_COST) return false;
    peer.tokens -= ERROR_COST;
    return true;
  }

  /** ip_rt_send_redirect's own limit: who goes on ignoring redirects gets no more. */
  allowRedirect(addr: Ipv4, now: number): boolean {
    const peer = this.#peer(addr, now);
    if (now > peer.last + REDIRECT_SILENCE) {
      peer.tokens = 0;
      peer.redirects = 0;
    }
    if (peer.redirects >= REDIRECTS) {
      peer.last = now;
      return false;
    }
    if (peer.redirects > 0 && now <= peer.last + (REDIRECT_LOAD << peer.redirects)) return false;
    peer.last = now;
    peer.redirects++;
    return true;
  }

  #peer(addr: Ipv4, now: number): Peer {
    let peer = this.#byAddr.get(addr | 0);
    if (peer !== undefined) return peer;
    if (this.#byAddr.size >= LIMIT) this.#byAddr.delete(this.#byAddr.keys().next().value!);
    peer = { tokens: 0, last: now - RESTED, redirects: 0 };
    this.#byAddr.set(addr | 0, peer);
    return peer;
  }
}

/** icmp_global_allow: at most `perSecond` errors to everybody together, `burst` at once. */
export class GlobalLimit {
  readonly #dice: Stream;
  #credit = 0;
  #stamp = Number.NEGATIVE_INFINITY;

  constructor(dice: Stream) {
    this.#dice = dice;
  }

  allow(perSecond: number, burst: number, now: number): boolean {
    const delta = Math.min(now - this.#stamp, 1000);
    // Below a fiftieth of a second the bucket is not refilled.
    if (delta >= 20) {
      const earned = Math.floor((perSecond * delta) / 1000);
      if (earned > 0) {
        this.#credit = Math.min(this.#credit + earned, burst);
        this.#stamp = now;
      }
    }
    return this.#credit > 0;
  }

  /** An error was sent: it costs 0 to 2, so that nobody can count the others' from outside (CVE-2020-25705). */
  consume(): void {
    this.#credit = Math.max(0, this.#credit - this.#dice.below(3));
  }
}
