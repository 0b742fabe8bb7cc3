// The forwarding table: net/ipv4/fib_trie.c. As in Linux without rules of one's own, the tables local, main and
// default are one: the longest prefix decides, then the table (local before main), then the metric. Linux has an
// LC-trie; here there is a hash of networks per prefix length in use, longest first, behind a direct-mapped cache of
// destinations, which is quicker in JavaScript and needs no memory worth speaking of in a pod.
import { type Ipv4, netmask } from '../wire/addr.ts';
import { type Route, RT_SCOPE_UNIVERSE } from './route.ts';

const CACHE = 256;

/** Keys are signed so that V8 keeps them as small integers. */
type Networks = Map<number, Route[]>;

export type FibEvent = { readonly type: 'add' | 'del'; readonly route: Route };

export class Fib {
  readonly #byLen: (Networks | undefined)[] = new Array(33).fill(undefined);
  /** The prefix lengths in use, longest first, and their masks. */
  #lens: number[] = [];
  #masks: number[] = [];
  readonly #cacheKeys = new Int32Array(CACHE);
  readonly #cache: (Route | undefined)[] = new Array(CACHE).fill(undefined);
  #cached = false;
  #listeners = new Set<(event: FibEvent) => void>();
  /** Counts changes, for what is kept elsewhere about a route. */
  generation = 0;
  size = 0;

  /** fib_lookup for a packet with no device chosen: the best route, whatever its type. */
  lookup(dst: Ipv4): Route | undefined {
    const key = dst | 0;
    const slot = (key ^ (key >>> 8) ^ (key >>> 16)) & (CACHE - 1);
    const hit = this.#cache[slot];
    if (hit !== undefined && this.#cacheKeys[slot] === key) return hit;
    const lens = this.#lens;
    const masks = this.#masks;
    for (let i = 0; i < lens.length; i++) {
      const routes = this.#byLen[lens[i]!]!.get(key & masks[i]!);
      if (routes === undefined) continue;
      const route = routes[0]!;
      this.#cacheKeys[slot] = key;
      this.#cache[slot] = route;
      this.#cached = true;
      return route;
    }
    return undefined;
  }

  /** fib_lookup with flowi4_oif (0: any) and flowi4_scope: nearer than `scope`, and out of that device. */
  lookupFor(dst: Ipv4, oif: number, scope = RT_SCOPE_UNIVERSE): Route | undefined {
    const key = dst | 0;
    for (let i = 0; i < this.#lens.length; i++) {
      const routes = this.#byLen[this.#lens[i]!]!.get(key & this.#masks[i]!);
      if (routes === undefined) continue;
      for (const route of routes)
        if (route.scope >= scope && (oif === 0 || route.dev === undefined || route.dev.ifindex === oif))
          return route;
    }
    return undefined;
  }

  /** The routes to exactly this prefix, best first. */
  at(dst: Ipv4, len: number): readonly Route[] {
    return this.#byLen[len]?.get(dst & netmask(len)) ?? [];
  }

  /** Puts a route behind those of its prefix that are as good; `first`: in front of them, as `ip route prepend`. */
  add(route: Route, first = false): void {
    const networks = (this.#byLen[route.len] ??= new Map());
    const key = route.dst | 0;
    const routes = networks.get(key);
    if (routes === undefined) networks.set(key, [route]);
    else {
      const at = routes.findIndex((r: Route) => after(r, route, first));
      routes.splice(at === -1 ? routes.length : at, 0, route);
    }
    this.size++;
    this.#changed();
    this.#tell({ type: 'add', route });
  }

  /** False when it was not there. */
  remove(route: Route): boolean {
    const networks = this.#byLen[route.len];
    const routes = networks?.get(route.dst | 0);
    const at = routes?.indexOf(route) ?? -1;
    if (networks === undefined || routes === undefined || at === -1) return false;
    routes.splice(at, 1);
    if (routes.length === 0) networks.delete(route.dst | 0);
    if (networks.size === 0) this.#byLen[route.len] = undefined;
    this.size--;
    this.#changed();
    this.#tell({ type: 'del', route });
    return true;
  }

  /** Removes all that `unwanted` says. */
  removeIf(unwanted: (route: Route) => boolean): void {
    for (const route of this.list()) if (unwanted(route)) this.remove(route);
  }

  /** All routes as `ip route show table all` orders them: by table (main first), destination, longest prefix first. */
  list(): Route[] {
    const all: Route[] = [];
    for (const networks of this.#byLen)
      if (networks !== undefined) for (const r of networks.values()) all.push(...r);
    return all.sort(
      (x, y) => x.table - y.table || (x.dst >>> 0) - (y.dst >>> 0) || y.len - x.len || x.metric - y.metric,
    );
  }

  listen(fn: (event: FibEvent) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  #changed(): void {
    this.generation++;
    this.#lens = [];
    for (let len = 32; len >= 0; len--) if (this.#byLen[len] !== undefined) this.#lens.push(len);
    this.#masks = this.#lens.map((len) => netmask(len) | 0);
    if (!this.#cached) return;
    this.#cache.fill(undefined);
    this.#cached = false;
  }
  #tell(event: FibEvent): void {
    for (const fn of this.#listeners) fn(event);
  }
}

/** Whether `r` comes after a new `route` of the same prefix: higher table ids come first, then lower metrics. */
const after = (r: Route, route: Route, first: boolean): boolean =>
  r.table < route.table ||
  (r.table === route.table && (r.metric > route.metric || (first && r.metric === route.metric)));
