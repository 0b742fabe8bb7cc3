// net.Server's face on the emulated stack.
import { EventEmitter } from 'node:events';
import { ANY, formatIpv4, parseIpv4 } from '../kernel/wire/addr.ts';
import { socketError } from './errors.ts';
import type { Address, FromKernel, SocketId } from './messages.ts';
import { TcpSocket } from './net.ts';
import type { SocketStack } from './stack.ts';

export interface ListenOptions {
  readonly port: number;
  /** An address of this host; any without it. */
  readonly host?: string | undefined;
  readonly backlog?: number | undefined;
  readonly reusePort?: boolean | undefined;
}

/** What Node asks of listen(2) when not told otherwise. */
const BACKLOG = 511;

export class TcpServer extends EventEmitter {
  maxConnections = Number.POSITIVE_INFINITY;
  readonly connections = new Set<TcpSocket>();
  readonly #stack: SocketStack;
  readonly #allowHalfOpen: boolean;
  #id: SocketId | undefined = undefined;
  #at: Address = { addr: ANY, port: 0 };
  #listening = false;

  constructor(stack: SocketStack, options: { readonly allowHalfOpen?: boolean } = {}) {
    super();
    this.#stack = stack;
    this.#allowHalfOpen = options.allowHalfOpen ?? false;
  }

  get listening(): boolean {
    return this.#listening;
  }

  /** 'listening', or 'error' with EADDRINUSE and the like. SO_REUSEADDR is set, as Node does. */
  listen(options: ListenOptions, callback?: () => void): this {
    if (callback !== undefined) this.once('listening', callback);
    const addr = options.host === undefined || options.host === 'localhost' ? ANY : parseIpv4(options.host);
    const host = options.host === 'localhost' ? parseIpv4('127.0.0.1')! : addr;
    if (host === undefined) {
      queueMicrotask(() => this.emit('error', socketError('listen', 'EADDRNOTAVAIL')));
      return this;
    }
    this.#at = { addr: host, port: options.port };
    const id = this.#stack.open('tcp', (message) => this.#hear(message));
    this.#id = id;
    this.#stack.post({ op: 'setsockopt', id, call: 0, name: 'SO_REUSEADDR', value: 1 });
    if (options.reusePort)
      this.#stack.post({ op: 'setsockopt', id, call: 0, name: 'SO_REUSEPORT', value: 1 });
    this.#stack.post({ op: 'bind', id, call: 1, at: this.#at });
    this.#stack.post({ op: 'listen', id, call: 2, backlog: options.backlog ?? BACKLOG });
    return this;
  }

  #hear(message: FromKernel): void {
    if (message.ev === 'accepted') this.#accept(message);
    else if (message.ev === 'done' && message.call !== 0) this.#done(message);
  }

  #done(message: Extract<FromKernel, { ev: 'done' }>): void {
    if (this.#id === undefined) return;
    if (message.errno !== undefined) {
      const error = socketError('listen', message.errno, this.#at);
      this.#drop();
      queueMicrotask(() => this.emit('error', error));
      return;
    }
    if (message.call !== 2) return;
    this.#at = message.local;
    this.#listening = true;
    queueMicrotask(() => {
      if (this.#listening) this.emit('listening');
    });
  }

  #accept(message: Extract<FromKernel, { ev: 'accepted' }>): void {
    const socket = new TcpSocket(this.#stack, { allowHalfOpen: this.#allowHalfOpen }, message);
    if (this.connections.size >= this.maxConnections) {
      socket.destroy();
      this.emit('drop', { localPort: message.local.port, remotePort: message.remote.port });
      return;
    }
    this.connections.add(socket);
    socket.once('close', () => {
      this.connections.delete(socket);
      if (!this.#listening) this.#closedIfEmpty();
    });
    this.emit('connection', socket);
  }

  #drop(): void {
    if (this.#id === undefined) return;
    this.#stack.post({ op: 'close', id: this.#id });
    this.#stack.detach(this.#id);
    this.#id = undefined;
    this.#listening = false;
  }

  /** No more connections are accepted; 'close' when the last one that was has ended. */
  close(callback?: (error?: Error) => void): this {
    if (callback !== undefined) this.once('close', callback);
    this.#drop();
    queueMicrotask(() => this.#closedIfEmpty());
    return this;
  }

  #closedIfEmpty(): void {
    if (this.connections.size === 0 && !this.#listening) this.emit('close');
  }

  address(): { address: string; port: number; family: string } | null {
    if (!this.#listening) return null;
    return { address: formatIpv4(this.#at.addr), port: this.#at.port, family: 'IPv4' };
  }

  getConnections(callback: (error: Error | null, count: number) => void): void {
    queueMicrotask(() => callback(null, this.connections.size));
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** net.createServer. */
export function createServer(
  stack: SocketStack,
  listener?: (socket: TcpSocket) => void,
  options: { readonly allowHalfOpen?: boolean } = {},
): TcpServer {
  const server = new TcpServer(stack, options);
  if (listener !== undefined) server.on('connection', listener);
  return server;
}
