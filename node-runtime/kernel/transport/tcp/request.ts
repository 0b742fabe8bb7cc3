// Half-open connections: struct tcp_request_sock and tcp_conn_request (net/ipv4/tcp_input.c), inet_connection_sock.c.
// A SYN makes a small record, bounded by the listener's backlog; beyond it, SYN cookies keep no record at all.
import type { Ipv4 } from '../../wire/addr.ts';
import { ACK, ECE, SYN } from '../../wire/tcp.ts';
import { LazyTimer } from '../lazy-timer.ts';
import { makeCookie } from './cookies.ts';
import { asksForEcn } from './ecn.ts';
import { type EhashEntry, KIND_REQUEST } from './hash.ts';
import { putSynOptions } from './output.ts';
import { bareSegment, sendBare } from './reply.ts';
import type { Segment } from './segment.ts';
import { seqAdd } from './sequence.ts';
import type { TcpSock } from './tcp-sock.ts';
import { initialSeq, tsClock, tsOffset } from './timestamps.ts';
import { initialSpace, initialWindow, initialWscale } from './window.ts';

const SYNACK_TIMEOUT = 1000;
const SYNACK_TIMEOUT_MAX = 120_000;
const MSS_FALLBACK = 536;

export class RequestSock implements EhashEntry {
  readonly kind = KIND_REQUEST;
  hnext: EhashEntry | undefined = undefined;
  readonly listener: TcpSock;
  readonly saddr: Ipv4;
  readonly sport: number;
  readonly daddr: Ipv4;
  readonly dport: number;
  /** The peer's initial number and ours. */
  irs: number;
  iss = 0;
  mss: number;
  readonly advmss: number;
  tsOk: boolean;
  sackOk: boolean;
  readonly ecnOk: boolean;
  wscaleOk: boolean;
  sndWscale: number;
  rcvWscale = 0;
  rcvWnd = 0;
  tsRecent: number;
  tsOffset: number;
  /** The final ACK came, but the accept queue was full. */
  acked = false;
  retries = 0;
  /** When the SYN-ACK was last sent, for the first RTT sample. */
  sentAt = 0;
  lastOowAck = Number.NEGATIVE_INFINITY;
  trace: number;
  timer: LazyTimer | undefined = undefined;

  constructor(listener: TcpSock, seg: Segment, mtu: number) {
    const { ipv4 } = listener.ns.sysctl;
    this.listener = listener;
    this.saddr = seg.dst;
    this.sport = seg.dport;
    this.daddr = seg.src;
    this.dport = seg.sport;
    this.irs = seg.seq;
    this.mss = seg.mss === 0 ? MSS_FALLBACK : Math.max(seg.mss, 48);
    const own = Math.max(mtu - 40, listener.ns.sysctl.route.min_adv_mss);
    this.advmss = listener.userMss !== 0 ? Math.min(listener.userMss, own) : own;
    if (listener.userMss !== 0) this.mss = Math.min(this.mss, listener.userMss);
    this.tsOk = seg.sawTs && ipv4.tcp_timestamps !== 0;
    this.tsRecent = seg.sawTs ? seg.tsval : 0;
    this.sackOk = seg.sackOk && ipv4.tcp_sack !== 0;
    this.ecnOk = asksForEcn(seg, ipv4.tcp_ecn);
    this.wscaleOk = seg.sawWscale && ipv4.tcp_window_scaling !== 0;
    this.sndWscale = this.wscaleOk ? seg.wscale : 0;
    this.tsOffset = tsOffset(listener.ns, this.saddr, this.daddr);
    this.trace = seg.skb.trace;
  }
}

