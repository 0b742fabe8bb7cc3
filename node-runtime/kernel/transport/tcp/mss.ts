// How large a segment may be: tcp_sync_mss, tcp_current_mss and tcp_mtu_to_mss (net/ipv4/tcp_output.c).
import type { TcpSock } from './tcp-sock.ts';

const HEADERS = 40;
export const TS_OPTION = 12;
const MIN_MSS = 48;
/** GSO_MAX_SIZE less the room Linux leaves for headers. */
const GSO_BYTES = 65_536 - 1 - 320;

/** ipv4_default_advmss: what we announce, from the MTU of the route. */
export function advertisedMss(tp: TcpSock, mtu: number): number {
  const mss = Math.max(mtu - HEADERS, tp.ns.sysctl.route.min_adv_mss);
  return tp.userMss !== 0 && tp.userMss < mss ? tp.userMss : mss;
}

/** tcp_sync_mss: takes over a path MTU. */
export function syncMss(tp: TcpSock, pmtu: number): void {
  tp.pmtu = pmtu;
  let mss = Math.max(pmtu - HEADERS, MIN_MSS);
  mss = Math.min(mss, tp.mssClamp);
  if (tp.tsOk) mss -= TS_OPTION;
  mss = Math.max(mss, MIN_MSS);
  // tcp_bound_to_half_wnd: a window holds two segments at least.
  const cutoff = tp.maxWindow > 536 ? tp.maxWindow >> 1 : tp.maxWindow;
  if (cutoff > 0 && mss > cutoff) mss = Math.max(cutoff, 68 - HEADERS);
  tp.mss = mss;
}

/** tcp_current_mss: less by the SACK blocks that the next segment carries. */
export function currentMss(tp: TcpSock): number {
  const blocks = sackBlocks(tp);
  return blocks === 0 ? tp.mss : Math.max(tp.mss - 4 - 8 * blocks, MIN_MSS);
}

/** How many SACK blocks the next segment carries. */
export function sackBlocks(tp: TcpSock): number {
  if (tp.numSacks === 0 && !tp.dsack) return 0;
  return Math.min(tp.numSacks + (tp.dsack ? 1 : 0), tp.tsOk ? 3 : 4);
}

/** How many segments one super-segment holds. */
export const gsoSegs = (mss: number): number => Math.max(Math.floor(GSO_BYTES / mss), 1);

/** tcp_set_skb_tso_segs. */
export const pcountOf = (len: number, mss: number): number => (len <= mss ? 1 : Math.ceil(len / mss));
