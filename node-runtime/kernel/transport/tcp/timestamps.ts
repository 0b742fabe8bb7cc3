// The timestamp clock (RFC 7323): milliseconds plus an offset of each connection's own, as tcp_time_stamp_ms and
// secure_tcp_ts_off do it. Signed, like sequence numbers.
import type { Netns } from '../../netns/netns.ts';
import type { Ipv4 } from '../../wire/addr.ts';

/** Which millisecond it is to TCP's timestamps, without the offset. */
export const tsClock = (now: number): number => Math.floor(now % 0x1_0000_0000) | 0;

/** One offset per pair of hosts, so that the clock does not jump when a tuple is used again. */
export const tsOffset = (ns: Netns, saddr: Ipv4, daddr: Ipv4): number =>
  ns.kernel.dice.u32('tcp timestamp offset', `${ns.name}|${saddr}|${daddr}`) | 0;

/**
 * Initial sequence number: RFC 6528, a hash of the tuple plus a clock that ticks every 64 ns.
 */
export function initialSeq(ns: Netns, saddr: Ipv4, sport: number, daddr: Ipv4, dport: number): number {
  const hash = ns.kernel.dice.u32('tcp isn', `${ns.name}|${saddr}|${sport}|${daddr}|${dport}`);
  const ticks = Math.floor((ns.kernel.clock.now() * 1e6) / 64) % 0x1_0000_0000;
  return (hash + ticks) | 0;
}
