// node:net's face on the emulated stack: a Duplex that acts as net.Socket, far enough for node:http to run on it.
import { Duplex } from 'node:stream';
import type { SockOption } from '../kernel/transport/sock.ts';
import { ANY, formatIpv4, type Ipv4, parseIpv4 } from '../kernel/wire/addr.ts';
import { abortError, socketError } from './errors.ts';
import type { Address, FromKernel, SocketId } from './messages.ts';
import { STREAM_CREDIT } from './messages.ts';
import { addressOf } from './resolve.ts';
import type { SocketStack } from './stack.ts';

export interface ConnectOptions {
  /** A name or an address; this host without it. */
  readonly host?: string | undefined;
  readonly port: number;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly allowHalfOpen?: boolean | undefined;
  readonly noDelay?: boolean | undefined;
  readonly keepAlive?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Trace id that every packet this socket sends carries. */
  readonly trace?: number | undefined;
}

/** Credit goes back in pieces of this size. */
const CREDIT_STEP = STREAM_CREDIT / 8;
const HIGH_WATER_MARK = 65_536;

type WriteCallback = (error?: Error | null) => void;

export class TcpSocket extends Duplex {
  connecting = false;
  bytesRead = 0;
  bytesWritten = 0;
  localAddress: string | undefined = undefined;
  localPort: number | undefined = undefined;
  remoteAddress: string | undefined = undefined;
  remotePort: number | undefined = undefined;
  readonly remoteFamily = 'IPv4';
  readonly localFamily = 'IPv4';
  timeout = 0;
  readonly #stack: SocketStack;
  #id: SocketId;
  #open = true;
  #room = 0;
  #used = 0;
  #flowing = true;
  #held: { data: Uint8Array; callback: WriteCallback } | undefined = undefined;
  #whenConnected: (() => void)[] = [];
  #target: Address | undefined = undefined;
  #idle: { cancel(): void } | undefined = undefined;
  #lastActive = 0;

