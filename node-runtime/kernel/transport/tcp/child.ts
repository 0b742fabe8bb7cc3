// A half-open connection becomes a socket: tcp_check_req, tcp_v4_syn_recv_sock, tcp_create_openreq_child
// (net/ipv4/tcp_minisocks.c, tcp_ipv4.c) and cookie_v4_check (syncookies.c).
import { mayAnswerOow } from './challenge.ts';
import { checkCookie } from './cookies.ts';
import { initRcvMss, type Outcome, receiveOther } from './established.ts';
import { syncMss } from './mss.ts';
import { sendBareAck } from './reply.ts';
import { acceptQueueFull, destroyRequest, RequestSock, sendSynAck } from './request.ts';
import type { Segment } from './segment.ts';
import { SendRing } from './send-ring.ts';
import { after, before, seqAdd } from './sequence.ts';
import { TCP_SYN_RECV } from './state.ts';
import { TcpSock } from './tcp-sock.ts';
import { tsClock } from './timestamps.ts';
import { initialSpace, initialWscale } from './window.ts';

/** tcp_check_req: a segment for a half-open connection. */
export function requestReceive(req: RequestSock, seg: Segment): Outcome {
  const { listener } = req;
  const { net, ns } = listener;
  const now = ns.kernel.clock.now();
  const rcvNxt = seqAdd(req.irs, 1);
  const paws = req.tsOk && seg.sawTs && before(seg.tsval, req.tsRecent);
  if (seg.seq === req.irs && seg.syn && !seg.rst && !seg.hasAck && !paws) {
    // The SYN again: our answer was lost.
    if (mayAnswerOow(req, now)) sendSynAck(req, false);
    return undefined;
  }
  if (seg.hasAck && !seg.rst && seg.ack !== seqAdd(req.iss, 1)) return 'reset';
  const inside = !before(seg.end, rcvNxt) && !after(seg.seq, seqAdd(rcvNxt, req.rcvWnd));
  if (paws || !inside) {
    if (!seg.rst && mayAnswerOow(req, now)) {
      const ts = req.tsOk ? { val: tsClock(now) + req.tsOffset, ecr: req.tsRecent } : undefined;
      sendBareAck(net, req, seqAdd(req.iss, 1), rcvNxt, req.rcvWnd >> req.rcvWscale, ts, seg.skb.trace);
    }
    if (paws) net.mib.pawsEstab++;
    return 'TCP_INVALID_SEQUENCE';
  }
  if (seg.rst || seg.syn) {
    net.mib.attemptFails++;
    destroyRequest(req);
    return seg.rst ? 'TCP_RESET' : 'reset';
  }
  if (!seg.hasAck) return 'TCP_INVALID_ACK';
  if (acceptQueueFull(listener)) {
    net.mib.listenOverflows++;
    if (ns.sysctl.ipv4.tcp_abort_on_overflow !== 0) {
      destroyRequest(req);
      return 'reset';
    }
    // The peer thinks it is connected; it will be once it sends again and there is room.
    req.acked = true;
    return 'TCP_LISTEN_OVERFLOW';
  }
  if (seg.sawTs && req.tsOk && !after(seg.seq, rcvNxt)) req.tsRecent = seg.tsval;
  const child = createChild(req, now);
  destroyRequest(req);
  adopt(child);
  return receiveOther(child, seg);
}

/** The child takes its place in the tables and its listener's accept queue. */
function adopt(child: TcpSock): void {
  const { net, parent } = child;
  net.ehash.insert(child);
  child.hashed = true;
  net.bind.add(child, child.sport);
  net.mib.passiveOpens++;
  parent!.acceptQueue.push(child);
}

/** tcp_create_openreq_child. */
function createChild(req: RequestSock, now: number): TcpSock {
  const { listener } = req;
  const tp = new TcpSock(listener.ns);
  inherit(tp, listener);
  tp.saddr = req.saddr;
  tp.rcvSaddr = req.saddr;
  tp.sport = req.sport;
  tp.daddr = req.daddr;
  tp.dport = req.dport;
  tp.state = TCP_SYN_RECV;
  tp.parent = listener;
  tp.iss = req.iss;
  tp.sndUna = seqAdd(req.iss, 1);
  tp.sndNxt = tp.sndUna;
  tp.writeSeq = tp.sndUna;
  tp.sndSml = tp.sndUna;
  tp.ring = new SendRing(tp.sndUna);
  tp.irs = req.irs;
  tp.rcvNxt = seqAdd(req.irs, 1);
  tp.rcvWup = tp.rcvNxt;
  tp.copiedSeq = tp.rcvNxt;
  tp.tsOk = req.tsOk;
  tp.sackOk = req.sackOk;
  tp.ecnOk = req.ecnOk;
  tp.wscaleOk = req.wscaleOk;
  tp.sndWscale = req.sndWscale;
  tp.rcvWscale = req.rcvWscale;
  tp.rcvWnd = req.rcvWnd;
  tp.windowClamp = initialSpace(tp);
  tp.rcvSsthresh = req.rcvWnd;
  tp.tsRecent = req.tsRecent;
  tp.tsRecentAt = now;
  tp.tsOffset = req.tsOffset;
  tp.advmss = req.advmss - (req.tsOk ? 12 : 0);
  tp.mssClamp = req.mss;
  const route = tp.kernel.ipv4.routeOutput(tp.ns, tp.daddr, tp.saddr, tp.boundDev, tp.tos);
  syncMss(tp, typeof route === 'string' ? req.advmss + 40 : route.mtu);
  initRcvMss(tp);
  // The SYN-ACK's round trip, unless it was sent more than once (Karn).
  if (req.retries === 0 && req.sentAt > 0) firstSample(tp, now - req.sentAt);
  return tp;
}

