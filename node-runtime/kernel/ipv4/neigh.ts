// The neighbour cache: net/core/neighbour.c. One entry per address and device, with RFC 4861's states as Linux uses
// them for IPv4. How an entry is asked for (ARP) and what happens to packets that wait in vain is in `NeighOps`.
//
//        packet                reply               reachable_time            packet               delay_probe_time
//   NONE ──────> INCOMPLETE ──────────> REACHABLE ────────────────> STALE ──────────> DELAY ─────────────────────> PROBE
//                    │ 3 broadcasts         ^                                            │ confirmed       unicasts │ 3
//                    v                      └────────────────────────────────────────────┴──────────────────────────┤
//                  FAILED <─────────────────────────────────────────────────────────────────────────────────────────┘
//
// Linux has one table per machine for all namespaces; here each namespace has its own.
import type { Timer } from '../clock/clock.ts';
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import type { Skb } from '../skb/skb.ts';
import { type Ipv4, MAC_ZERO, type Mac } from '../wire/addr.ts';

export const NUD_INCOMPLETE = 0x01;
export const NUD_REACHABLE = 0x02;
export const NUD_STALE = 0x04;
export const NUD_DELAY = 0x08;
export const NUD_PROBE = 0x10;
export const NUD_FAILED = 0x20;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;
export const NUD_NONE = 0;

/** The address is believed without asking. */
export const NUD_CONNECTED = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE;
/** The address is known, if not for certain. */
export const NUD_VALID = NUD_CONNECTED | NUD_PROBE | NUD_STALE | NUD_DELAY;
const NUD_IN_TIMER = NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;

/** Flags of `update`. */
export const OVERRIDE = 1;
export const ADMIN = 2;

/** The random reachable time is drawn anew this often. */
const REROLL = 300_000;
/** gc_thresh2 may be exceeded for this long before entries are forced out; and an entry younger than it is spared. */
const GC_GRACE = 5000;

export interface NeighOps {
  /** Asks for the entry's address; `skb` is the last packet that waits for it, if any. */
  solicit(neigh: Neigh, skb: Skb | undefined): void;
  /** Takes a packet that waited in vain. */
  errorReport(neigh: Neigh, skb: Skb): void;
  /** Fills in the state of an entry that needs no asking; false: it does. */
  construct(neigh: Neigh): boolean;
  /** Sends a packet (data at the IP header) to an entry whose address is known. */
  output(neigh: Neigh, skb: Skb): void;
}

export class Neigh {
  readonly table: NeighTable;
  readonly dev: NetDevice;
  readonly addr: Ipv4;
  mac: Mac = MAC_ZERO;
  /** The Ethernet header of IPv4 packets to it, made at first use: hh_cache. Undefined once an address has changed. */
  hh: Uint8Array | undefined = undefined;
  state = NUD_NONE;
  /** Removed from the table: whoever holds it looks it up again. */
  dead = false;
  probes = 0;
  /** Times of the last packet, the last proof of life, the last change. */
  used: number;
  confirmed: number;
  updated: number;
  timer: Timer | undefined = undefined;
  readonly queue: Skb[] = [];
  queueBytes = 0;
  /** Set by hand or by a daemon for good (PERMANENT): neither counted nor collected. */
  exempt = false;

  constructor(table: NeighTable, dev: NetDevice, addr: Ipv4, now: number) {
    this.table = table;
    this.dev = dev;
    this.addr = addr;
    this.used = now;
    this.updated = now;
    this.confirmed = now - table.reachableTime(dev) * 2;
  }
}

/** What a packet costs in a queue that is bounded in bytes: skb->truesize, which counts the kernel's own overhead too. */
const trueSize = (skb: Skb): number => {
  const need = skb.len + 448;
  return 256 + (need <= 704 ? 704 : need <= 1024 ? 1024 : 1 << (32 - Math.clz32(need - 1)));
};

export class NeighTable {
  readonly ns: Netns;
  ops!: NeighOps;
  readonly #byDev = new Map<NetDevice, Map<number, Neigh>>();
  readonly #listeners = new Set<(neigh: Neigh) => void>();
  /** Entries, and those among them that collection may take. */
  entries = 0;
  gcEntries = 0;
  /** neigh_statistics: unres_discards and table_fulls. */
  unresDiscards = 0;
  tableFulls = 0;
  #lastFlush = 0;
  #lastSweep = 0;

