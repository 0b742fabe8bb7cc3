// Connection tracking of one namespace: net/netfilter/nf_conntrack_core.c. A packet is looked up by its tuple, the
// protocol's tracker moves the connection on, and the last hook confirms what is new. Ours differs in that an entry is
// not an object (entry.ts), references are not counted (table.ts), and the hash grows by itself.
import type { HookState, Verdict } from '../../netns/hooks.ts';
import { NF_ACCEPT, NF_INET_PRE_ROUTING, NF_STOLEN } from '../../netns/hooks.ts';
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import type { Skb } from '../../skb/skb.ts';
import * as ip from '../../wire/ipv4.ts';
import { resolveClash } from './clash.ts';
import { genericPacket, icmpPacket, udpPacket } from './datagram.ts';
import {
  DST,
  dirOf,
  INFO_BITS,
  IP_CT_ESTABLISHED,
  IP_CT_ESTABLISHED_REPLY,
  IP_CT_NEW,
  IPS_ALLOCATED,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_FIXED_TIMEOUT,
  IPS_REPLY_ONLY,
  IPS_SEEN_REPLY,
  IPS_SRC_NAT_DONE,
  infoOf,
  PORTS,
  PROTO,
  REPLY_TUPLE,
  SRC,
  STATUS,
  slotOf,
  TIMEOUT,
} from './entry.ts';
import { icmpError, isIcmpError } from './icmp-error.ts';
import { RateLimit } from './rate-limit.ts';
import { type ConnRecord, connRecord } from './record.ts';
import { CT_ACCEPT, CT_INVALID, CT_REPEAT, type CtResult } from './result.ts';
import { CtTable, hashTuple } from './table.ts';
import { tcpPacket } from './tcp.ts';
import { traceConn } from './trace.ts';
import { invertible, invertPorts, readTuple, Tuple } from './tuple.ts';

export type CtEvent = 'new' | 'update' | 'destroy';
export type CtListener = (event: CtEvent, conn: ConnRecord) => void;

/** NF_CT_EVICTION_RANGE: how many buckets early drop looks through. */
const EVICTION_RANGE = 8;
const INT_MAX = 0x7fff_ffff;

/** /proc/net/stat/nf_conntrack, summed over processors. */
export class CtStats {
  found = 0;
  invalid = 0;
  insert = 0;
  insertFailed = 0;
  drop = 0;
  earlyDrop = 0;
  clashResolve = 0;
}

export class Conntrack {
  readonly ns: Netns;
  readonly table: CtTable;
  readonly stats = new CtStats();
  readonly listeners = new Set<CtListener>();
  /** The tuple of the packet in hand, and the time it is handled at (milliseconds, wrapping at 32 bits). */
  readonly tuple = new Tuple();
  now = 0;
  /** Why the last packet was found invalid: for the trace. */
  why = '';
  #warn: RateLimit;
  #changed = false;
  #gcTimer = false;
  #gcAt = 1;
  #gcWait = 1000;

  constructor(ns: Netns) {
    this.ns = ns;
    this.table = new CtTable(ns.kernel.dice.u32('conntrack', ns.name) | 0);
    this.table.onReap = (slot) => this.#forgetSource(slot);
    this.#warn = new RateLimit(ns.kernel.clock);
  }

  /** Reads the clock for what follows. */
  tick(): number {
    this.now = Math.floor(this.ns.kernel.clock.now()) | 0;
    return this.now;
  }

  /** nf_conntrack_in: at PREROUTING and OUTPUT, priority −200. */
  in(skb: Skb, state: HookState): Verdict {
    // Seen before (loopback, a bridge's second hook) or exempted by NOTRACK.
    if (skb.ct === this) return NF_ACCEPT;
    skb.ct = undefined;
    const t = this.tuple;
    const b = skb.bytes;
    this.tick();
    this.why = 'too short for its transport header';
    if (!readTuple(t, b, skb.network, skb.tail)) return this.#invalid(skb, state);
    const verifySums =
      state.hook === NF_INET_PRE_ROUTING && this.ns.sysctl.netfilter.nf_conntrack_checksum !== 0;
    if (t.proto === ip.PROTO_ICMP && isIcmpError(b[t.l4]!)) {
      if (!icmpError(this, skb, verifySums)) return this.#invalid(skb, state);
      if (skb.trace !== 0) traceConn(this, skb, state);
      return NF_ACCEPT;
    }
    for (;;) {
      const slot = this.#resolve(skb);
      if (slot < 0) return this.#full(skb, state);
      if (slot === 0) return this.#invalid(skb, state);
      const info = infoOf(skb.ctinfo);
      const result = this.#packet(skb, slot, info, verifySums);
      if (result === CT_ACCEPT) {
        if (info === IP_CT_ESTABLISHED_REPLY) this.#seenReply(slot);
        if (this.#changed) {
          this.#changed = false;
          this.event(slot, 'update');
        }
        if (this.ns.sysctl.netfilter.nf_conntrack_acct !== 0) this.#account(skb, slot, dirOf(info));
        if (skb.trace !== 0) traceConn(this, skb, state);
        return NF_ACCEPT;
      }
      skb.ct = undefined;
      this.#changed = false;
      this.#discard(slot);
      if (result === CT_REPEAT) continue;
      if (result === CT_INVALID) return this.#invalid(skb, state);
      this.stats.drop++;
      this.ns.kernel.drop(skb, 'NETFILTER_DROP', state.netns, 'conntrack');
      return NF_STOLEN;
    }
  }

