// The system calls on a TCP socket: net/ipv4/tcp.c, af_inet.c, inet_connection_sock.c. They answer at once; what
// takes time is told by `wake`.
import { ANY, type Ipv4 } from '../../wire/addr.ts';
import { SYN } from '../../wire/tcp.ts';
import { ephemeralDice, mayBindTo } from '../bind-table.ts';
import type { Errno } from '../errno.ts';
import { afterRead } from './close.ts';
import { KIND_TIME_WAIT } from './hash.ts';
import { advertisedMss, syncMss } from './mss.ts';
import { pushPending, restartAfterIdle, transmitSyn } from './output.ts';
import { setRtoTimer } from './rearm.ts';
import { SendRing } from './send-ring.ts';
import { seqAdd } from './sequence.ts';
import {
  CAN_SEND,
  inStates,
  RTO_INIT,
  STATE_NAMES,
  TCP_CLOSE,
  TCP_LISTEN,
  TCP_SYN_RECV,
  TCP_SYN_SENT,
} from './state.ts';
import type { TcpSock } from './tcp-sock.ts';
import { initialSeq, tsOffset } from './timestamps.ts';
import type { TimeWaitSock } from './timewait-queue.ts';
import { adjustReceiveSpace } from './window.ts';

export { tcpAbort, tcpClose, tcpShutdown } from './close.ts';

/** bind(2). Port 0: one is chosen now. */
export function tcpBind(tp: TcpSock, addr: Ipv4, port: number): Errno | undefined {
  if (tp.state !== TCP_CLOSE || tp.sport !== 0) return 'EINVAL';
  if (!mayBindTo(tp.ns, addr) || (addr !== ANY && tp.kernel.ipv4.addrType(tp.ns, addr) !== 'LOCAL'))
    return 'EADDRNOTAVAIL';
  tp.rcvSaddr = addr;
  const failed = tp.net.bind.bind(tp, port);
  if (failed !== undefined) {
    tp.rcvSaddr = ANY;
    return failed;
  }
  tp.saddr = addr;
  return undefined;
}

/** listen(2). A second call changes the backlog. */
export function tcpListen(tp: TcpSock, backlog: number): Errno | undefined {
  const most = tp.ns.sysctl.core.somaxconn;
  const bounded = Math.min(backlog < 0 ? most : backlog, most);
  if (tp.state === TCP_LISTEN) {
    tp.backlog = bounded;
    return undefined;
  }
  if (tp.state !== TCP_CLOSE || tp.wasConnected) return 'EINVAL';
  if (tp.sport === 0) {
    const failed = tcpBind(tp, ANY, 0);
    if (failed !== undefined) return failed;
  }
  // Two with SO_REUSEADDR may hold a port, but only one of them may listen.
  tp.state = TCP_LISTEN;
  if (tp.net.bind.conflict(tp, tp.rcvSaddr, tp.sport)) {
    tp.state = TCP_CLOSE;
    return 'EADDRINUSE';
  }
  tp.backlog = bounded;
  const there = tp.net.listeners.get(tp.sport);
  if (there === undefined) tp.net.listeners.set(tp.sport, [tp]);
  else there.push(tp);
  return undefined;
}

/** accept(2): the oldest connection that is complete, or undefined. */
export function tcpAccept(tp: TcpSock): TcpSock | undefined {
  const i = tp.acceptQueue.findIndex((child) => child.state !== TCP_SYN_RECV);
  if (i === -1) return undefined;
  const [child] = tp.acceptQueue.splice(i, 1);
  child!.parent = undefined;
  return child;
}

/**
 * connect(2) without waiting: undefined when the SYN is on its way; WAKE_WRITE when the connection stands, WAKE_ERROR
 * with `err` when it failed.
 */
export function tcpConnect(tp: TcpSock, addr: Ipv4, port: number): Errno | undefined {
  if (tp.state === TCP_SYN_SENT) return 'EALREADY';
  if (tp.state !== TCP_CLOSE || tp.wasConnected) return tp.state === TCP_LISTEN ? 'EINVAL' : 'EISCONN';
  const route = tp.kernel.ipv4.routeOutput(tp.ns, addr, tp.saddr, tp.boundDev, tp.tos);
  if (typeof route === 'string') return route;
  if (route.type === 'BROADCAST' || route.type === 'MULTICAST') return 'ENETUNREACH';
  const bound = tp.sport !== 0;
  if (tp.saddr === ANY) tp.saddr = route.src;
  if (tp.rcvSaddr === ANY) tp.rcvSaddr = tp.saddr;
  tp.daddr = addr;
  tp.dport = port;
  const isn = bound ? claim(tp, tp.sport) : chooseSource(tp);
  if (typeof isn === 'string') {
    if (!bound) tp.saddr = ANY;
    tp.rcvSaddr = tp.saddr;
    return isn;
  }
  tp.wasConnected = true;
  tp.tsOffset = tsOffset(tp.ns, tp.saddr, tp.daddr);
  tp.iss = isn ?? initialSeq(tp.ns, tp.saddr, tp.sport, tp.daddr, tp.dport);
  tp.sndUna = tp.iss;
  tp.sndNxt = seqAdd(tp.iss, 1);
  tp.writeSeq = tp.sndNxt;
  tp.sndSml = tp.iss;
  tp.ring = new SendRing(tp.sndNxt);
  tp.advmss = advertisedMss(tp, route.mtu);
  tp.mssClamp = tp.userMss !== 0 ? tp.userMss : 65_535;
  syncMss(tp, route.mtu);
  tp.state = TCP_SYN_SENT;
  tp.net.mib.activeOpens++;
  tp.rto = RTO_INIT;
  tp.lsndtime = tp.now();
  tp.rtx.append(tp.iss, tp.sndNxt, SYN, 1, tp.now(), 0);
  tp.packetsOut = 1;
  setRtoTimer(tp, 'retransmit', tp.rto);
  transmitSyn(tp, SYN);
  return undefined;
}