function firstSample(tp: TcpSock, rtt: number): void {
  const sample = Math.max(rtt, 0.001);
  tp.srtt = sample;
  tp.mdev = 2 * sample;
  tp.rttvar = Math.max(tp.mdev, 200);
  tp.mdevMax = tp.rttvar;
  tp.rttSeq = tp.sndNxt;
  tp.rttMin = sample;
  tp.rto = tp.srtt + tp.rttvar;
}

/** What an accepted socket has of its listener's options: sk_clone_lock. */
function inherit(tp: TcpSock, listener: TcpSock): void {
  tp.boundDev = listener.boundDev;
  tp.reuseAddr = listener.reuseAddr;
  tp.reusePort = listener.reusePort;
  tp.uid = listener.uid;
  tp.owner = listener.owner;
  tp.ttl = listener.ttl;
  tp.tos = listener.tos;
  tp.mark = listener.mark;
  tp.priority = listener.priority;
  tp.pmtudisc = listener.pmtudisc;
  tp.trace = listener.trace;
  tp.rcvbuf = listener.rcvbuf;
  tp.rcvbufLocked = listener.rcvbufLocked;
  tp.sndbuf = listener.sndbuf;
  tp.sndbufLocked = listener.sndbufLocked;
  tp.nodelay = listener.nodelay;
  tp.cork = listener.cork;
  tp.keepalive = listener.keepalive;
  tp.keepIdle = listener.keepIdle;
  tp.keepIntvl = listener.keepIntvl;
  tp.keepCnt = listener.keepCnt;
  tp.lingerMs = listener.lingerMs;
  tp.linger2 = listener.linger2;
  tp.userTimeout = listener.userTimeout;
  tp.userMss = listener.userMss;
}

/** cookie_v4_check: an ACK for a listener that may answer a SYN cookie of ours. */
export function cookieReceive(listener: TcpSock, seg: Segment): Outcome {
  const { net, ns } = listener;
  const { ipv4 } = ns.sysctl;
  if (ipv4.tcp_syncookies === 0 || seg.syn || seg.rst || !seg.hasAck || seg.fin) return 'reset';
  const tuple = { saddr: seg.dst, sport: seg.dport, daddr: seg.src, dport: seg.sport } as RequestSock;
  const mss = checkCookie(ns, tuple, seqAdd(seg.ack, -1), seqAdd(seg.seq, -1));
  if (mss === undefined) {
    net.mib.syncookiesFailed++;
    return 'reset';
  }
  if (acceptQueueFull(listener)) {
    net.mib.listenOverflows++;
    return 'TCP_LISTEN_OVERFLOW';
  }
  const route = ns.kernel.ipv4.routeOutput(ns, seg.src, seg.dst, listener.boundDev, listener.tos);
  if (typeof route === 'string') return 'IP_OUTNOROUTES';
  net.mib.syncookiesRecv++;
  const req = new RequestSock(listener, seg, route.mtu);
  restoreOptions(req, seg, mss);
  const child = createChild(req, ns.kernel.clock.now());
  adopt(child);
  return receiveOther(child, seg);
}

/** cookie_timestamp_decode: the options come back in the echoed timestamp's low bits. */
function restoreOptions(req: RequestSock, seg: Segment, mss: number): void {
  req.iss = seqAdd(seg.ack, -1);
  req.irs = seqAdd(seg.seq, -1);
  req.mss = mss;
  const coded = req.tsOk ? seg.tsecr & 63 : 15;
  req.wscaleOk = (coded & 15) !== 15;
  req.sndWscale = req.wscaleOk ? coded & 15 : 0;
  req.sackOk = (coded & 16) !== 0;
  req.rcvWscale = req.wscaleOk ? initialWscale(req.listener) : 0;
  req.rcvWnd = Math.min(initialSpace(req.listener), 65_535);
  req.retries = 1;
}
