// Where segments come in: tcp_v4_rcv, tcp_v4_do_rcv and tcp_v4_err (net/ipv4/tcp_ipv4.c).

import { mix32 } from '../../netns/dice.ts';
import type { Netns } from '../../netns/netns.ts';
import { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, type Skb } from '../../skb/skb.ts';
import { ANY } from '../../wire/addr.ts';
import { u16, u32 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import { icmpMeaning, isFragNeeded } from '../errno.ts';
import { IP_PMTUDISC_DONT } from '../sock.ts';
import { cookieReceive, requestReceive } from './child.ts';
import { tcpFail } from './close.ts';
import { type Outcome, receiveEstablished, receiveOther, receiveSynSent } from './established.ts';
import { KIND_REQUEST, KIND_SOCK, KIND_TIME_WAIT } from './hash.ts';
import { retransmitQueue } from './loss.ts';
import { syncMss } from './mss.ts';
import { sendReset } from './reply.ts';
import { connectionRequest, destroyRequest, type RequestSock } from './request.ts';
import { markLost } from './scoreboard.ts';
import type { Segment } from './segment.ts';
import { between, seqDiff } from './sequence.ts';
import {
  inStates,
  MAY_RETRANSMIT,
  STATE_NAMES,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from './state.ts';
import { type TcpNet, tcpNet } from './tcp-net.ts';
import type { TcpSock } from './tcp-sock.ts';
import type { TimeWaitSock } from './timewait-queue.ts';

/** inet_lookup_listener: the most exact one; an SO_REUSEPORT group shares connections out by hash. */
function findListener(net: TcpNet, seg: Segment, iif: number): TcpSock | undefined {
  const there = net.listeners.get(seg.dport);
  if (there === undefined) return undefined;
  let best: TcpSock | undefined;
  let bestScore = 0;
  let equals = 0;
  for (const sk of there) {
    if (sk.boundDev !== 0 && sk.boundDev !== iif) continue;
    if (sk.rcvSaddr !== ANY && sk.rcvSaddr !== seg.dst) continue;
    const score = 1 + (sk.rcvSaddr !== ANY ? 4 : 0) + (sk.boundDev !== 0 ? 2 : 0);
    if (score < bestScore) continue;
    if (score > bestScore) equals = 0;
    equals++;
    bestScore = score;
    const flow = (mix32(seg.src ^ seg.sport) ^ seg.dport) >>> 0;
    if (equals === 1 || !sk.reusePort || mix32(flow) % equals === 0) best = sk;
  }
  return best;
}

/** tcp_v4_rcv: `skb.data` is at the TCP header. Takes the skb. */
export function tcpRcv(skb: Skb, ns: Netns): void {
  const net = tcpNet(ns);
  net.mib.inSegs++;
  const why = tcp.check(skb.bytes, skb.data, skb.tail);
  if (why !== undefined) {
    net.mib.inErrs++;
    ns.kernel.drop(skb, 'PKT_TOO_SMALL', ns, why);
    return;
  }
  const { seg } = net;
  seg.read(skb);
  if (skb.ipSummed === CHECKSUM_NONE) {
    if (!tcp.checksumOk(skb.bytes, skb.data, skb.tail, seg.src, seg.dst)) {
      net.mib.inCsumErrors++;
      net.mib.inErrs++;
      ns.kernel.drop(skb, 'TCP_CSUM', ns);
      return;
    }
    skb.ipSummed = CHECKSUM_UNNECESSARY;
  }
  const entry = net.ehash.find(seg.dst, seg.dport, seg.src, seg.sport);
  if (entry === undefined) toListener(net, seg, undefined);
  else if (entry.kind === KIND_SOCK) toSocket(net, entry as TcpSock, seg);
  else if (entry.kind === KIND_REQUEST) settle(net, seg, requestReceive(entry as RequestSock, seg));
  else if (entry.kind === KIND_TIME_WAIT) toTimeWait(net, entry as TimeWaitSock, seg);
}

/** Disposes of the segment as its handling said. */
function settle(net: TcpNet, seg: Segment, outcome: Outcome): void {
  if (outcome === undefined) {
    seg.skb.free();
    return;
  }
  if (outcome === 'reset') {
    sendReset(net, seg);
    net.ns.kernel.drop(seg.skb, 'TCP_RESET', net.ns, 'answered with a reset');
    return;
  }
  net.ns.kernel.drop(seg.skb, outcome, net.ns);
}

function traceDelivery(tp: TcpSock, seg: Segment): void {
  tp.kernel.traceEvent(seg.skb, tp.ns, 'socket', `delivered to a TCP socket in ${STATE_NAMES[tp.state]}`, {
    socket: tp.ino,
    owner: tp.owner,
    state: STATE_NAMES[tp.state]!,
    bytes: seg.dataLen,
    ttl: ip.ttl(seg.skb.bytes, seg.skb.network),
  });
}

/** tcp_v4_do_rcv. */
function toSocket(net: TcpNet, tp: TcpSock, seg: Segment): void {
  if (seg.skb.trace !== 0) traceDelivery(tp, seg);
  tp.segsIn++;
  if (tp.state === TCP_ESTABLISHED) settle(net, seg, receiveEstablished(tp, seg));
  else if (tp.state === TCP_SYN_SENT) settle(net, seg, receiveSynSent(tp, seg));
  else if (tp.state === TCP_CLOSE) settle(net, seg, 'TCP_CLOSE');
  else settle(net, seg, receiveOther(tp, seg));
}

/** No connection has it: a listener's, or nobody's. */
function toListener(net: TcpNet, seg: Segment, isn: number | undefined): void {
  const { ns } = net;
  const listener = findListener(net, seg, seg.skb.iif);
  if (listener === undefined) {
    sendReset(net, seg);
    ns.kernel.drop(seg.skb, 'NO_SOCKET', ns, `tcp port ${seg.dport}`);
    return;
  }
  if (seg.skb.trace !== 0) traceDelivery(listener, seg);
  if (seg.rst) settle(net, seg, 'TCP_RESET');
  else if (seg.hasAck) settle(net, seg, cookieReceive(listener, seg));
  else if (!seg.syn || seg.fin) settle(net, seg, 'TCP_INVALID_SEQUENCE');
  else if (seg.skb.pktType !== 0) settle(net, seg, 'IP_INVALID_DEST');
  else connectionRequest(listener, seg, isn);
}

function toTimeWait(net: TcpNet, tw: TimeWaitSock, seg: Segment): void {
  const verdict = net.timeWait.receive(tw, seg);
  if (verdict === 'drop') settle(net, seg, 'TCP_CLOSE');
  else if (verdict === 'reset') settle(net, seg, 'reset');
  else {
    // A new connection on the old tuple, above its numbers: the remains make way.
    if (findListener(net, seg, seg.skb.iif) !== undefined) net.timeWait.remove(tw);
    toListener(net, seg, verdict.isn);
  }
}

/** tcp_v4_err: an ICMP error about a segment of ours; `skb.data` is at the quoted IP header. */
export function tcpErr(skb: Skb, ns: Netns, type: number, code: number, info: number): void {
  const b = skb.bytes;
  const at = skb.data + ip.ihl(b, skb.data);
  if (at + 8 > skb.tail) return;
  const net = tcpNet(ns);
  const entry = net.ehash.find(ip.src(b, skb.data), u16(b, at), ip.dst(b, skb.data), u16(b, at + 2));
  if (entry === undefined || entry.kind === KIND_TIME_WAIT) return;
  const seq = u32(b, at + 4) | 0;
  const meaning = icmpMeaning(type, code);
  if (meaning === undefined) return;
  if (entry.kind === KIND_REQUEST) {
    const req = entry as RequestSock;
    if (seq === req.iss && !isFragNeeded(type, code)) destroyRequest(req);
    return;
  }
  const tp = entry as TcpSock;
  if (tp.state === TCP_CLOSE || tp.state === TCP_LISTEN) return;
  // RFC 5927: only a number that is in flight is believed.
  if (!between(seq, tp.sndUna, tp.sndNxt)) return;
  if (isFragNeeded(type, code)) {
    mtuReduced(tp, info);
    return;
  }
  if (tp.state === TCP_SYN_SENT || tp.state === TCP_SYN_RECV) {
    tcpFail(tp, meaning.errno);
    return;
  }
  // RFC 1122 4.2.3.9: for a standing connection it is a hint, told should the connection time out.
  if (tp.recvErr) tcpSoft(tp, meaning.errno);
  else tp.softErr = meaning.errno;
}

function tcpSoft(tp: TcpSock, errno: NonNullable<TcpSock['err']>): void {
  tp.err = errno;
  tp.signal(4);
}

/** tcp_v4_mtu_reduced and tcp_simple_retransmit: what was too large goes again, smaller, and no congestion is seen in it. */
function mtuReduced(tp: TcpSock, mtu: number): void {
  if (tp.pmtudisc === IP_PMTUDISC_DONT) return;
  tp.kernel.ipv4.updatePmtu(tp.ns, tp.daddr, mtu);
  const route = tp.kernel.ipv4.routeOutput(tp.ns, tp.daddr, tp.saddr, tp.boundDev, tp.tos);
  const pmtu = typeof route === 'string' ? mtu : route.mtu;
  if (pmtu >= tp.pmtu) return;
  syncMss(tp, pmtu);
  if (!inStates(tp.state, MAY_RETRANSMIT)) return;
  for (let s = tp.rtx.head; s !== undefined; s = s.next)
    if (s.pcount > 1 || seqDiff(s.end, s.seq) > tp.mss) markLost(tp, s);
  // Enough of the window for these to go now.
  if (tp.lostOut > 0) retransmitQueue(tp);
}