  constructor(ns: Netns) {
    this.ns = ns;
  }

  /** The entries of a device by signed address. The ipv4 room keeps it at hand for the packet path. */
  of(dev: NetDevice): Map<number, Neigh> {
    let map = this.#byDev.get(dev);
    if (map === undefined) {
      map = new Map();
      this.#byDev.set(dev, map);
    }
    return map;
  }

  lookup(dev: NetDevice, addr: Ipv4): Neigh | undefined {
    return this.#byDev.get(dev)?.get(addr | 0);
  }

  /** The entry, made if need be; undefined when the table is full. */
  create(dev: NetDevice, addr: Ipv4, exempt = false): Neigh | undefined {
    const map = this.of(dev);
    const found = map.get(addr | 0);
    if (found !== undefined) return found;
    if (!exempt && !this.#makeRoom()) return undefined;
    const neigh = new Neigh(this, dev, addr, this.#now());
    map.set(addr | 0, neigh);
    this.entries++;
    if (!exempt) this.gcEntries++;
    else neigh.exempt = true;
    this.ops.construct(neigh);
    return neigh;
  }

  /** neigh_event_send: false when the packet may go now, true when it was queued or refused. */
  eventSend(neigh: Neigh, skb: Skb | undefined): boolean {
    const now = this.#now();
    neigh.used = now;
    if ((neigh.state & (NUD_CONNECTED | NUD_DELAY | NUD_PROBE)) !== 0) return false;
    if ((neigh.state & NUD_STALE) !== 0) {
      this.#setTimer(neigh, this.ns.sysctl.neigh.delay_first_probe_time * 1000);
      this.#become(neigh, NUD_DELAY);
      return false;
    }
    const start = (neigh.state & NUD_INCOMPLETE) === 0;
    if (start) {
      const conf = this.ns.sysctl.neigh;
      if (conf.mcast_solicit + conf.app_solicit === 0) {
        this.#become(neigh, NUD_FAILED);
        if (skb !== undefined) this.ns.kernel.drop(skb, 'NEIGH_FAILED', neigh.dev);
        return true;
      }
      neigh.probes = conf.ucast_solicit;
      this.#setTimer(neigh, this.#retrans());
      this.#become(neigh, NUD_INCOMPLETE);
    }
    if (skb !== undefined) this.#enqueue(neigh, skb);
    if (start) this.#probe(neigh);
    return true;
  }

  /** neigh_update: somebody said what the address is, or an administrator did. False when it was not believed. */
  update(neigh: Neigh, mac: Mac | undefined, state: number, flags: number): boolean {
    const old = neigh.state;
    if (neigh.dead) return false;
    if ((flags & ADMIN) === 0 && (old & (NUD_NOARP | NUD_PERMANENT)) !== 0) return false;
    if ((state & NUD_VALID) === 0) {
      this.#stopTimer(neigh);
      this.#become(neigh, state);
      if ((old & (NUD_INCOMPLETE | NUD_PROBE)) !== 0 && (state & NUD_FAILED) !== 0) this.#invalidate(neigh);
      return true;
    }
    if (mac === undefined && (old & NUD_VALID) === 0 && neigh.dev.ethernet) return false;
    const to = mac ?? neigh.mac;
    const same = (old & NUD_VALID) !== 0 && to === neigh.mac;
    if ((state & NUD_CONNECTED) !== 0) neigh.confirmed = this.#now();
    if ((old & NUD_VALID) !== 0) {
      if (!same && (flags & OVERRIDE) === 0) return false;
      // A valid entry is not doubted because somebody merely mentioned the address.
      if (same && state === NUD_STALE && (flags & ADMIN) === 0) state = old;
    }
    this.#settle(neigh, to, state, same);
    return true;
  }

  /** neigh_update_gc_list: an entry was made permanent, or is so no longer. */
  setExempt(neigh: Neigh, exempt: boolean): void {
    if (neigh.exempt === exempt) return;
    neigh.exempt = exempt;
    this.gcEntries += exempt ? -1 : 1;
  }

  /** neigh_confirm: a higher layer has proof that packets arrive. */
  confirm(neigh: Neigh): void {
    neigh.confirmed = this.#now();
  }

  /** Removes an entry; what waits is dropped. */
  remove(neigh: Neigh): void {
    if (neigh.dead) return;
    this.#stopTimer(neigh);
    neigh.dead = true;
    this.#byDev.get(neigh.dev)?.delete(neigh.addr | 0);
    this.entries--;
    if (!neigh.exempt) this.gcEntries--;
    for (const skb of neigh.queue.splice(0)) this.ns.kernel.drop(skb, 'NEIGH_DEAD', neigh.dev);
    neigh.queueBytes = 0;
    this.#tell(neigh);
  }

  /** neigh_ifdown, neigh_changeaddr, neigh_carrier_down: forgets a device's entries. */
  flush(dev: NetDevice, keepPermanent: boolean): void {
    for (const neigh of [...(this.#byDev.get(dev)?.values() ?? [])])
      if (!(keepPermanent && (neigh.state & NUD_PERMANENT) !== 0)) this.remove(neigh);
  }
  /** The device has left the namespace. */
  forget(dev: NetDevice): void {
    this.flush(dev, false);
    this.#byDev.delete(dev);
  }

  /** All entries, in the order of their devices and of their making. */
  *list(): IterableIterator<Neigh> {
    for (const map of this.#byDev.values()) yield* map.values();
  }

  /** Changes of state or address, and removals (`dead`). */
  listen(fn: (neigh: Neigh) => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** parms->reachable_time: uniform between half and one and a half of the base, drawn anew every five minutes. */
  reachableTime(dev: NetDevice): number {
    const base = this.ns.sysctl.neigh.base_reachable_time_ms;
    const key = `${this.ns.inum}/${dev.name}/${Math.floor(this.#now() / REROLL)}`;
    return base === 0 ? 0 : (base >> 1) + (this.ns.kernel.dice.u32('neigh', key) % base);
  }

  #settle(neigh: Neigh, mac: Mac, state: number, same: boolean): void {
    const old = neigh.state;
    const now = this.#now();
    if (state !== old || !same) neigh.updated = now;
    if (state !== old) {
      this.#stopTimer(neigh);
      if ((state & NUD_PROBE) !== 0) neigh.probes = 0;
      if ((state & NUD_IN_TIMER) !== 0)
        this.#setTimer(neigh, (state & NUD_REACHABLE) !== 0 ? this.reachableTime(neigh.dev) : 0);
    }
    if (!same) {
      neigh.mac = mac;
      neigh.hh = undefined;
      if ((state & NUD_CONNECTED) === 0)
        neigh.confirmed = now - this.ns.sysctl.neigh.base_reachable_time_ms * 2;
    }
    this.#become(neigh, state);
    if ((old & NUD_VALID) !== 0) return;
    const waiting = neigh.queue.splice(0);
    neigh.queueBytes = 0;
    for (const skb of waiting)
      if (this.eventSend(neigh, undefined)) this.ns.kernel.drop(skb, 'NEIGH_FAILED', neigh.dev);
      else this.ops.output(neigh, skb);
  }

  /** neigh_timer_handler. */
  #expire(neigh: Neigh): void {
    neigh.timer = undefined;
    const conf = this.ns.sysctl.neigh;
    const now = this.#now();
    const delay = conf.delay_first_probe_time * 1000;
    let next = now + this.#retrans();
    if ((neigh.state & NUD_REACHABLE) !== 0) {
      const until = neigh.confirmed + this.reachableTime(neigh.dev);
      if (now < until) next = until;
      else if (now <= neigh.used + delay) {
        this.#become(neigh, NUD_DELAY);
        next = now + delay;
      } else {
        this.#become(neigh, NUD_STALE);
        return;
      }
    } else if ((neigh.state & NUD_DELAY) !== 0) {
      if (now <= neigh.confirmed + delay) {
        this.#become(neigh, NUD_REACHABLE);
        next = neigh.confirmed + this.reachableTime(neigh.dev);
      } else {
        neigh.probes = 0;
        this.#become(neigh, NUD_PROBE);
      }
    }
    if ((neigh.state & (NUD_INCOMPLETE | NUD_PROBE)) !== 0 && neigh.probes >= this.#maxProbes(neigh)) {
      this.#become(neigh, NUD_FAILED);
      this.#invalidate(neigh);
      return;
    }
    this.#setTimer(neigh, Math.max(next - now, 10));
    if ((neigh.state & (NUD_INCOMPLETE | NUD_PROBE)) !== 0) this.#probe(neigh);
  }

  #maxProbes(neigh: Neigh): number {
    const conf = this.ns.sysctl.neigh;
    const multicast = (neigh.state & NUD_PROBE) !== 0 ? 0 : conf.mcast_solicit;
    return conf.ucast_solicit + conf.app_solicit + multicast;
  }

  #probe(neigh: Neigh): void {
    const last = neigh.queue[neigh.queue.length - 1];
    neigh.probes++;
    this.ops.solicit(neigh, last);
  }

  #enqueue(neigh: Neigh, skb: Skb): void {
    const size = trueSize(skb);
    while (neigh.queue.length > 0 && neigh.queueBytes + size > this.ns.sysctl.neigh.unres_qlen_bytes) {
      const oldest = neigh.queue.shift()!;
      neigh.queueBytes -= trueSize(oldest);
      this.unresDiscards++;
      this.ns.kernel.drop(oldest, 'NEIGH_QUEUEFULL', neigh.dev);
    }
    neigh.queue.push(skb);
    neigh.queueBytes += size;
  }

  /** neigh_invalidate: those who wait are told. */
  #invalidate(neigh: Neigh): void {
    const waiting = neigh.queue.splice(0);
    neigh.queueBytes = 0;
    for (const skb of waiting) this.ops.errorReport(neigh, skb);
  }

  #become(neigh: Neigh, state: number): void {
    if (neigh.state !== state) neigh.updated = this.#now();
    neigh.state = state;
    this.#tell(neigh);
  }
  #tell(neigh: Neigh): void {
    for (const fn of this.#listeners) fn(neigh);
  }

