// The kernel's end of the socket API: turns messages into calls on kernel/transport, and wake-ups into messages. One
// per program (a workload, a worker); when the program is gone, `stop` closes all that it had open.
import type { Netns } from '../kernel/netns/netns.ts';
import type { DatagramSock } from '../kernel/transport/datagram-sock.ts';
import type { Errno } from '../kernel/transport/errno.ts';
import { PingSock } from '../kernel/transport/ping.ts';
import { RawSock } from '../kernel/transport/raw.ts';
import { WAKE_ERROR, WAKE_READ } from '../kernel/transport/sock.ts';
import { UdpSock } from '../kernel/transport/udp.ts';
import { type Address, DATAGRAM_CREDIT, type FromKernel, type SocketId, type ToKernel } from './messages.ts';
import { StreamEnd } from './stream-end.ts';

/** A datagram socket and what its program may still be given. */
interface DatagramEnd {
  readonly kind: 'datagram';
  readonly sk: DatagramSock;
  credit: number;
}

export class SocketServer {
  readonly ns: Netns;
  readonly #emit: (message: FromKernel) => void;
  readonly #owner: string;
  readonly #ends = new Map<SocketId, StreamEnd | DatagramEnd>();
  #nextChild = -1;

  constructor(ns: Netns, owner: string, emit: (message: FromKernel) => void) {
    this.ns = ns;
    this.#owner = owner;
    this.#emit = emit;
  }

  /** Open sockets, for tests and limits. */
  get size(): number {
    return this.#ends.size;
  }

  /** A message for a socket that is closed already is ignored: the two crossed. */
  handle(message: ToKernel): void {
    if (message.op === 'open') {
      this.#open(message.id, message.proto, message.protocol);
      return;
    }
    const end = this.#ends.get(message.id);
    if (end === undefined) return;
    if (end instanceof StreamEnd) this.#stream(end, message);
    else this.#datagram(end, message);
  }

  /** The program is gone: kernel side of exit(2). */
  stop(): void {
    for (const end of this.#ends.values()) end.sk.close();
    this.#ends.clear();
  }

  #open(id: SocketId, proto: string, protocol: number): void {
    if (proto === 'tcp') {
      this.#ends.set(id, new StreamEnd(this.ns, id, this.#owner, this.#emit, this.#accepted));
      return;
    }
    const sk =
      proto === 'udp'
        ? new UdpSock(this.ns)
        : proto === 'icmp'
          ? new PingSock(this.ns)
          : new RawSock(this.ns, protocol);
    const end: DatagramEnd = { kind: 'datagram', sk, credit: DATAGRAM_CREDIT };
    sk.owner = this.#owner;
    sk.wake = (what) => this.#wake(id, end, what);
    this.#ends.set(id, end);
  }

  /** Gives an accepted connection an id and an end of its own. */
  readonly #accepted = (end: StreamEnd): SocketId => {
    const id = this.#nextChild--;
    this.#ends.set(id, end);
    return id;
  };

  #done(id: SocketId, call: number, errno: Errno | undefined, local: Address): void {
    this.#emit({ ev: 'done', id, call, errno, local });
  }

  #stream(end: StreamEnd, message: ToKernel): void {
    switch (message.op) {
      case 'bind':
        this.#done(end.id, message.call, end.bind(message.at), end.local);
        return;
      case 'listen':
        this.#done(end.id, message.call, end.listen(message.backlog), end.local);
        return;
      case 'connect': {
        const errno = end.connect(message.to);
        this.#done(end.id, message.call, errno, end.local);
        return;
      }
      case 'setsockopt':
        this.#done(end.id, message.call, end.sk.setOption(message.name, message.value), end.local);
        return;
      case 'send':
        end.send(message.data);
        return;
      case 'credit':
        end.addCredit(message.amount);
        return;
      case 'trace':
        end.sk.trace = message.trace;
        return;
      case 'shutdown':
        end.shutdown();
        return;
      case 'close':
        this.#ends.delete(end.id);
        end.sk.close();
        return;
      case 'abort':
        this.#ends.delete(end.id);
        end.abort();
        return;
      default:
        return;
    }
  }

  #datagram(end: DatagramEnd, message: ToKernel): void {
    const { sk } = end;
    const { id } = message;
    const local = (): Address => ({ addr: sk.saddr, port: sk.sport });
    switch (message.op) {
      case 'bind':
        this.#done(id, message.call, sk.bind(message.at.addr, message.at.port), local());
        return;
      case 'connect':
        this.#done(id, message.call, sk.connect(message.to.addr, message.to.port), local());
        return;
      case 'setsockopt':
        this.#done(id, message.call, sk.setOption(message.name, message.value), local());
        return;
      case 'sendto': {
        const { to, data } = message;
        const errno = sk.sendTo(data, to?.addr, to?.port, message);
        this.#done(id, message.call, errno, local());
        return;
      }
      case 'credit':
        end.credit += message.amount;
        this.#drain(id, end);
        return;
      case 'trace':
        sk.trace = message.trace;
        return;
      case 'close':
      case 'abort':
        this.#ends.delete(id);
        sk.close();
        return;
      default:
        return;
    }
  }

  #wake(id: SocketId, end: DatagramEnd, what: number): void {
    if ((what & WAKE_ERROR) !== 0) {
      const { sk } = end;
      for (const report of sk.errors.splice(0)) this.#emit({ ev: 'error', id, errno: report.errno, report });
      const errno = sk.takeError();
      if (errno !== undefined && !sk.recvErr) this.#emit({ ev: 'error', id, errno, report: undefined });
    }
    if ((what & WAKE_READ) !== 0) this.#drain(id, end);
  }

  #drain(id: SocketId, end: DatagramEnd): void {
    while (end.credit > 0 && !end.sk.closed) {
      const d = end.sk.recv();
      if (d === undefined) return;
      end.credit--;
      const from = { addr: d.src, port: d.sport };
      this.#emit({
        ev: 'datagram',
        id,
        data: d.data,
        from,
        dst: d.dst,
        ttl: d.ttl,
        tos: d.tos,
        trace: d.trace,
      });
    }
  }
}
