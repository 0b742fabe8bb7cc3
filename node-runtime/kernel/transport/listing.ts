// The sockets of a namespace, for ss and /proc/net/{tcp,udp,raw}: tcp4_seq_show, udp4_seq_show, inet_diag.
import type { Netns } from '../netns/netns.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import type { Sock, SockProto } from './sock.ts';
import { sockNet } from './sock-net.ts';
import { type EhashEntry, KIND_REQUEST, KIND_TIME_WAIT } from './tcp/hash.ts';
import type { RequestSock } from './tcp/request.ts';
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN, TCP_SYN_RECV, TCP_TIME_WAIT } from './tcp/state.ts';
import { tcpNet } from './tcp/tcp-net.ts';
import type { TcpSock } from './tcp/tcp-sock.ts';
import type { TimeWaitSock } from './tcp/timewait-queue.ts';

/** The timer column of /proc/net/tcp: 1 retransmission, 2 keepalive, 3 TIME_WAIT, 4 zero-window probe. */
export type SocketTimer = 0 | 1 | 2 | 3 | 4;

export interface SocketInfo {
  readonly proto: SockProto;
  /** include/net/tcp_states.h; of datagram sockets 1 when connected, else 7. */
  readonly state: number;
  readonly local: Ipv4;
  readonly lport: number;
  readonly remote: Ipv4;
  readonly rport: number;
  /** Bytes that the program has not read; of a listener the connections it has not accepted. */
  readonly rxQueue: number;
  /** Bytes not acknowledged; of a listener its backlog. */
  readonly txQueue: number;
  readonly timer: SocketTimer;
  /** Milliseconds until the timer, 0 without one. */
  readonly expires: number;
  readonly retransmits: number;
  readonly uid: number;
  /** 0 for what no program has open: half-open connections, TIME_WAIT, orphans. */
  readonly ino: number;
  readonly drops: number;
  readonly owner: string;
  /** The socket itself, for `ss -i`; undefined for what is less than one. */
  readonly sock: Sock | undefined;
}

/** Listeners first, then connections, then UDP, ping and raw sockets, each in the order they were made. */
export function sockets(ns: Netns): SocketInfo[] {
  const tcp = tcpNet(ns);
  const { udp, ping, raw } = sockNet(ns);
  const listeners = [...tcp.listeners.values()].flat().sort((a, b) => a.ino - b.ino);
  const connections = [...tcp.ehash].sort((a, b) => inoOf(a) - inoOf(b));
  const datagrams = [...[...udp.all()].sort(byIno), ...[...ping.all()].sort(byIno), ...raw];
  return [
    ...listeners.map(listenerInfo),
    ...connections.map((entry) => connectionInfo(ns, entry)),
    ...datagrams.map((sk) => ({
      ...common(sk),
      state: sk.connected ? TCP_ESTABLISHED : TCP_CLOSE,
      rxQueue: sk.queue.used,
      txQueue: 0,
      timer: 0 as const,
      expires: 0,
      retransmits: 0,
    })),
  ];
}

const byIno = (a: Sock, b: Sock): number => a.ino - b.ino;
const inoOf = (entry: EhashEntry): number => ('ino' in entry ? (entry as TcpSock).ino : 0);

const common = (sk: Sock) => ({
  proto: sk.proto,
  local: sk.rcvSaddr,
  lport: sk.sport,
  remote: sk.daddr,
  rport: sk.dport,
  uid: sk.uid,
  ino: sk.ino,
  drops: sk.drops,
  owner: sk.owner,
  sock: sk,
});

const listenerInfo = (sk: TcpSock): SocketInfo => ({
  ...common(sk),
  state: TCP_LISTEN,
  remote: ANY,
  rport: 0,
  rxQueue: sk.acceptQueue.length,
  txQueue: sk.backlog,
  timer: 0,
  expires: 0,
  retransmits: 0,
});

function connectionInfo(ns: Netns, entry: EhashEntry): SocketInfo {
  const now = ns.kernel.clock.now();
  if (entry.kind === KIND_REQUEST) {
    const req = entry as RequestSock;
    const expires = req.timer === undefined ? 0 : req.timer.deadline - now;
    return remains(entry, TCP_SYN_RECV, 1, expires, req.retries);
  }
  if (entry.kind === KIND_TIME_WAIT)
    return remains(entry, TCP_TIME_WAIT, 3, (entry as TimeWaitSock).deadline - now, 0);
  const sk = entry as TcpSock;
  const [timer, deadline] = timerOf(sk);
  return {
    ...common(sk),
    ino: sk.orphan ? 0 : sk.ino,
    state: sk.state,
    rxQueue: sk.rcv.ready,
    txQueue: (sk.writeSeq - sk.sndUna) | 0,
    timer,
    expires: timer === 0 ? 0 : deadline - now,
    retransmits: sk.retransmits,
  };
}

function timerOf(sk: TcpSock): [SocketTimer, number] {
  if (sk.rtoEvent === 'probe0') return [4, sk.rtoTimer.deadline];
  if (sk.rtoEvent !== 'none') return [1, sk.rtoTimer.deadline];
  if (sk.keepTimer.on) return [2, sk.keepTimer.deadline];
  return [0, 0];
}

const remains = (
  entry: EhashEntry,
  state: number,
  timer: SocketTimer,
  expires: number,
  retransmits: number,
): SocketInfo => ({
  proto: 'tcp',
  state,
  local: entry.saddr,
  lport: entry.sport,
  remote: entry.daddr,
  rport: entry.dport,
  rxQueue: 0,
  txQueue: 0,
  timer,
  expires: Math.max(expires, 0),
  retransmits,
  uid: 0,
  ino: 0,
  drops: 0,
  owner: '',
  sock: undefined,
});
