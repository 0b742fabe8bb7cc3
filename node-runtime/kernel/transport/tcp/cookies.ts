// SYN cookies: net/ipv4/syncookies.c. When the SYN queue is full the connection's parameters travel in the sequence
// number (and, with timestamps, in the low bits of the timestamp) instead of in memory.
import { mix32 } from '../../netns/dice.ts';
import type { Netns } from '../../netns/netns.ts';
import type { EhashEntry } from './hash.ts';
import type { RequestSock } from './request.ts';

/** Minutes a cookie stays good: MAX_SYNCOOKIE_AGE. */
const MAX_AGE = 2;
const MSS_TABLE: readonly number[] = [536, 1300, 1440, 1460];
const HASH_BITS = 24;
const MASK = (1 << HASH_BITS) - 1;

const minute = (ns: Netns): number => Math.floor(ns.kernel.clock.now() / 60_000) & 0xff;

function hash(ns: Netns, t: EhashEntry, count: number, round: number): number {
  const secret = ns.kernel.dice.u32('syncookie', `${ns.name}|${round}`);
  let h = mix32((secret ^ t.saddr) >>> 0);
  h = mix32((h ^ t.daddr) >>> 0);
  h = mix32((h ^ ((t.sport << 16) | t.dport)) >>> 0);
  return mix32((h + count) >>> 0);
}

/** secure_tcp_syn_cookie: hash + the peer's number + (minute << 24) + (second hash + data). */
export function makeCookie(ns: Netns, req: RequestSock): number {
  let index = MSS_TABLE.length - 1;
  while (index > 0 && req.mss < MSS_TABLE[index]!) index--;
  const count = minute(ns);
  const data = (hash(ns, req, count, 1) + index) & MASK;
  return (hash(ns, req, 0, 0) + req.irs + (count << HASH_BITS) + data) | 0;
}

/** cookie_v4_check's first half: the MSS in a returned cookie, or undefined if it is none of ours or too old. */
export function checkCookie(ns: Netns, t: EhashEntry, cookie: number, irs: number): number | undefined {
  const rest = (cookie - hash(ns, t, 0, 0) - irs) | 0;
  const count = minute(ns);
  const age = (count - (rest >>> HASH_BITS)) & 0xff;
  if (age >= MAX_AGE) return undefined;
  const index = ((rest & MASK) - hash(ns, t, (count - age) & 0xff, 1)) & MASK;
  return MSS_TABLE[index];
}
