// A connection to one node: questions with typed answers, streams, and what the node says by itself.
import { emulatorCodec } from '../protocol/codec.ts';
import { ProtocolError } from '../protocol/errors.ts';
import type { BytePort } from '../protocol/inline.ts';
import {
  type FromNode,
  type Hello,
  PROTOCOL_VERSION,
  type Question,
  type RequestType,
  type Results,
  type ToNode,
} from '../protocol/messages.ts';
import { EmulatorStream } from './stream.ts';

/** What a node says without being asked. */
export type NodeEvent = Extract<
  FromNode,
  { readonly type: 'trace.events' | 'capture.frames' | 'daemon.status' | 'disk' }
>;

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (error: ProtocolError) => void;
}

export class Connection {
  readonly hello: Hello;
  onEvent: (event: NodeEvent) => void = () => {};
  onClose: () => void = () => {};
  readonly #port: BytePort;
  readonly #codec = emulatorCodec();
  readonly #pending = new Map<number, Pending>();
  readonly #streams = new Map<number, EmulatorStream>();
  #nextId = 1;
  #nextStream = 1;
  #closed = false;

  private constructor(port: BytePort, hello: Hello) {
    this.#port = port;
    this.hello = hello;
    port.onClose = () => this.#lost();
    port.onData = (data) => this.#arrived(data);
  }

  /** Waits for the node's hello and answers it. */
  static open(port: BytePort): Promise<Connection> {
    const codec = emulatorCodec();
    return new Promise((resolve, reject) => {
      port.onClose = () => reject(new ProtocolError('E_CLOSED', 'before its hello'));
      port.onData = (data) => {
        const hello = codec.decode(data);
        if (hello.type === 'hello' && hello.version === PROTOCOL_VERSION) {
          port.send(codec.encode({ type: 'welcome', version: PROTOCOL_VERSION }));
          resolve(new Connection(port, hello));
          return;
        }
        port.onClose = () => {};
        port.close();
        const version = hello.type === 'hello';
        reject(
          new ProtocolError(version ? 'E_VERSION' : 'E_MALFORMED', version ? `${hello.version}` : hello.type),
        );
      };
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  request<T extends RequestType>(type: T, question: Question<T>, signal?: AbortSignal): Promise<Results[T]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new ProtocolError('E_CLOSED', this.hello.name));
        return;
      }
      const id = this.#nextId++ >>> 0;
      const abort = (): void => {
        this.#pending.delete(id);
        reject(new ProtocolError('E_TIMEOUT', `${type} on ${this.hello.name}`));
      };
      if (signal?.aborted === true) {
        abort();
        return;
      }
      signal?.addEventListener('abort', abort, { once: true });
      this.#pending.set(id, {
        resolve: (result) => {
          signal?.removeEventListener('abort', abort);
          resolve(result);
        },
        reject: (error) => {
          signal?.removeEventListener('abort', abort);
          reject(error);
        },
      });
      this.#send({ type, id, ...question } as unknown as ToNode);
    });
  }

  /** Asks for something that comes with a stream: exec, attach, logs, forward. */
  async stream<T extends 'exec' | 'attach' | 'logs' | 'forward'>(
    type: T,
    question: Omit<Question<T>, 'stream'>,
  ): Promise<EmulatorStream> {
    const id = this.#nextStream++ >>> 0;
    const stream = new EmulatorStream(id, (message) => this.#send(message));
    // Before the question: output may come with the answer.
    this.#streams.set(id, stream);
    try {
      await this.request(type, { ...question, stream: id } as unknown as Question<T>);
    } catch (error) {
      this.#streams.delete(id);
      throw error;
    }
    return stream;
  }

  close(): void {
    this.#port.close();
    this.#lost();
  }

  #send(message: ToNode): void {
    if (!this.#closed) this.#port.send(this.#codec.encode(message));
  }

  #arrived(data: Uint8Array): void {
    const message = this.#codec.decode(data);
    switch (message.type) {
      case 'ok':
      case 'error': {
        const pending = this.#pending.get(message.replyTo);
        this.#pending.delete(message.replyTo);
        if (message.type === 'ok') pending?.resolve(message.result as never);
        else pending?.reject(Object.assign(new ProtocolError(message.code), { message: message.message }));
        return;
      }
      case 'stream.data':
        this.#streams.get(message.stream)?.data(message);
        return;
      case 'stream.credit':
        this.#streams.get(message.stream)?.credit(message.bytes);
        return;
      case 'stream.exit':
        this.#streams.get(message.stream)?.ended(message);
        this.#streams.delete(message.stream);
        return;
      case 'trace.events':
      case 'capture.frames':
      case 'daemon.status':
      case 'disk':
        this.onEvent(message);
        return;
      default:
        // A node that says hello twice, or what we cannot read, is not one of ours.
        this.close();
    }
  }

  #lost(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { reject } of this.#pending.values()) reject(new ProtocolError('E_CLOSED', this.hello.name));
    this.#pending.clear();
    for (const stream of this.#streams.values()) stream.ended({ code: 137, reason: 'the node is gone' });
    this.#streams.clear();
    this.onClose();
  }
}
