// The recent match: lists of addresses with the times they were seen: net/netfilter/xt_recent.c. A list belongs to the
// namespace and lives as long as some rule names it; /proc/net/xt_recent/NAME shows it.
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import { formatIpv4, ip4 } from '../../wire/addr.ts';
import * as ip from '../../wire/ipv4.ts';
import { parseHostAddr } from '../tables/address.ts';
import { type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import { parseUint } from './values.ts';

type Mode = 'set' | 'rcheck' | 'update' | 'remove';
export interface RecentMatch {
  readonly name: 'recent';
  readonly mode: Mode;
  readonly list: string;
  readonly seconds: number | undefined;
  readonly reap: boolean;
  readonly hitcount: number | undefined;
  readonly rttl: boolean;
  readonly side: 'source' | 'dest';
  readonly mask: number;
  readonly invert: boolean;
}

/** ip_list_tot: addresses a list remembers; the one not seen for longest makes room. */
const LIST_TOT = 100;
const STAMPS_MIN = 20;

interface Entry {
  ttl: number;
  /** Times seen, oldest first; a ring in the kernel. */
  stamps: number[];
}

export class RecentList {
  /** How many rules name it. */
  references = 0;
  readonly name: string;
  /** By address, the one seen longest ago first. */
  readonly entries = new Map<number, Entry>();
  /** How many times are kept for each address: grows with the largest hit count asked for. */
  stampsMax = STAMPS_MIN;

  constructor(name: string) {
    this.name = name;
  }

  touch(addr: number, ttl: number, now: number): void {
    let entry = this.entries.get(addr);
    if (entry === undefined) {
      if (this.entries.size >= LIST_TOT) this.entries.delete(this.entries.keys().next().value!);
      entry = { ttl, stamps: [] };
    } else this.entries.delete(addr);
    entry.ttl = ttl;
    entry.stamps.push(now);
    if (entry.stamps.length > this.stampsMax) entry.stamps.shift();
    this.entries.set(addr, entry);
  }

  /** recent_entry_reap: forgets the address unseen for longest if that is before `time`. */
  reap(time: number): void {
    for (const [addr, entry] of this.entries) {
      if ((entry.stamps.at(-1) ?? 0) < time) this.entries.delete(addr);
      return;
    }
  }
}

const lists = perNet('xt_recent', () => new Map<string, RecentList>());

/** The lists of a namespace, for /proc/net/xt_recent. */
export const recentLists = (ns: Netns): ReadonlyMap<string, RecentList> => lists(ns);

export const recent: MatchExtension<RecentMatch> = {
  name: 'recent',
  options: [
    { name: 'set', invert: true },
    { name: 'rcheck', invert: true },
    { name: 'update', invert: true },
    { name: 'remove', invert: true },
    { name: 'seconds', args: 1 },
    { name: 'reap' },
    { name: 'hitcount', args: 1 },
    { name: 'rttl' },
    { name: 'name', args: 1 },
    { name: 'rsource' },
    { name: 'rdest' },
    { name: 'mask', args: 1 },
  ],
  parse(given) {
    const get = (name: string) => given.find((g) => g.name === name);
    const modes = (['set', 'rcheck', 'update', 'remove'] as const).filter((m) => get(m) !== undefined);
    const mode = modes[0];
    if (mode === undefined)
      throw new XtError("recent: you must specify one of `--set', `--rcheck' `--update' or `--remove'");
    if (modes.length > 1)
      throw new XtError("recent: only one of `--set', `--rcheck' `--update' or `--remove' may be set");
    const number = (name: string): number | undefined => {
      const g = get(name);
      if (g === undefined) return undefined;
      const n = parseUint(g.value, 0xffff_ffff);
      if (n === undefined || n === 0)
        throw new XtError(`recent: bad value for option "--${name}", or out of range (1-4294967295).\n`);
      return n;
    };
    const mask = parseHostAddr(get('mask')?.value ?? '255.255.255.255');
    if (mask === undefined)
      throw new XtError(`recent: bad IP address for option "--mask": ${get('mask')!.value}\n`);
    const seconds = number('seconds');
    if (get('reap') !== undefined && seconds === undefined)
      throw new XtError('recent: option "--reap" requires option "--seconds"\n');
    return {
      name: 'recent',
      mode,
      list: get('name')?.value ?? 'DEFAULT',
      seconds,
      reap: get('reap') !== undefined,
      hitcount: number('hitcount'),
      rttl: get('rttl') !== undefined,
      side: get('rdest') !== undefined ? 'dest' : 'source',
      mask,
      invert: get(mode)!.invert,
    };
  },
  save(m) {
    const out = [`${m.invert ? '! ' : ''}--${m.mode}`];
    if (m.seconds !== undefined) out.push(`--seconds ${m.seconds}`);
    if (m.reap) out.push('--reap');
    if (m.hitcount !== undefined) out.push(`--hitcount ${m.hitcount}`);
    if (m.rttl) out.push('--rttl');
    out.push(`--name ${m.list} --mask ${formatIpv4(ip4(m.mask))}`);
    out.push(m.side === 'source' ? '--rsource' : '--rdest');
    return out.join(' ');
  },
  list(m) {
    const word = { set: 'SET', rcheck: 'CHECK', update: 'UPDATE', remove: 'REMOVE' }[m.mode];
    const out = [`${m.invert ? '! ' : ''}recent: ${word}`];
    if (m.seconds !== undefined) out.push(`seconds: ${m.seconds}`);
    if (m.reap) out.push('reap');
    if (m.hitcount !== undefined) out.push(`hit_count: ${m.hitcount}`);
    if (m.rttl) out.push('TTL-Match');
    out.push(`name: ${m.list} side: ${m.side} mask: ${formatIpv4(ip4(m.mask))}`);
    return out.join(' ');
  },
  linked(m, ns) {
    lists(ns).get(m.list)!.references++;
  },
  /** recent_mt_destroy: a list goes with its last rule, but not while a commit puts another in that rule's place. */
  unlinked(m, ns) {
    const all = lists(ns);
    const list = all.get(m.list)!;
    if (--list.references > 0) return;
    ns.kernel.runQueue.push(() => {
      if (list.references === 0 && all.get(m.list) === list) all.delete(m.list);
    });
  },
  compile(m, { ns }): Test {
    const all = lists(ns);
    let found = all.get(m.list);
    if (found === undefined) {
      found = new RecentList(m.list);
      all.set(m.list, found);
    }
    const list = found;
    if (m.hitcount !== undefined && m.hitcount > list.stampsMax)
      list.stampsMax = 2 ** Math.ceil(Math.log2(m.hitcount));
    const { clock } = ns.kernel;
    const { mode, seconds, hitcount, rttl, reap, invert } = m;
    const mask = m.mask | 0;
    return (p) => {
      const addr = (m.side === 'source' ? p.src : p.dst) & mask;
      const now = clock.now();
      // The TTL as it was when the packet was on the wire: one is taken off before the packet goes on.
      const ttl = ip.ttl(p.b, p.at) + (p.state.out !== undefined && p.skb.sk === undefined ? 1 : 0);
      const entry = list.entries.get(addr);
      if (entry === undefined || (rttl && entry.ttl !== ttl)) {
        if (mode !== 'set') return invert;
        list.touch(addr, ttl, now);
        return !invert;
      }
      if (mode === 'set') {
        list.touch(addr, ttl, now);
        return !invert;
      }
      if (mode === 'remove') {
        list.entries.delete(addr);
        return !invert;
      }
      const since = seconds === undefined ? undefined : now - seconds * 1000;
      let hits = 0;
      let hit = false;
      for (const stamp of entry.stamps) {
        if (since !== undefined && stamp < since) continue;
        if (hitcount === undefined || ++hits >= hitcount) {
          hit = true;
          break;
        }
      }
      if (reap && since !== undefined) list.reap(since);
      if (mode === 'update' && hit) list.touch(addr, ttl, now);
      return hit !== invert;
    };
  },
};