/** __inet_check_established: takes the four-tuple from `port`. A number: ISN above what TIME_WAIT has left behind. */
function claim(tp: TcpSock, port: number): number | undefined | Errno {
  const { ehash, timeWait } = tp.net;
  const there = ehash.find(tp.saddr, port, tp.daddr, tp.dport);
  let isn: number | undefined;
  if (there !== undefined) {
    if (there.kind !== KIND_TIME_WAIT || !mayReuse(tp, there as TimeWaitSock)) return 'EADDRNOTAVAIL';
    isn = seqAdd((there as TimeWaitSock).sndNxt, 65_535 + 2) || 1;
    timeWait.remove(there as TimeWaitSock);
  }
  tp.sport = port;
  ehash.insert(tp);
  tp.hashed = true;
  return isn;
}

/** tcp_twsk_unique: with timestamps a second later is safe; net.ipv4.tcp_tw_reuse 2 is for loopback alone. */
function mayReuse(tp: TcpSock, tw: TimeWaitSock): boolean {
  const reuse = tp.ns.sysctl.ipv4.tcp_tw_reuse;
  const loopback = tw.daddr >>> 24 === 127 || tw.saddr >>> 24 === 127;
  if (!tw.tsOk || reuse === 0 || (reuse === 2 && !loopback)) return false;
  return tp.now() - (tw.deadline - 60_000) > 1000;
}

/** inet_hash_connect: a port of the range, by dice and tuple; one that only its tuple must be free on. */
function chooseSource(tp: TcpSock): number | undefined | Errno {
  const [low, high] = tp.ns.sysctl.ipv4.ip_local_port_range;
  const count = high - low + 1;
  const start = ephemeralDice(tp.ns).below(count) & ~1;
  for (let i = 0; i < count; i++) {
    // Even distances first: the odd ones are left to bind(2).
    const step = 2 * i < count ? 2 * i : 2 * (i - ((count + 1) >> 1)) + 1;
    const port = low + ((start + step) % count);
    if (tp.net.listeners.has(port) || holdsAlone(tp, port)) continue;
    const isn = claim(tp, port);
    if (isn === 'EADDRNOTAVAIL') continue;
    tp.net.bind.add(tp, port);
    return isn;
  }
  return 'EADDRNOTAVAIL';
}

/** A port that a program bound is its own until it connects. */
function holdsAlone(tp: TcpSock, port: number): boolean {
  for (const other of tp.net.bind.on(port))
    if (!other.hashed && other.state === TCP_CLOSE && !other.wasConnected) return true;
  return false;
}

/** Bytes that fit before the program must wait: tcp_sndbuf_expand grows the buffer with the congestion window. */
export function sendRoom(tp: TcpSock): number {
  const { tcp_wmem } = tp.ns.sysctl.ipv4;
  const limit = tp.sndbufLocked
    ? tp.sndbuf
    : Math.min(
        Math.max(2 * Math.max(tp.cwnd, 10, tp.reordering + 1) * tp.mss, 87_040),
        Math.max(tcp_wmem[2], 4096),
      );
  return Math.max(limit - tp.ring.length, 0);
}

/**
 * send(2): takes as much of data[from..] as fits and says how much, 0 when full (WAKE_WRITE tells of room), or why not.
 * `granted`: room was promised before, and all of it is taken.
 */
export function tcpSend(tp: TcpSock, data: Uint8Array, from = 0, granted = false): number | Errno {
  if (tp.err !== undefined) return tp.takeError()!;
  if (tp.sndShutdown) return 'EPIPE';
  if (!inStates(tp.state, CAN_SEND)) {
    if (tp.state !== TCP_SYN_SENT && tp.state !== TCP_SYN_RECV) return tp.wasConnected ? 'EPIPE' : 'ENOTCONN';
  } else if (tp.packetsOut === 0) restartAfterIdle(tp);
  const left = data.length - from;
  const n = granted ? left : Math.min(sendRoom(tp), left);
  if (n < left) tp.wantsRoom = true;
  if (n <= 0) return 0;
  tp.ring.write(data, from, n);
  tp.writeSeq = tp.ring.end;
  if (tp.state !== TCP_SYN_SENT && tp.state !== TCP_SYN_RECV) pushPending(tp);
  return n;
}

/** recv(2): the next bytes as memory that is the caller's; undefined when none wait (`atEof` tells why). */
export function tcpRecv(tp: TcpSock, max?: number): Uint8Array | undefined {
  const data = tp.rcv.take(max);
  if (data === undefined) return undefined;
  tp.copiedSeq = seqAdd(tp.copiedSeq, data.length);
  adjustReceiveSpace(tp, tp.now());
  afterRead(tp);
  return data;
}

/** Nothing waits and nothing will come. */
export const atEof = (tp: TcpSock): boolean => tp.rcv.ready === 0 && tp.rcvShutdown;

export const stateName = (tp: TcpSock): string => STATE_NAMES[tp.state]!;
