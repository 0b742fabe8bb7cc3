// The program's end of the socket API: hands out ids, sends messages by a carrier, and gives what comes back to the
// socket it is for. `socketStack` is the direct carrier, for programs in the kernel's thread; `portStack` and
// `servePort` are the two ends of a MessagePort, for workers.
import type { MessagePort } from 'node:worker_threads';
import type { Netns } from '../kernel/netns/netns.ts';
import type { SockProto } from '../kernel/transport/sock.ts';
import type { FromKernel, SocketId, ToKernel } from './messages.ts';
import { literalsOnly, type Resolve } from './resolve.ts';
import { SocketServer } from './socket-server.ts';

type Handler = (message: FromKernel) => void;

export interface StackOptions {
  /** Turns names into addresses; literals never get here. Without it every name is unknown. */
  readonly resolve?: Resolve;
  /** Who opens the sockets, for `ss -p` and traces: the program's name. */
  readonly owner?: string;
}

/** What carries messages and tells time. */
interface Carrier {
  post(message: ToKernel): void;
  now(): number;
  after(ms: number, fn: () => void): { cancel(): void };
  stop(): void;
}

export class SocketStack {
  readonly resolve: Resolve;
  readonly owner: string;
  readonly #carrier: Carrier;
  readonly #handlers = new Map<SocketId, Handler>();
  #nextId = 1;

  constructor(carrier: Carrier, options: StackOptions) {
    this.#carrier = carrier;
    this.resolve = options.resolve ?? literalsOnly;
    this.owner = options.owner ?? '';
  }

  open(proto: SockProto, handler: Handler, protocol = 0): SocketId {
    const id = this.#nextId++;
    this.#handlers.set(id, handler);
    this.post({ op: 'open', id, proto, protocol });
    return id;
  }

  /** Takes over a connection that a listener announced. */
  attach(id: SocketId, handler: Handler): void {
    this.#handlers.set(id, handler);
  }

  /** Nothing more is heard of this socket. */
  detach(id: SocketId): void {
    this.#handlers.delete(id);
  }

  post(message: ToKernel): void {
    this.#carrier.post(message);
  }

  /** Where a carrier puts what the kernel says. */
  deliver(message: FromKernel): void {
    this.#handlers.get(message.id)?.(message);
  }

  /** Milliseconds on the clock that the kernel goes by; a worker has its own. */
  now(): number {
    return this.#carrier.now();
  }
  after(ms: number, fn: () => void): { cancel(): void } {
    return this.#carrier.after(ms, fn);
  }

  /** Closes every socket of this stack. */
  stop(): void {
    this.#handlers.clear();
    this.#carrier.stop();
  }
}

/** Sockets of a namespace for a program in this thread. */
export function socketStack(ns: Netns, options: StackOptions = {}): SocketStack {
  const { clock } = ns.kernel;
  const server = new SocketServer(ns, options.owner ?? '', (message) => stack.deliver(message));
  const stack: SocketStack = new SocketStack(
    {
      post: (message) => server.handle(message),
      now: () => clock.now(),
      after: (ms, fn) => clock.after(ms, fn),
      stop: () => server.stop(),
    },
    options,
  );
  return stack;
}

/** The kernel's side of a worker's sockets. They are closed when the port is. */
export function servePort(ns: Netns, port: MessagePort, owner = ''): { stop(): void } {
  const server = new SocketServer(ns, owner, (message) => {
    if (message.ev === 'data') {
      // The chunk is ours alone: it changes threads without a copy, unless most of it is empty.
      const { data } = message;
      const own = data.length * 2 >= data.buffer.byteLength ? data : data.slice();
      port.postMessage({ ...message, data: own }, [own.buffer as ArrayBuffer]);
    } else postCompact(port, message);
  });
  port.on('message', (message: ToKernel) => server.handle(message));
  port.on('close', () => server.stop());
  return {
    stop: () => {
      server.stop();
      port.close();
    },
  };
}

/** Posts a message whose bytes, if it has any, may lie in a larger buffer: only they are copied. */
function postCompact(port: MessagePort, message: ToKernel | FromKernel): void {
  if (!('data' in message)) {
    port.postMessage(message);
    return;
  }
  const data = new Uint8Array(message.data);
  port.postMessage({ ...message, data }, [data.buffer]);
}

/** The worker's side. */
export function portStack(port: MessagePort, options: StackOptions = {}): SocketStack {
  const stack = new SocketStack(
    {
      post: (message) => postCompact(port, message),
      now: () => performance.now(),
      after: (ms, fn) => {
        const timer = setTimeout(fn, ms);
        return { cancel: () => clearTimeout(timer) };
      },
      stop: () => port.close(),
    },
    options,
  );
  port.on('message', (message: FromKernel) => stack.deliver(message));
  return stack;
}
