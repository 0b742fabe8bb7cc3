// The sockets of a namespace as /proc/net/tcp and /proc/net/udp show them (net/ipv4/tcp_ipv4.c, udp.c) and as `ss` prints them.
import type { Netns } from '../netns/netns.ts';
import type { Sock } from '../transport/sock.ts';
import { sockNet } from '../transport/sock-net.ts';
import { STATE_NAMES, TCP_LISTEN } from '../transport/tcp/state.ts';
import { tcpNet } from '../transport/tcp/tcp-net.ts';
import type { TcpSock } from '../transport/tcp/tcp-sock.ts';
import { formatIpv4, type Ipv4 } from '../wire/addr.ts';

export interface SocketRow {
  readonly proto: 'tcp' | 'udp';
  /** As in include/net/tcp_states.h: 1 ESTABLISHED, 7 CLOSE (an unconnected UDP socket), 10 LISTEN. */
  readonly state: number;
  readonly src: Ipv4;
  readonly sport: number;
  readonly dst: Ipv4;
  readonly dport: number;
  readonly rx: number;
  readonly tx: number;
  readonly ino: number;
  readonly owner: string;
}

const UDP_UNCONNECTED = 7;
const UDP_CONNECTED = 1;

const row = (proto: 'tcp' | 'udp', sk: Sock, state: number, rx: number, tx: number): SocketRow => ({
  proto,
  state,
  src: sk.rcvSaddr,
  sport: sk.sport,
  dst: sk.daddr,
  dport: sk.dport,
  rx,
  tx,
  ino: sk.ino,
  owner: sk.owner,
});

/** Every TCP and UDP socket with a port, listeners first. */
export function socketRows(ns: Netns): SocketRow[] {
  const tcp = [...tcpNet(ns).bind.all()].map((sk: TcpSock) => {
    const listening = sk.state === TCP_LISTEN;
    return row(
      'tcp',
      sk,
      sk.state,
      listening ? sk.acceptQueue.length : sk.rcv.ready,
      listening ? sk.backlog : (sk.writeSeq - sk.sndUna) >>> 0,
    );
  });
  const udp = [...sockNet(ns).udp.all()].map((sk) =>
    row('udp', sk, sk.connected ? UDP_CONNECTED : UDP_UNCONNECTED, sk.queue.length, 0),
  );
  return [...tcp, ...udp].sort(
    (a, b) => Number(b.state === TCP_LISTEN) - Number(a.state === TCP_LISTEN) || a.ino - b.ino,
  );
}

const hexAddr = (a: Ipv4, port: number): string =>
  `${[a & 255, (a >>> 8) & 255, (a >>> 16) & 255, a >>> 24].map((o) => o.toString(16).padStart(2, '0')).join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase();

/** /proc/net/tcp or /proc/net/udp. */
export function procSockets(ns: Netns, proto: 'tcp' | 'udp'): string {
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const hex = (n: number, width: number): string => n.toString(16).padStart(width, '0').toUpperCase();
  const rows = socketRows(ns)
    .filter((r) => r.proto === proto)
    .map((r, i) =>
      `${String(i).padStart(4)}: ${hexAddr(r.src, r.sport)} ${hexAddr(r.dst, r.dport)} ${hex(r.state, 2)} ${hex(r.tx, 8)}:${hex(r.rx, 8)} 00:00000000 00000000     0        0 ${r.ino} 1 0000000000000000 100 0 0 10 0`.padEnd(
        149,
      ),
    );
  return [head.padEnd(149), ...rows].map((l) => `${l}\n`).join('');
}

const SS_STATES: Readonly<Record<string, string>> = {
  ESTABLISHED: 'ESTAB',
  TIME_WAIT: 'TIME-WAIT',
  LISTEN: 'LISTEN',
  CLOSE: 'UNCONN',
};
const stateText = (r: SocketRow): string => {
  if (r.proto === 'udp') return r.state === UDP_CONNECTED ? 'ESTAB' : 'UNCONN';
  const name = STATE_NAMES[r.state] ?? '';
  return SS_STATES[name] ?? name.replaceAll('_', '-');
};
const at = (a: Ipv4, port: number): string => `${formatIpv4(a)}:${port === 0 ? '*' : port}`;

export interface SsOptions {
  readonly listening: boolean;
  readonly all: boolean;
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly processes: boolean;
}

/** `ss -n` with -l -a -t -u -p. */
export function ss(ns: Netns, o: SsOptions): string {
  const both = o.tcp === o.udp;
  const rows = socketRows(ns).filter((r) => {
    if (!both && (r.proto === 'tcp') !== o.tcp) return false;
    const passive = r.proto === 'tcp' ? r.state === TCP_LISTEN : r.state === UDP_UNCONNECTED;
    return o.all || passive === o.listening;
  });
  const cells = rows.map((r) => [
    ...(both ? [r.proto] : []),
    stateText(r),
    String(r.rx),
    String(r.tx),
    at(r.src, r.sport),
    at(r.dst, r.dport),
    o.processes && r.owner !== '' ? `users:(("${r.owner}"))` : '',
  ]);
  const head = [
    ...(both ? ['Netid'] : []),
    'State',
    'Recv-Q',
    'Send-Q',
    'Local Address:Port',
    'Peer Address:Port',
    'Process',
  ];
  const widths = head.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i]!.length)));
  return [head, ...cells]
    .map(
      (c) =>
        `${c
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join(' ')
          .trimEnd()}\n`,
    )
    .join('');
}
