// One TCP socket as the kernel's end of the socket API has it: credit in both directions, so that neither a fast peer
// nor a fast program can make the other hold more than was promised.
import type { Netns } from '../kernel/netns/netns.ts';
import type { Errno } from '../kernel/transport/errno.ts';
import { WAKE_ERROR, WAKE_READ, WAKE_WRITE } from '../kernel/transport/sock.ts';
import { CAN_SEND, inStates, TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN } from '../kernel/transport/tcp/state.ts';
import {
  atEof,
  sendRoom,
  tcpAbort,
  tcpAccept,
  tcpBind,
  tcpConnect,
  tcpListen,
  tcpRecv,
  tcpSend,
  tcpShutdown,
} from '../kernel/transport/tcp/tcp.ts';
import { TcpSock } from '../kernel/transport/tcp/tcp-sock.ts';
import { type Address, type FromKernel, type SocketId, STREAM_CREDIT } from './messages.ts';

/** A grant smaller than this waits for more, unless the buffer is empty. */
const MIN_GRANT = 16_384;

export class StreamEnd {
  readonly id: SocketId;
  readonly sk: TcpSock;
  readonly #emit: (message: FromKernel) => void;
  readonly #adopt: (end: StreamEnd) => SocketId;
  #connecting = false;
  #ended = false;
  #failed = false;
  /** Bytes that the program may still be given, and bytes that it may still send. */
  #credit = STREAM_CREDIT;
  #granted = 0;

  constructor(
    ns: Netns,
    id: SocketId,
    owner: string,
    emit: (message: FromKernel) => void,
    adopt: (end: StreamEnd) => SocketId,
    accepted?: TcpSock,
  ) {
    this.sk = accepted ?? new TcpSock(ns);
    this.sk.owner = owner;
    this.#emit = emit;
    this.#adopt = adopt;
    this.id = accepted === undefined ? id : adopt(this);
    this.sk.wake = (what) => this.#wake(what);
  }

  get local(): Address {
    return { addr: this.sk.saddr, port: this.sk.sport };
  }
  get remote(): Address {
    return { addr: this.sk.daddr, port: this.sk.dport };
  }

  bind(at: Address): Errno | undefined {
    return tcpBind(this.sk, at.addr, at.port);
  }

  listen(backlog: number): Errno | undefined {
    return tcpListen(this.sk, backlog);
  }

  connect(to: Address): Errno | undefined {
    const errno = tcpConnect(this.sk, to.addr, to.port);
    this.#connecting = errno === undefined;
    return errno;
  }

  send(data: Uint8Array): void {
    this.#granted -= data.length;
    const sent = tcpSend(this.sk, data, 0, true);
    if (typeof sent === 'string') this.#fail(sent);
    else this.#grant();
  }

  addCredit(amount: number): void {
    this.#credit += amount;
    this.#read();
  }

  shutdown(): void {
    tcpShutdown(this.sk, 'write');
  }

  abort(): void {
    tcpAbort(this.sk);
  }

  /** Takes over a connection that was accepted: it may hold data and even the peer's FIN already. */
  begin(): void {
    this.#grant();
    this.#read();
  }

  #wake(what: number): void {
    const { sk } = this;
    if (sk.state === TCP_LISTEN) {
      this.#accept();
      return;
    }
    if (this.#connecting && sk.state === TCP_ESTABLISHED) {
      this.#connecting = false;
      this.#emit({ ev: 'connected', id: this.id, local: this.local, remote: this.remote });
    }
    if ((what & WAKE_READ) !== 0) this.#read();
    if ((what & WAKE_ERROR) !== 0 && sk.err !== undefined) {
      const errno = sk.takeError()!;
      if (sk.state === TCP_CLOSE) this.#fail(errno);
      return;
    }
    if ((what & WAKE_WRITE) !== 0) this.#grant();
  }

  #fail(errno: Errno): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#emit({ ev: 'failed', id: this.id, errno });
  }

  #accept(): void {
    for (let child = tcpAccept(this.sk); child !== undefined; child = tcpAccept(this.sk)) {
      const end = new StreamEnd(this.sk.ns, 0, this.sk.owner, this.#emit, this.#adopt, child);
      this.#emit({ ev: 'accepted', id: this.id, child: end.id, local: end.local, remote: end.remote });
      end.begin();
    }
  }

  #read(): void {
    const { sk } = this;
    while (this.#credit > 0 && !sk.closed) {
      const data = tcpRecv(sk);
      if (data === undefined) break;
      this.#credit -= data.length;
      this.#emit({ ev: 'data', id: this.id, data });
    }
    // A reset also closes the reading side, but is told as a failure.
    if (!this.#ended && atEof(sk) && sk.err === undefined && !sk.closed && sk.wasConnected) {
      this.#ended = true;
      this.#emit({ ev: 'end', id: this.id });
    }
  }

  /** Promises what the send buffer has room for beyond earlier promises. */
  #grant(): void {
    const { sk } = this;
    if (!inStates(sk.state, CAN_SEND) || sk.closed) return;
    const room = sendRoom(sk) - this.#granted;
    sk.wantsRoom = true;
    if (room < MIN_GRANT && (this.#granted > 0 || room <= 0)) return;
    this.#granted += room;
    this.#emit({ ev: 'room', id: this.id, bytes: room });
  }
}