  /** `accepted`: the connection that a listener announced. */
  constructor(
    stack: SocketStack,
    options: { readonly allowHalfOpen?: boolean | undefined } = {},
    accepted?: Extract<FromKernel, { ev: 'accepted' }>,
  ) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      readableHighWaterMark: HIGH_WATER_MARK,
      writableHighWaterMark: HIGH_WATER_MARK,
      decodeStrings: true,
      emitClose: true,
    });
    this.#stack = stack;
    const hear = (message: FromKernel): void => this.#hear(message);
    if (accepted === undefined) this.#id = stack.open('tcp', hear);
    else {
      this.#id = accepted.child;
      stack.attach(accepted.child, hear);
      this.#addresses(accepted.local, accepted.remote);
    }
  }

  get pending(): boolean {
    return this.connecting;
  }
  get readyState(): string {
    if (this.connecting) return 'opening';
    if (this.readable && this.writable) return 'open';
    return this.readable ? 'readOnly' : this.writable ? 'writeOnly' : 'closed';
  }

  /** Begins to connect; 'connect' and 'ready', or 'error', tells the end of it. */
  connect(options: ConnectOptions): this {
    this.connecting = true;
    if (options.noDelay) this.setNoDelay(true);
    if (options.keepAlive) this.setKeepAlive(true);
    if (options.trace !== undefined) this.#stack.post({ op: 'trace', id: this.#id, trace: options.trace });
    const { signal } = options;
    if (signal !== undefined) {
      const abort = (): void => void this.destroy(abortError());
      if (signal.aborted) queueMicrotask(abort);
      else {
        signal.addEventListener('abort', abort, { once: true });
        this.once('close', () => signal.removeEventListener('abort', abort));
      }
    }
    const found = addressOf(options.host ?? 'localhost', this.#stack.resolve);
    if (typeof found === 'number') queueMicrotask(() => this.#start(found, options));
    else
      found.then(
        (addr) => {
          this.emit('lookup', null, formatIpv4(addr), 4, options.host);
          this.#start(addr, options);
        },
        (error: Error) => this.destroy(error),
      );
    return this;
  }

  #start(addr: Ipv4, options: ConnectOptions): void {
    if (this.destroyed) return;
    const id = this.#id;
    this.#target = { addr, port: options.port };
    if (options.localAddress !== undefined || options.localPort !== undefined) {
      const local = options.localAddress === undefined ? ANY : parseIpv4(options.localAddress);
      if (local === undefined) {
        this.destroy(socketError('bind', 'EINVAL'));
        return;
      }
      this.#stack.post({ op: 'bind', id, call: 1, at: { addr: local, port: options.localPort ?? 0 } });
    }
    if (!this.destroyed) this.#stack.post({ op: 'connect', id, call: 2, to: this.#target });
  }

  #addresses(local: Address, remote: Address): void {
    this.localAddress = formatIpv4(local.addr);
    this.localPort = local.port;
    this.remoteAddress = formatIpv4(remote.addr);
    this.remotePort = remote.port;
  }

  #hear(message: FromKernel): void {
    switch (message.ev) {
      case 'data':
        this.#data(message.data);
        return;
      case 'room':
        this.#room += message.bytes;
        this.#flush();
        return;
      case 'end':
        this.push(null);
        // Nobody may be reading: the end must still be seen (net.Socket reads on by itself).
        this.read(0);
        return;
      case 'connected':
        this.connecting = false;
        this.#addresses(message.local, message.remote);
        for (const fn of this.#whenConnected.splice(0)) fn();
        this.#active();
        this.emit('connect');
        this.emit('ready');
        return;
      case 'failed':
        this.#failed(message.errno);
        return;
      case 'done':
        if (message.errno === undefined) return;
        if (message.call === 1) this.destroy(socketError('bind', message.errno, this.#target));
        else if (message.call === 2) this.destroy(socketError('connect', message.errno, this.#target));
        return;
      default:
        return;
    }
  }

  #failed(errno: Extract<FromKernel, { ev: 'failed' }>['errno']): void {
    if (this.connecting) this.destroy(socketError('connect', errno, this.#target));
    else this.destroy(socketError(errno === 'EPIPE' ? 'write' : 'read', errno));
  }

  #data(data: Uint8Array): void {
    this.bytesRead += data.length;
    this.#used += data.length;
    this.#active();
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.length);
    this.#flowing = this.push(chunk);
    if (this.#flowing) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#used < CREDIT_STEP || !this.#open) return;
    const amount = this.#used;
    this.#used = 0;
    this.#stack.post({ op: 'credit', id: this.#id, amount });
  }

  override _read(): void {
    this.#flowing = true;
    this.#giveBack();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: WriteCallback): void {
    this.bytesWritten += chunk.length;
    this.#held = { data: chunk, callback };
    if (!this.connecting) this.#flush();
  }

  override _writev(
    chunks: readonly { readonly chunk: Uint8Array; readonly encoding: string }[],
    callback: WriteCallback,
  ): void {
    const all = chunks.length === 1 ? chunks[0]!.chunk : Buffer.concat(chunks.map((c) => c.chunk));
    this._write(all, 'buffer', callback);
  }

  #flush(): void {
    const held = this.#held;
    if (held === undefined || this.#room <= 0 || !this.#open) return;
    this.#active();
    const n = Math.min(this.#room, held.data.length);
    this.#room -= n;
    const whole = n === held.data.length;
    const data = whole ? held.data : held.data.subarray(0, n);
    if (whole) this.#held = undefined;
    else held.data = held.data.subarray(n);
    this.#stack.post({ op: 'send', id: this.#id, data });
    if (whole) held.callback();
  }

  override _final(callback: WriteCallback): void {
    const finish = (): void => {
      if (this.#open) this.#stack.post({ op: 'shutdown', id: this.#id });
      callback();
    };
    if (this.connecting) this.#whenConnected.push(finish);
    else finish();
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#close('close');
    this.#idle?.cancel();
    this.connecting = false;
    const held = this.#held;
    this.#held = undefined;
    held?.callback(error ?? socketError('write', 'ECONNRESET'));
    callback(error);
  }

  #close(op: 'close' | 'abort'): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stack.post({ op, id: this.#id });
    this.#stack.detach(this.#id);
  }

  /** Ends the connection with a reset. */
  resetAndDestroy(): this {
    this.#close('abort');
    return this.destroy();
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  setOption(name: SockOption, value: number): this {
    if (this.#open) this.#stack.post({ op: 'setsockopt', id: this.#id, call: 0, name, value });
    return this;
  }
  setNoDelay(on = true): this {
    return this.setOption('TCP_NODELAY', on ? 1 : 0);
  }
  setKeepAlive(on = false, initialDelay = 0): this {
    if (initialDelay >= 1000) this.setOption('TCP_KEEPIDLE', Math.floor(initialDelay / 1000));
    return this.setOption('SO_KEEPALIVE', on ? 1 : 0);
  }

  /** 'timeout' after so long without traffic; 0 for never. */
  setTimeout(ms: number, callback?: () => void): this {
    this.timeout = ms;
    this.#idle?.cancel();
    this.#idle = undefined;
    if (callback !== undefined) {
      if (ms === 0) this.removeListener('timeout', callback);
      else this.once('timeout', callback);
    }
    this.#active();
    if (ms > 0) this.#watchIdle(ms);
    return this;
  }

  #active(): void {
    if (this.timeout > 0) this.#lastActive = this.#stack.now();
  }

  #watchIdle(wait: number): void {
    this.#idle = this.#stack.after(wait, () => {
      const left = this.#lastActive + this.timeout - this.#stack.now();
      if (left > 0) this.#watchIdle(left);
      else {
        this.#idle = undefined;
        this.emit('timeout');
      }
    });
  }

  address(): { address: string; port: number; family: string } | object {
    if (this.localAddress === undefined) return {};
    return { address: this.localAddress, port: this.localPort!, family: 'IPv4' };
  }

  /** There is no event loop handle to hold: the kernel decides what keeps the process alive. */
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** net.connect: the socket at once, 'connect' when the connection stands. */
export function connect(stack: SocketStack, options: ConnectOptions): TcpSocket {
  return new TcpSocket(stack, options).connect(options);
}
