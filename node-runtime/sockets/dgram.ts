// node:dgram's face on the emulated stack.
import { EventEmitter } from 'node:events';
import type { SockOption } from '../kernel/transport/sock.ts';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../kernel/wire/addr.ts';
import { socketError } from './errors.ts';
import { type Address, DATAGRAM_CREDIT, type FromKernel, type SocketId } from './messages.ts';
import { addressOf } from './resolve.ts';
import type { SocketStack } from './stack.ts';

export interface RemoteInfo {
  readonly address: string;
  readonly family: 'IPv4';
  readonly port: number;
  readonly size: number;
  /** What Node does not tell: TTL as received, the address it was sent to, and its trace id. */
  readonly ttl: number;
  readonly dst: string;
  readonly trace: number;
}

export interface DatagramSendOptions {
  readonly trace?: number | undefined;
  readonly ttl?: number | undefined;
  readonly tos?: number | undefined;
}

type SendCallback = (error: Error | null, bytes: number) => void;

/** Datagrams after which credit goes back. */
const STEP = DATAGRAM_CREDIT / 4;

export class DatagramSocket extends EventEmitter {
  readonly #stack: SocketStack;
  readonly #id: SocketId;
  readonly #calls = new Map<number, (message: Extract<FromKernel, { ev: 'done' }>) => void>();
  #nextCall = 1;
  #used = 0;
  #local: Address | undefined = undefined;
  #remote: Address | undefined = undefined;
  #closed = false;

  constructor(
    stack: SocketStack,
    options: { readonly reuseAddr?: boolean; readonly reusePort?: boolean } = {},
  ) {
    super();
    this.#stack = stack;
    this.#id = stack.open('udp', (message) => this.#hear(message));
    if (options.reuseAddr) this.setOption('SO_REUSEADDR', 1);
    if (options.reusePort) this.setOption('SO_REUSEPORT', 1);
  }

  #hear(message: FromKernel): void {
    if (message.ev === 'datagram') {
      const data = Buffer.from(message.data.buffer, message.data.byteOffset, message.data.length);
      if (++this.#used >= STEP) {
        this.#stack.post({ op: 'credit', id: this.#id, amount: this.#used });
        this.#used = 0;
      }
      const { from, ttl, trace } = message;
      const dst = formatIpv4(message.dst);
      const address = formatIpv4(from.addr);
      this.emit('message', data, {
        address,
        family: 'IPv4',
        port: from.port,
        size: data.length,
        ttl,
        dst,
        trace,
      });
    } else if (message.ev === 'done') {
      const call = this.#calls.get(message.call);
      this.#calls.delete(message.call);
      if (message.errno === undefined) this.#local = message.local;
      call?.(message);
    } else if (message.ev === 'error')
      this.emit('error', socketError('recvmsg', message.errno, this.#remote));
  }

  #call(then: (message: Extract<FromKernel, { ev: 'done' }>) => void): number {
    const call = this.#nextCall++;
    this.#calls.set(call, then);
    return call;
  }

  /** 'listening' or 'error'. Port 0: one is chosen. */
  bind(options: { readonly port?: number; readonly address?: string } = {}, callback?: () => void): this {
    if (callback !== undefined) this.once('listening', callback);
    const addr = options.address === undefined ? ANY : parseIpv4(options.address);
    const at = { addr: addr ?? ANY, port: options.port ?? 0 };
    if (addr === undefined) {
      queueMicrotask(() => this.emit('error', socketError('bind', 'EADDRNOTAVAIL', at)));
      return this;
    }
    const call = this.#call(({ errno }) =>
      queueMicrotask(() =>
        errno === undefined ? this.emit('listening') : this.emit('error', socketError('bind', errno, at)),
      ),
    );
    this.#stack.post({ op: 'bind', id: this.#id, call, at });
    return this;
  }

  /** Fixes the peer: only it is heard, and ICMP errors of its are reported. 'connect' or 'error'. */
  connect(port: number, host = '127.0.0.1', callback?: () => void): this {
    if (callback !== undefined) this.once('connect', callback);
    this.#resolve(host, (to) => {
      const remote = { addr: to, port };
      this.#remote = remote;
      const call = this.#call(({ errno }) =>
        queueMicrotask(() =>
          errno === undefined
            ? this.emit('connect')
            : this.emit('error', socketError('connect', errno, remote)),
        ),
      );
      this.#stack.post({ op: 'connect', id: this.#id, call, to: remote });
    });
    return this;
  }

  #resolve(host: string, then: (addr: Ipv4) => void): void {
    const found = addressOf(host, this.#stack.resolve);
    if (typeof found === 'number') then(found);
    else found.then(then, (error: Error) => this.emit('error', error));
  }

  /** `to` undefined: the connected peer. Without a callback a failure is an 'error' event. */
  send(
    data: Uint8Array | string,
    to?: { readonly port: number; readonly address: string },
    callback?: SendCallback,
    options: DatagramSendOptions = {},
  ): void {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    const send = (at: Address | undefined): void => {
      if (this.#closed) return;
      const call = this.#call(({ errno }) => {
        if (errno === undefined) {
          if (callback !== undefined) queueMicrotask(() => callback(null, bytes.length));
          return;
        }
        const error = socketError('send', errno, at);
        queueMicrotask(() => (callback !== undefined ? callback(error, 0) : this.emit('error', error)));
      });
      this.#stack.post({ op: 'sendto', id: this.#id, call, data: bytes, to: at, ...options });
    };
    if (to === undefined) send(undefined);
    else this.#resolve(to.address, (addr) => send({ addr, port: to.port }));
  }

  setOption(name: SockOption, value: number): this {
    this.#stack.post({ op: 'setsockopt', id: this.#id, call: 0, name, value });
    return this;
  }
  setBroadcast(on: boolean): this {
    return this.setOption('SO_BROADCAST', on ? 1 : 0);
  }
  setTTL(ttl: number): this {
    return this.setOption('IP_TTL', ttl);
  }
  addMembership(group: string): this {
    return this.setOption('IP_ADD_MEMBERSHIP', parseIpv4(group) ?? 0);
  }

  address(): { address: string; port: number; family: string } {
    if (this.#local === undefined) throw socketError('getsockname', 'EINVAL');
    return { address: formatIpv4(this.#local.addr), port: this.#local.port, family: 'IPv4' };
  }

  close(callback?: () => void): this {
    if (callback !== undefined) this.once('close', callback);
    if (this.#closed) return this;
    this.#closed = true;
    this.#stack.post({ op: 'close', id: this.#id });
    this.#stack.detach(this.#id);
    queueMicrotask(() => this.emit('close'));
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** dgram.createSocket('udp4'). */
export const createSocket = (
  stack: SocketStack,
  options: { readonly reuseAddr?: boolean; readonly reusePort?: boolean } = {},
): DatagramSocket => new DatagramSocket(stack, options);
