// The end of a namespace: its sockets fail, its half-open connections and TIME_WAIT remains go, and no timer of theirs is
// left. Linux lets a namespace live as long as a socket holds it, and purges TIME_WAIT (tcp_sk_exit_batch).
import type { Netns } from '../netns/netns.ts';
import type { DatagramSock } from './datagram-sock.ts';
import { WAKE_ERROR } from './sock.ts';
import { sockNet } from './sock-net.ts';
import { tcpClose, tcpFail } from './tcp/close.ts';
import { KIND_REQUEST, KIND_SOCK } from './tcp/hash.ts';
import { destroyRequest, type RequestSock } from './tcp/request.ts';
import { tcpNet } from './tcp/tcp-net.ts';
import type { TcpSock } from './tcp/tcp-sock.ts';
import type { TimeWaitSock } from './tcp/timewait-queue.ts';

export function closeSockets(ns: Netns): void {
  const tcp = tcpNet(ns);
  for (const entry of [...tcp.ehash]) {
    if (entry.kind === KIND_SOCK) tcpFail(entry as TcpSock, 'ECONNABORTED');
    else if (entry.kind === KIND_REQUEST) destroyRequest(entry as RequestSock);
    else tcp.timeWait.remove(entry as TimeWaitSock);
  }
  for (const listener of [...tcp.listeners.values()].flat()) tcpClose(listener);
  const { udp, ping, raw } = sockNet(ns);
  const datagram: DatagramSock[] = [...udp.all(), ...ping.all(), ...raw];
  for (const sk of datagram) {
    sk.err = 'ECONNABORTED';
    sk.wake?.(WAKE_ERROR);
    sk.close();
  }
}