  /** resolve_normal_ct: the slot of the packet's connection, made when there is none; 0 invalid, −1 table full. */
  #resolve(skb: Skb): number {
    const t = this.tuple;
    const table = this.table;
    let link = table.tuples.find(t.src, t.dst, t.ports, t.proto);
    if (link !== 0 && table.left(link >>> 1, this.now) <= 0) {
      this.kill(link >>> 1);
      link = table.tuples.find(t.src, t.dst, t.ports, t.proto);
    }
    let info = IP_CT_NEW;
    let slot = link >>> 1;
    if (link === 0) {
      slot = this.#create();
      if (slot <= 0) return slot;
    } else if ((link & 1) !== 0) info = IP_CT_ESTABLISHED_REPLY;
    else if ((table.slots.chunk(slot)[table.slots.base(slot) + STATUS]! & IPS_SEEN_REPLY) !== 0)
      info = IP_CT_ESTABLISHED;
    skb.ct = this;
    skb.ctinfo = (slot << INFO_BITS) | info;
    return slot;
  }

  /** init_conntrack: an unconfirmed entry for the tuple in hand. */
  #create(): number {
    const t = this.tuple;
    this.why = 'this ICMP type begins nothing';
    if (!invertible(t.proto, t.ports)) return 0;
    const max = this.ns.sysctl.netfilter.nf_conntrack_max;
    if (max !== 0 && this.table.count >= max && !this.#earlyDrop()) return -1;
    const slot = this.table.alloc(this.now);
    const e = this.table.slots.chunk(slot);
    const at = this.table.slots.base(slot);
    e[at + SRC] = t.src;
    e[at + DST] = t.dst;
    e[at + PORTS] = t.ports;
    e[at + REPLY_TUPLE + SRC] = t.dst;
    e[at + REPLY_TUPLE + DST] = t.src;
    e[at + REPLY_TUPLE + PORTS] = invertPorts(t.proto, t.ports);
    e[at + PROTO] = t.proto;
    this.#armGc();
    return slot;
  }

  #packet(skb: Skb, slot: number, info: number, verifySums: boolean): CtResult {
    switch (this.tuple.proto) {
      case ip.PROTO_TCP:
        return tcpPacket(this, skb, slot, info, verifySums);
      case ip.PROTO_UDP:
        return udpPacket(this, skb, slot, verifySums);
      case ip.PROTO_ICMP:
        return icmpPacket(this, slot);
      default:
        return genericPacket(this, slot);
    }
  }

  /** nf_conntrack_confirm: at POSTROUTING and INPUT, last of all. What is new enters the table here. */
  confirm(skb: Skb, state: HookState): Verdict {
    if (skb.ct !== this) return NF_ACCEPT;
    const info = infoOf(skb.ctinfo);
    if (info !== IP_CT_NEW && info !== IP_CT_ESTABLISHED) return NF_ACCEPT;
    const slot = slotOf(skb.ctinfo);
    const e = this.table.slots.chunk(slot);
    const at = this.table.slots.base(slot);
    const status = e[at + STATUS]!;
    if ((status & IPS_CONFIRMED) !== 0) return NF_ACCEPT;
    this.tick();
    if ((status & IPS_ALLOCATED) === 0 || (status & IPS_DYING) !== 0) return this.#insertFailed(skb, state);
    if (this.#taken(slot, 0) !== 0 || this.#taken(slot, 1) !== 0) {
      if (!resolveClash(this, skb, slot)) return this.#insertFailed(skb, state);
      this.stats.clashResolve++;
      return NF_ACCEPT;
    }
    e[at + TIMEOUT] = (e[at + TIMEOUT]! + this.now) | 0;
    this.table.insert(slot, false);
    this.stats.insert++;
    this.event(slot, 'new');
    return NF_ACCEPT;
  }

  /** The living entry that has the tuple of `slot` in direction `dir` already, as a link, or 0. */
  #taken(slot: number, dir: 0 | 1): number {
    const e = this.table.slots.chunk(slot);
    const at = this.table.slots.base(slot);
    const t = at + dir * REPLY_TUPLE;
    return this.find(e[t + SRC]!, e[t + DST]!, e[t + PORTS]!, e[at + PROTO]! & 255);
  }

  /** The link of a tuple, or 0; an expired entry met on the way is removed. */
  find(src: number, dst: number, ports: number, proto: number): number {
    const table = this.table;
    const link = table.tuples.find(src, dst, ports, proto);
    if (link === 0 || table.left(link >>> 1, this.now) > 0) return link;
    this.kill(link >>> 1);
    return table.tuples.find(src, dst, ports, proto);
  }

  #insertFailed(skb: Skb, state: HookState): Verdict {
    this.stats.insertFailed++;
    this.forget(skb);
    this.ns.kernel.drop(skb, 'CONNTRACK_INSERT_FAILED', state.netns);
    return NF_STOLEN;
  }

  /** The packet is about to be dropped: an entry that only it knows goes with it. */
  forget(skb: Skb): void {
    if (skb.ct !== this || infoOf(skb.ctinfo) === 7) return;
    const slot = slotOf(skb.ctinfo);
    skb.ct = undefined;
    this.#discard(slot);
  }

  #discard(slot: number): void {
    const status = this.table.slots.chunk(slot)[this.table.slots.base(slot) + STATUS]!;
    if ((status & (IPS_CONFIRMED | IPS_ALLOCATED)) !== IPS_ALLOCATED) return;
    this.#forgetSource(slot);
    this.table.remove(slot, this.tick());
  }

  /** nf_ct_kill: deletes an entry; false when it is gone already. */
  kill(slot: number): boolean {
    const e = this.table.slots.chunk(slot);
    const at = this.table.slots.base(slot);
    const status = e[at + STATUS]!;
    if ((status & IPS_ALLOCATED) === 0 || (status & IPS_DYING) !== 0) return false;
    if ((status & IPS_CONFIRMED) !== 0) this.event(slot, 'destroy');
    this.#forgetSource(slot);
    this.table.remove(slot, this.now);
    e[at + STATUS]! |= IPS_DYING;
    return true;
  }

  #forgetSource(slot: number): void {
    const status = this.table.slots.chunk(slot)[this.table.slots.base(slot) + STATUS]!;
    if ((status & IPS_SRC_NAT_DONE) !== 0) this.table.sources.remove(slot);
  }

  /** nf_ct_refresh: `ms` from now, or from confirmation. */
  refresh(e: Int32Array, at: number, ms: number): void {
    const status = e[at + STATUS]!;
    if ((status & IPS_FIXED_TIMEOUT) !== 0) return;
    if (ms > INT_MAX) ms = INT_MAX;
    e[at + TIMEOUT] = (status & IPS_CONFIRMED) !== 0 ? (ms + this.now) | 0 : ms;
  }

  #seenReply(slot: number): void {
    const e = this.table.slots.chunk(slot);
    const at = this.table.slots.base(slot) + STATUS;
    if ((e[at]! & IPS_SEEN_REPLY) !== 0) return;
    // A clash's loser has had its answer: nothing will come for it again.
    if ((e[at]! & IPS_REPLY_ONLY) !== 0) this.kill(slot);
    e[at]! |= IPS_SEEN_REPLY;
    this.#changed = true;
  }

  #account(skb: Skb, slot: number, dir: 0 | 1): void {
    const { words, at } = this.table.slots.counters(slot);
    words[at + dir * 2]! += 1;
    words[at + dir * 2 + 1]! += skb.tail - skb.network;
  }

  #invalid(skb: Skb, state: HookState): Verdict {
    this.stats.invalid++;
    if (skb.trace !== 0)
      this.ns.kernel.traceEvent(skb, state.netns, 'conntrack', `INVALID: ${this.why}`, {
        state: 'INVALID',
        why: this.why,
      });
    return NF_ACCEPT;
  }

  #full(skb: Skb, state: HookState): Verdict {
    this.stats.drop++;
    if (this.#warn.allow())
      this.ns.kernel.log.warn(
        { netns: this.ns.name },
        'nf_conntrack: nf_conntrack: table full, dropping packet',
      );
    this.ns.kernel.drop(skb, 'CONNTRACK_FULL', state.netns);
    return NF_STOLEN;
  }

  /** early_drop: makes room by the first entry near the newcomer's bucket that nobody assured. */
  #earlyDrop(): boolean {
    const t = this.tuple;
    const { tuples, slots } = this.table;
    const first = tuples.bucket(hashTuple(tuples.seed, t.src, t.dst, t.ports, t.proto));
    for (let i = 0; i < EVICTION_RANGE; i++) {
      const bucket = (first + i) % tuples.buckets;
      for (let link = tuples.heads[bucket]!; link !== 0; link = this.table.nextLink(link)) {
        const slot = link >>> 1;
        const status = slots.chunk(slot)[slots.base(slot) + STATUS]!;
        if ((status & IPS_ASSURED) !== 0 && this.table.left(slot, this.now) > 0) continue;
        this.kill(slot);
        this.stats.earlyDrop++;
        return true;
      }
    }
    return false;
  }

  /** The packet in hand changes its connection: one event, however much it changes (nf_conntrack_event_cache). */
  changed(): void {
    this.#changed = true;
  }

  /** Tells listeners; costs nothing when there are none. */
  event(slot: number, event: CtEvent): void {
    if (this.listeners.size === 0) return;
    const status = this.table.slots.chunk(slot)[this.table.slots.base(slot) + STATUS]!;
    if ((status & IPS_CONFIRMED) === 0) return;
    const record = this.record(slot);
    for (const listener of this.listeners) listener(event, record);
  }

  record(slot: number): ConnRecord {
    return connRecord(this.table, slot, this.now, this.ns.sysctl.netfilter.nf_conntrack_acct !== 0);
  }

  /** Every living entry, oldest slot first, as `conntrack -L` lists them. */
  list(): ConnRecord[] {
    this.tick();
    const found: ConnRecord[] = [];
    this.#each((slot) => found.push(this.record(slot)));
    return found;
  }

  /** `conntrack -D`: deletes what `which` picks; returns what was deleted. */
  delete(which: (conn: ConnRecord) => boolean): ConnRecord[] {
    const gone = this.list().filter(which);
    for (const conn of gone) this.kill(conn.slot);
    return gone;
  }

  /** nf_ct_iterate_cleanup for callers that read the entry itself and make no records. */
  killWhere(which: (e: Int32Array, at: number) => boolean): number {
    this.tick();
    let killed = 0;
    this.#each((slot) => {
      if (which(this.table.slots.chunk(slot), this.table.slots.base(slot)) && this.kill(slot)) killed++;
    });
    return killed;
  }

  #each(fn: (slot: number) => void): void {
    const { slots } = this.table;
    const end = slots.end;
    for (let slot = 1; slot < end; slot++) {
      const status = slots.chunk(slot)[slots.base(slot) + STATUS]!;
      if ((status & IPS_ALLOCATED) === 0 || (status & (IPS_CONFIRMED | IPS_REPLY_ONLY)) !== IPS_CONFIRMED)
        continue;
      if (this.table.left(slot, this.now) > 0) fn(slot);
    }
  }

  /** gc_worker: expired entries are found by lookups; this finds those that nobody asks for. */
  #armGc(): void {
    if (this.#gcTimer) return;
    this.#gcTimer = true;
    this.ns.kernel.clock.after(this.#gcWait, () => this.#gc());
  }

  #gc(): void {
    this.#gcTimer = false;
    this.tick();
    const { slots } = this.table;
    const end = slots.end;
    const stop = Math.min(end, this.#gcAt + 65_536);
    let expired = 0;
    for (let slot = this.#gcAt; slot < stop; slot++) {
      const status = slots.chunk(slot)[slots.base(slot) + STATUS]!;
      if ((status & (IPS_ALLOCATED | IPS_CONFIRMED)) !== (IPS_ALLOCATED | IPS_CONFIRMED)) continue;
      if (this.table.left(slot, this.now) <= 0 && this.kill(slot)) expired++;
    }
    this.table.reap(this.now);
    this.#gcAt = stop === end ? 1 : stop;
    this.#gcWait = expired > 0 || stop !== end ? 1000 : Math.min(this.#gcWait * 2, 30_000);
    if (this.table.count > 0) this.#armGc();
    else this.#gcWait = 1000;
  }
}

export const conntrack = perNet('conntrack', (ns) => new Conntrack(ns));
