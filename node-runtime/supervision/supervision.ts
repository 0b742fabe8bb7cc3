// The node's side of supervision: who asks, which room answers. Rooms put a handler under the type of message that they
// answer; what nobody answers is refused by name. One emulator at a time is listened to: a new one takes over from one
// that died.
import type { Undecodable } from '../../emulator/protocol/codec.ts';
import { ProtocolError, toErrorCode } from '../../emulator/protocol/errors.ts';
import {
  type FromNode,
  type Hello,
  PROTOCOL_VERSION,
  type Request,
  type RequestOf,
  type RequestType,
  type Results,
  type ToNode,
} from '../../emulator/protocol/messages.ts';
import type { Channel } from './channel.ts';
import { NodeStream } from './stream.ts';

export type Handler<T extends RequestType> = (
  request: RequestOf<T>,
  session: Session,
) => Results[T] | Promise<Results[T]>;

/** Messages that may wait for a slow emulator before events are left out instead. */
const MAX_BUFFERED = 8 << 20;
const MAX_STREAMS = 256;

/** One emulator's connection, as a handler sees it. */
export interface Session {
  send(message: FromNode): void;
  /** True when the emulator is so far behind that what can be left out should be. */
  readonly behind: boolean;
  /** The stream that a request named; throws when there is one of that number already. */
  stream(id: number): NodeStream;
  /** Called once when the connection ends. */
  onEnd(fn: () => void): void;
}

export class Supervision {
  readonly #handlers = new Map<RequestType, Handler<never>>();
  readonly #hello: () => Omit<Hello, 'type' | 'version'>;
  #session: Connected | undefined;
  /** Messages about streams that are over: they cross the end of a command, and nobody waits for an answer. */
  ignored = 0;
  /** An emulator is there, or has gone. */
  onConnected: () => void = () => {};
  onLost: () => void = () => {};

  constructor(hello: () => Omit<Hello, 'type' | 'version'>) {
    this.#hello = hello;
  }

  on<T extends RequestType>(type: T, handler: Handler<T>): void {
    this.#handlers.set(type, handler as unknown as Handler<never>);
  }

  get session(): Session | undefined {
    return this.#session;
  }
  /** To the emulator, if there is one. */
  send(message: FromNode): void {
    this.#session?.send(message);
  }

  connect(channel: Channel): void {
    const session = new Connected(channel);
    let welcome = false;
    channel.onMessage = (message) => {
      if (welcome) this.#dispatch(message, session);
      else if (message.type === 'welcome' && message.version === PROTOCOL_VERSION) {
        welcome = true;
        const old = this.#session;
        this.#session = session;
        old?.end();
        this.onConnected();
      } else {
        session.fail(
          0,
          message.type === 'welcome' ? 'E_VERSION' : 'E_MALFORMED',
          `expected welcome ${PROTOCOL_VERSION}`,
        );
        channel.close();
      }
    };
    channel.onClose = () => {
      session.end();
      if (this.#session !== session) return;
      this.#session = undefined;
      this.onLost();
    };
    session.send({ type: 'hello', version: PROTOCOL_VERSION, ...this.#hello() });
  }

  stop(): void {
    this.#session?.end();
    this.#session = undefined;
  }

  #dispatch(message: ToNode | Undecodable, session: Connected): void {
    switch (message.type) {
      case 'undecodable':
        session.fail(message.id, message.code, message.message);
        return;
      case 'welcome':
        return;
      case 'stream.data':
        this.#stream(session, message.stream)?.input(message);
        return;
      case 'stream.credit':
        this.#stream(session, message.stream)?.credit(message.bytes);
        return;
      case 'stream.resize':
        this.#stream(session, message.stream)?.onResize(message.cols, message.rows);
        return;
      case 'stream.kill':
        this.#stream(session, message.stream)?.onKill(message.signal);
        return;
      default:
        void this.#answer(message, session);
    }
  }

  #stream(session: Connected, id: number): NodeStream | undefined {
    const stream = session.streams.get(id);
    if (stream === undefined) this.ignored++;
    return stream;
  }

  async #answer(request: Request, session: Connected): Promise<void> {
    try {
      const handler = this.#handlers.get(request.type);
      if (handler === undefined) throw new ProtocolError('E_UNKNOWN_TYPE', request.type);
      const result = await handler(request as never, session);
      session.send({ type: 'ok', replyTo: request.id, result });
    } catch (error) {
      const { code, message } = toErrorCode(error);
      session.fail(request.id, code, message);
    }
  }
}

class Connected implements Session {
  readonly streams = new Map<number, NodeStream>();
  readonly #channel: Channel;
  #onEnd: (() => void)[] = [];
  #over = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }
  send(message: FromNode): void {
    if (!this.#over) this.#channel.send(message);
  }
  fail(replyTo: number, code: ReturnType<typeof toErrorCode>['code'], message: string): void {
    this.send({ type: 'error', replyTo, code, message: message.slice(0, 65_536) });
  }
  get behind(): boolean {
    return this.#channel.buffered > MAX_BUFFERED;
  }
  stream(id: number): NodeStream {
    if (this.streams.has(id)) throw new ProtocolError('E_EXISTS', `stream ${id}`);
    if (this.streams.size >= MAX_STREAMS) throw new ProtocolError('E_BUSY', `${MAX_STREAMS} streams`);
    const stream = new NodeStream(
      id,
      (message) => this.send(message),
      () => this.streams.delete(id),
    );
    this.streams.set(id, stream);
    return stream;
  }
  onEnd(fn: () => void): void {
    if (this.#over) fn();
    else this.#onEnd.push(fn);
  }
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const stream of this.streams.values()) stream.abandon();
    this.streams.clear();
    for (const fn of this.#onEnd) fn();
    this.#onEnd = [];
    this.#channel.close();
  }
}
