// A bridge's forwarding database: which MAC address is behind which port. net/bridge/br_fdb.c, without VLANs. Learned
// entries expire after the ageing time; local ones, the addresses of the bridge and its ports, stay. Unlike Linux's
// default the number of learned entries is bounded (its fdb_max_learned).
import type { Clock, Timer } from '../clock/clock.ts';
import { mac as asMac, type Mac } from '../wire/addr.ts';
import { u48 } from '../wire/bytes.ts';
import { MacTable } from './mac-table.ts';

export interface FdbEntry<Port> {
  readonly mac: Mac;
  /** Undefined: the bridge itself. */
  port: Port | undefined;
  /** The bridge's own or a port's own address: frames to it go up. */
  readonly local: boolean;
  /** Does not expire. */
  readonly isStatic: boolean;
  /** Never moves to another port. */
  readonly sticky: boolean;
  /** When a frame from it was last seen, clock milliseconds. */
  updated: number;
}

export type Learned = 'new' | 'moved' | 'known' | 'own' | 'full' | 'off';

/** Linux cleans up no more often than this, in milliseconds. */
const GC_PAUSE = 10;

export class Fdb<Port> {
  /** Milliseconds; 0 turns learning off. */
  ageingTime = 300_000;
  maxLearned = 32_768;
  readonly #clock: Clock;
  readonly #table = new MacTable<FdbEntry<Port>>();
  #learned = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#table.size;
  }
  /** The entry of the address at bytes[at..at+6). Expiry is the cleaner's work, as in Linux: it takes no look here. */
  find(bytes: Uint8Array, at: number): FdbEntry<Port> | undefined {
    return this.#table.getAt(bytes, at);
  }
  get(mac: Mac): FdbEntry<Port> | undefined {
    return this.#table.get(mac);
  }
  *entries(): IterableIterator<FdbEntry<Port>> {
    for (const [, entry] of this.#table.entries()) yield entry;
  }

  /** br_fdb_update: a frame whose source is at bytes[at..at+6) came in by `port`. */
  learn(bytes: Uint8Array, at: number, port: Port): Learned {
    if (this.ageingTime === 0) return 'off';
    const entry = this.#table.getAt(bytes, at);
    if (entry === undefined) return this.#add(asMac(u48(bytes, at)), port);
    if (entry.local) return 'own';
    entry.updated = this.#clock.now();
    if (entry.port === port || entry.sticky) return 'known';
    entry.port = port;
    return 'moved';
  }

  #add(mac: Mac, port: Port): Learned {
    if (this.#learned >= this.maxLearned) return 'full';
    const updated = this.#clock.now();
    this.#table.set(mac, { mac, port, local: false, isStatic: false, sticky: false, updated });
    this.#learned++;
    this.#timer ??= this.#clock.at(updated + this.ageingTime, () => this.#clean());
    return 'new';
  }

  /** `bridge fdb add MAC dev PORT master static|local`: an entry that people or daemons put there. */
  set(mac: Mac, port: Port | undefined, kind: { local?: boolean; sticky?: boolean } = {}): void {
    this.delete(mac);
    this.#table.set(mac, {
      mac,
      port,
      local: kind.local ?? false,
      isStatic: true,
      sticky: kind.sticky ?? false,
      updated: this.#clock.now(),
    });
  }

  delete(mac: Mac): boolean {
    const entry = this.#table.get(mac);
    if (entry === undefined) return false;
    if (!entry.isStatic) this.#learned--;
    return this.#table.delete(mac);
  }

  /** br_fdb_delete_by_port: what was learned there, or (`all`) whatever names the port. */
  flushPort(port: Port, all: boolean): void {
    for (const entry of [...this.entries()])
      if (entry.port === port && (all || !entry.isStatic)) this.delete(entry.mac);
  }

  /** Drops every timer; the table stays readable. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** br_fdb_cleanup: takes out what has expired and comes again when the next entry will. */
  #clean(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of [...this.entries()]) {
      if (entry.isStatic) continue;
      const expires = entry.updated + this.ageingTime;
      if (expires <= now) this.delete(entry.mac);
      else next = Math.min(next, expires);
    }
    if (next !== Number.POSITIVE_INFINITY)
      this.#timer = this.#clock.at(Math.max(next, now + GC_PAUSE), () => this.#clean());
  }
}
