// /proc/net/tcp, /proc/net/udp and /proc/net/raw: tcp4_seq_show, udp4_seq_show, raw_seq_show. The column of kernel pointers is
// zeros, as unprivileged readers see it; `sl` counts rows, where Linux has the hash bucket.
import type { Netns } from '../netns/netns.ts';
import { type SocketInfo, sockets } from '../transport/listing.ts';
import { TCP_LISTEN, TCP_SYN_RECV, TCP_TIME_WAIT } from '../transport/tcp/state.ts';
import { TcpSock } from '../transport/tcp/tcp-sock.ts';
import type { Ipv4 } from '../wire/addr.ts';

const TCP_WIDTH = 149;
const UDP_WIDTH = 127;
const POINTER = '0000000000000000';
/** Milliseconds per jiffy: USER_HZ is 100. */
const JIFFY = 10;

const hex = (n: number, width: number): string => (n >>> 0).toString(16).toUpperCase().padStart(width, '0');
const swap = (a: Ipv4): number => ((a & 255) << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);
const end = (a: Ipv4, port: number): string => `${hex(swap(a), 8)}:${hex(port, 4)}`;

export function procSockets(ns: Netns, proto: 'tcp' | 'udp' | 'raw'): string {
  const rows = sockets(ns).filter((s) => s.proto === proto);
  const tcp = proto === 'tcp';
  const head = tcp
    ? '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
    : '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops';
  const width = tcp ? TCP_WIDTH : UDP_WIDTH;
  return [head, ...rows.map(tcp ? tcpRow : datagramRow)].map((line) => `${line.padEnd(width)}\n`).join('');
}

const common = (s: SocketInfo): string =>
  `${end(s.local, s.lport)} ${end(s.remote, s.rport)} ${hex(s.state, 2)} ${hex(s.txQueue, 8)}:${hex(s.rxQueue, 8)} ${hex(s.timer, 2)}:${hex(Math.round(s.expires / JIFFY), 8)} ${hex(s.retransmits, 8)} ${String(s.uid).padStart(5)} ${'0'.padStart(8)} ${s.ino}`;

function tcpRow(s: SocketInfo, i: number): string {
  const row = `${String(i).padStart(4)}: ${common({ ...s, txQueue: s.state === TCP_LISTEN ? 0 : s.txQueue })}`;
  if (s.state === TCP_TIME_WAIT) return `${row} 3 ${POINTER}`;
  if (s.state === TCP_SYN_RECV) return `${row} 1 ${POINTER}`;
  const { sock } = s;
  if (s.state === TCP_LISTEN || !(sock instanceof TcpSock)) return `${row} 1 ${POINTER} 100 0 0 10 0`;
  const ssthresh = sock.ssthresh >= 0x7fff_ffff ? -1 : sock.ssthresh;
  const quick = (sock.quickacks << 1) | (sock.pingpong > 0 ? 1 : 0);
  return `${row} ${s.timer === 0 ? 1 : 2} ${POINTER} ${Math.round(sock.rto / JIFFY)} ${Math.round(sock.ato / JIFFY)} ${quick} ${sock.cwnd} ${ssthresh}`;
}

const datagramRow = (s: SocketInfo, i: number): string =>
  `${String(i).padStart(5)}: ${common(s)} 2 ${POINTER} ${s.drops}`;
