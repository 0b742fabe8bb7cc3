// Replies kept for their TTL (CoreDNS plugin/cache): a table for answers and one for denials, of bounded size; prefetch, stale
// answers. The first reply already has its TTLs levelled.
import { type Message, replyTo } from '../../dns/message.ts';
import { lower, matchZone } from '../../dns/name.ts';
import { RCODE } from '../../dns/types.ts';
import type { Clock } from '../../host.ts';
import type { Counter, Gauge } from '../../server/metrics.ts';
import {
  Capture,
  type Handler,
  nextOrFailure,
  Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';
import { levelled, mayKeep, minimalTtl, type ReplyKind, replyKind } from './typify.ts';

export interface Half {
  readonly capacity: number;
  /** Seconds. */
  readonly maxTtl: number;
  readonly minTtl: number;
  /** Zones that are not kept. */
  readonly except: readonly string[];
}

export interface CacheOptions {
  readonly zones: readonly string[];
  readonly success: Half;
  readonly denial: Half;
  /** Seconds that a SERVFAIL is kept. */
  readonly servfail: number;
  /** Hits within `window` ms, and at most this share of the TTL left; amount 0: off. */
  readonly prefetch: { readonly amount: number; readonly window: number; readonly percentage: number };
  /** Seconds after its end that an answer may still be given; 0: off. */
  readonly staleUpTo: number;
  /** Ask first, at most this many ms (0: until there is an answer); undefined: give at once and ask then. */
  readonly verify: number | undefined;
  /** Seconds: the TTL of a stale answer. */
  readonly staleTtl: number;
  readonly keepTtl: boolean;
}

export interface CacheMetrics {
  readonly requests: Counter;
  readonly misses: Counter;
  readonly hits: { readonly success: Counter; readonly denial: Counter };
  readonly entries: { readonly success: Gauge; readonly denial: Gauge };
  readonly evictions: { readonly success: Counter; readonly denial: Counter };
  readonly prefetches: Counter;
  readonly stale: Counter;
}

interface Item {
  readonly reply: Message;
  /** Seconds, from `stored` on. */
  readonly ttl: number;
  /** Milliseconds on the clock. */
  stored: number;
  hits: number;
  firstHit: number;
  refreshing: boolean;
}

export class Cache implements Handler {
  readonly name = 'cache';
  readonly #options: CacheOptions;
  readonly #clock: Clock;
  readonly #metrics: CacheMetrics;
  readonly #next: Handler | undefined;
  readonly #success = new Map<string, Item>();
  readonly #denial = new Map<string, Item>();

  constructor(options: CacheOptions, clock: Clock, metrics: CacheMetrics, next: Handler | undefined) {
    this.#options = options;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const { zones, success, denial } = this.#options;
    if (matchZone(zones, r.lower) === undefined) return nextOrFailure(this.name, this.#next, w, r);
    this.#metrics.requests.inc();
    // What is kept in neither table need not be looked for; its TTLs are levelled all the same.
    const kept =
      matchZone(success.except, r.lower) === undefined || matchZone(denial.except, r.lower) === undefined;
    const key = kept ? keyOf(r) : '';
    const item = kept ? this.#find(key) : undefined;
    if (item === undefined) {
      this.#metrics.misses.inc();
      return nextOrFailure(this.name, this.#next, new CacheWriter(this, w, r, key), r);
    }
    const left = this.#left(item);
    if (left > 0) {
      if (this.#wantsPrefetch(item, left)) this.#refresh(r, key, item);
      return this.#give(w, r, item, this.#options.keepTtl ? item.ttl : left);
    }
    return this.#stale(w, r, key, item);
  }

  /** Whole seconds until it ends; zero or less afterwards. */
  #left(item: Item): number {
    return item.ttl - Math.floor((this.#clock.now() - item.stored) / 1000);
  }

  #usable(item: Item | undefined): item is Item {
    if (item === undefined) return false;
    const left = this.#left(item);
    return left > 0 || -left < this.#options.staleUpTo;
  }

  /** A denial before an answer; but a failure does not hide an answer. */
  #find(key: string): Item | undefined {
    const denied = this.#denial.get(key);
    const answered = this.#success.get(key);
    if (this.#usable(denied)) {
      if (denied.reply.rcode !== RCODE.SERVFAIL || !this.#usable(answered)) {
        this.#metrics.hits.denial.inc();
        return denied;
      }
    }
    if (!this.#usable(answered)) return undefined;
    this.#metrics.hits.success.inc();
    return answered;
  }

  #give(w: Writer, r: Request, item: Item, ttl: number): number {
    const { reply: kept } = item;
    const reply = replyTo(r.message, kept.rcode);
    // Some old resolvers throw away what is not authoritative.
    reply.authoritative = true;
    reply.recursionAvailable = kept.recursionAvailable;
    reply.authenticData = kept.authenticData && (r.do || r.message.authenticData);
    reply.answer = levelled(kept.answer, ttl);
    reply.authority = levelled(kept.authority, ttl);
    reply.additional = levelled(kept.additional, ttl);
    w.write(reply);
    return RCODE.NOERROR;
  }

  #stale(w: Writer, r: Request, key: string, item: Item): Result {
    const { verify, staleTtl } = this.#options;
    const giveStale = (): number => {
      this.#metrics.stale.inc();
      return this.#give(w, r, item, staleTtl);
    };
    if (verify === undefined) {
      this.#refresh(r, key, item);
      return giveStale();
    }
    const capture = new Capture();
    const asked = nextOrFailure(this.name, this.#next, new CacheWriter(this, capture, r, key, true), r);
    const decide = (rcode: number): Result => {
      const { reply } = capture;
      if (reply === undefined || reply.rcode === RCODE.SERVFAIL || rcode === RCODE.SERVFAIL)
        return giveStale();
      w.write(reply);
      return rcode;
    };
    if (typeof asked === 'number') return decide(asked);
    if (verify === 0) return asked.then(decide);
    return new Promise<number>((resolve, reject) => {
      let given = false;
      const timer = this.#clock.after(verify, () => {
        given = true;
        resolve(giveStale());
      });
      asked.then((rcode) => {
        timer.cancel();
        if (!given) resolve(decide(rcode));
      }, reject);
    });
  }

  #wantsPrefetch(item: Item, left: number): boolean {
    const { amount, window, percentage } = this.#options.prefetch;
    if (amount === 0) return false;
    const now = this.#clock.now();
    if (item.hits === 0 || now - item.firstHit > window) {
      item.hits = 0;
      item.firstHit = now;
    }
    item.hits++;
    return item.hits >= amount && left <= Math.ceil((percentage / 100) * item.ttl);
  }

  /** Asks again without a client: one at a time for an item. */
  #refresh(r: Request, key: string, item: Item): void {
    if (item.refreshing) return;
    item.refreshing = true;
    this.#metrics.prefetches.inc();
    // TCP: the answer may be of any size.
    const inner = new Request({ ...r.message, authenticData: true }, r.lower, {
      peer: { address: '', port: 0 },
      proto: 'tcp',
      entry: r.entry,
      size: r.size,
    });
    inner.zone = r.zone;
    const ask = async (): Promise<void> => {
      try {
        await nextOrFailure(this.name, this.#next, new CacheWriter(this, undefined, inner, key, true), inner);
      } finally {
        item.refreshing = false;
      }
    };
    void ask().catch(() => {});
  }

  /** Levels a reply's TTLs and keeps it if it may be kept. `fresh`: what is only a failure does not replace what is there. */
  take(reply: Message, r: Request, key: string, fresh: boolean): Message {
    const { success, denial, servfail } = this.#options;
    const kind = replyKind(reply);
    const half = kind === 'nxdomain' || kind === 'nodata' ? denial : success;
    const ttl =
      kind === 'failure'
        ? servfail
        : Math.min(Math.max(minimalTtl(reply, kind, half.maxTtl), half.minTtl), half.maxTtl);
    const out: Message = {
      ...reply,
      answer: levelled(reply.answer, ttl),
      authority: levelled(reply.authority, ttl),
      additional: levelled(reply.additional, ttl),
      authenticData: reply.authenticData && (r.do || r.message.authenticData),
    };
    if (ttl > 0 && key !== '' && !(fresh && kind === 'failure') && mayKeep(reply, kind))
      this.#keep(out, r, key, kind, ttl);
    return out;
  }

  #keep(reply: Message, r: Request, key: string, kind: ReplyKind, ttl: number): void {
    const { question } = reply;
    if (question === undefined || question.type !== r.type || lower(question.name) !== r.lower) return;
    const positive = kind === 'positive' || kind === 'delegation';
    const { capacity, except } = positive ? this.#options.success : this.#options.denial;
    if (matchZone(except, r.lower) !== undefined) return;
    const table = positive ? this.#success : this.#denial;
    const old = table.get(key);
    const now = this.#clock.now();
    table.set(key, {
      reply,
      ttl,
      stored: now,
      hits: old?.hits ?? 0,
      firstHit: old?.firstHit ?? now,
      refreshing: false,
    });
    const which = positive ? 'success' : 'denial';
    if (positive) this.#denial.delete(key);
    if (table.size > capacity) {
      const [oldest] = table.keys();
      if (oldest !== undefined) table.delete(oldest);
      this.#metrics.evictions[which].inc();
    }
    this.#metrics.entries[which].set(table.size);
  }
}

const keyOf = (r: Request): string =>
  `${r.type} ${r.class} ${r.do ? 1 : 0}${r.message.checkingDisabled ? 1 : 0} ${r.lower}`;

class CacheWriter implements Writer {
  readonly #cache: Cache;
  readonly #to: Writer | undefined;
  readonly #r: Request;
  readonly #key: string;
  readonly #fresh: boolean;

  constructor(cache: Cache, to: Writer | undefined, r: Request, key: string, fresh = false) {
    this.#cache = cache;
    this.#to = to;
    this.#r = r;
    this.#key = key;
    this.#fresh = fresh;
  }

  write(reply: Message): void {
    const taken = this.#cache.take(reply, this.#r, this.#key, this.#fresh);
    this.#to?.write(taken);
  }
}