  /** neigh_alloc: whether there is room for one more after collection. */
  #makeRoom(): boolean {
    const { gc_thresh1, gc_thresh2, gc_thresh3 } = this.ns.sysctl.neigh;
    const now = this.#now();
    if (this.entries >= gc_thresh1) this.#sweep(now);
    const full = this.gcEntries >= gc_thresh3;
    if (!full && (this.gcEntries < gc_thresh2 || now <= this.#lastFlush + GC_GRACE)) return true;
    this.#forcedGc(now);
    if (this.gcEntries < gc_thresh3) return true;
    this.tableFulls++;
    this.ns.kernel.log.warn(
      { netns: this.ns.name, entries: this.gcEntries },
      'neighbour: arp_cache: neighbor table overflow!',
    );
    return false;
  }

  /** neigh_periodic_work, done when the table is asked to grow rather than by a timer that would never rest. */
  #sweep(now: number): void {
    const conf = this.ns.sysctl.neigh;
    if (now < this.#lastSweep + conf.base_reachable_time_ms / 2) return;
    this.#lastSweep = now;
    for (const neigh of [...this.list()]) {
      if ((neigh.state & (NUD_PERMANENT | NUD_IN_TIMER)) !== 0 || neigh.exempt) continue;
      const used = Math.max(neigh.used, neigh.confirmed);
      if ((neigh.state & NUD_FAILED) !== 0 || now >= used + conf.gc_stale_time * 1000) this.remove(neigh);
    }
  }

  /** neigh_forced_gc: down to gc_thresh2, sparing what changed in the last five seconds. */
  #forcedGc(now: number): void {
    let surplus = this.gcEntries - this.ns.sysctl.neigh.gc_thresh2;
    this.#lastFlush = now;
    for (const neigh of [...this.list()]) {
      if (surplus <= 0) return;
      if (neigh.exempt || (neigh.state & NUD_PERMANENT) !== 0) continue;
      const old = neigh.updated <= now - GC_GRACE;
      if (!old && (neigh.state & (NUD_FAILED | NUD_NOARP)) === 0) continue;
      this.remove(neigh);
      surplus--;
    }
  }

  #retrans(): number {
    return Math.max(this.ns.sysctl.neigh.retrans_time_ms, 10);
  }
  #setTimer(neigh: Neigh, ms: number): void {
    neigh.timer?.cancel();
    neigh.timer = this.ns.kernel.clock.after(ms, () => this.#expire(neigh));
  }
  #stopTimer(neigh: Neigh): void {
    neigh.timer?.cancel();
    neigh.timer = undefined;
  }
  #now(): number {
    return this.ns.kernel.clock.now();
  }
}