/** tcp_conn_request: a SYN for a listener. `isn` is given where TIME_WAIT demands a number above its own. */
export function connectionRequest(listener: TcpSock, seg: Segment, isn: number | undefined): void {
  const { net, ns } = listener;
  const { ipv4 } = ns.sysctl;
  const drop = (reason: 'TCP_SYN_QUEUE_FULL' | 'TCP_LISTEN_OVERFLOW' | 'IP_OUTNOROUTES'): void => {
    net.mib.listenDrops++;
    ns.kernel.drop(seg.skb, reason, ns);
  };
  let cookie = false;
  if ((ipv4.tcp_syncookies === 2 || listener.requests.size >= listener.backlog) && isn === undefined) {
    if (ipv4.tcp_syncookies === 0) {
      net.mib.reqQFullDrop++;
      drop('TCP_SYN_QUEUE_FULL');
      return;
    }
    net.mib.reqQFullDoCookies++;
    cookie = true;
  }
  if (acceptQueueFull(listener)) {
    net.mib.listenOverflows++;
    drop('TCP_LISTEN_OVERFLOW');
    return;
  }
  // Without cookies the last quarter of the queue is kept for peers that are known to be alive; we know of none.
  const room = ipv4.tcp_max_syn_backlog - listener.requests.size;
  if (!cookie && ipv4.tcp_syncookies === 0 && room < ipv4.tcp_max_syn_backlog >> 2) {
    drop('TCP_SYN_QUEUE_FULL');
    return;
  }
  const route = ns.kernel.ipv4.routeOutput(ns, seg.src, seg.dst, listener.boundDev, listener.tos);
  if (typeof route === 'string') {
    drop('IP_OUTNOROUTES');
    return;
  }
  const req = new RequestSock(listener, seg, route.mtu);
  req.rcvWscale = req.wscaleOk ? initialWscale(listener) : 0;
  req.rcvWnd = initialWindow(initialSpace(listener), req.advmss - (req.tsOk ? 12 : 0));
  if (cookie) {
    // What the cookie cannot hold, the timestamp does; without timestamps there are no options at all.
    if (!req.tsOk) {
      req.wscaleOk = false;
      req.sackOk = false;
      req.sndWscale = 0;
      req.rcvWscale = 0;
    }
    req.iss = makeCookie(ns, req);
    net.mib.syncookiesSent++;
    sendSynAck(req, true);
    seg.skb.free();
    return;
  }
  req.iss = isn ?? initialSeq(ns, req.saddr, req.sport, req.daddr, req.dport);
  listener.requests.add(req);
  net.ehash.insert(req);
  req.timer = new LazyTimer(ns.kernel.clock, () => synackTimer(req));
  req.timer.set(ns.kernel.clock.now() + SYNACK_TIMEOUT);
  sendSynAck(req, false);
  seg.skb.free();
}

/** sk_acceptq_is_full: one more than the backlog fits, as in Linux. */
export const acceptQueueFull = (listener: TcpSock): boolean => listener.acceptQueue.length > listener.backlog;

/** tcp_make_synack and its sending. With a cookie the timestamp's low six bits carry the options. */
export function sendSynAck(req: RequestSock, cookie: boolean): void {
  const { ns, net, tos } = req.listener;
  const now = ns.kernel.clock.now();
  const hlen = 24 + (req.tsOk ? 12 : req.sackOk ? 4 : 0) + (req.wscaleOk ? 4 : 0);
  const ack = seqAdd(req.irs, 1);
  // A cookie can't hold that it was agreed.
  const flags = SYN | ACK | (req.ecnOk && !cookie ? ECE : 0);
  const skb = bareSegment(ns, req, req.iss, ack, flags, Math.min(req.rcvWnd, 65_535), hlen);
  let tsval = (tsClock(now) + req.tsOffset) | 0;
  if (cookie) {
    const options = (req.wscaleOk ? req.sndWscale : 15) | (req.sackOk ? 16 : 0);
    const coded = (tsval & ~63) | options;
    tsval = ((coded - tsval) | 0) > 0 ? (coded - 64) | 0 : coded;
  }
  const scale = req.wscaleOk ? req.rcvWscale : -1;
  putSynOptions(skb.bytes, skb.data + 20, req.advmss, req.tsOk, req.sackOk, scale, tsval, req.tsRecent);
  req.sentAt = now;
  sendBare(net, skb, req.saddr, req.daddr, tos, req.trace);
  req.trace = 0;
}

/** reqsk_timer_handler: the SYN-ACK again, each time after twice as long, tcp_synack_retries times. */
function synackTimer(req: RequestSock): void {
  const { ns, net } = req.listener;
  if (req.retries >= ns.sysctl.ipv4.tcp_synack_retries) {
    destroyRequest(req);
    return;
  }
  req.retries++;
  // One whose ACK came but could not be accepted is only asked again, for the peer to repeat its ACK.
  net.mib.retransSegs++;
  sendSynAck(req, false);
  const wait = Math.min(SYNACK_TIMEOUT * 2 ** req.retries, SYNACK_TIMEOUT_MAX);
  req.timer?.set(ns.kernel.clock.now() + wait);
}

/** inet_csk_reqsk_queue_drop. */
export function destroyRequest(req: RequestSock): void {
  if (!req.listener.requests.delete(req)) return;
  req.timer?.destroy();
  req.listener.net.ehash.remove(req);
}
