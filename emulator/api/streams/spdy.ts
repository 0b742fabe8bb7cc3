// The server's end of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00), as far as Kubernetes' streaming uses it: a client opens
// streams with a few headers, both sides send bytes on them, each side ends its own. github.com/moby/spdystream is the other end;
// it knows no flow control, so there is none here: what carries the bytes is held back instead.
import { constants, createInflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './spdy-dictionary.ts';

const SYN_STREAM = 1;
const SYN_REPLY = 2;
const RST_STREAM = 3;
const PING = 6;
const GOAWAY = 7;
const FIN = 1;
const VERSION = 0x8003;
/** Larger frames than any that a client sends end the connection. */
const MAX_FRAME = 4 * 1024 * 1024;
const MAX_STREAMS = 1024;

export interface SpdyStream {
  readonly id: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the client; undefined: it sends no more. */
  onData: (data: Buffer | undefined) => void;
  /** The client, or its connection, is gone. */
  onReset: () => void;
  /** `sent` is called when the bytes are on their way. */
  write(data: Uint8Array, sent?: () => void): void;
  /** No more from our side. */
  end(): void;
  reset(): void;
}

export interface SpdyTransport {
  write(data: Buffer, sent?: () => void): void;
  close(): void;
}

export class SpdyError extends Error {}

interface Open extends SpdyStream {
  ended: boolean;
  theirsEnded: boolean;
}

export class SpdyConnection {
  onStream: (stream: SpdyStream) => void = () => {};
  #transport: SpdyTransport;
  #rest: Buffer = Buffer.alloc(0);
  #streams = new Map<number, Open>();
  #headers = new HeaderReader();
  #replied = false;
  #closed = false;
  /** Frames are read one after the other: the headers of one may take a turn to be read. */
  #reading = Promise.resolve();

  constructor(transport: SpdyTransport) {
    this.#transport = transport;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** Bytes of the client, cut anywhere. Hostile ones close the connection. */
  receive(data: Buffer): void {
    this.#reading = this.#reading
      .then(() => this.#take(data))
      .catch(() => {
        this.#transport.close();
        this.close();
      });
  }

  /** The connection is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#headers.close();
    for (const stream of [...this.#streams.values()]) stream.onReset();
    this.#streams.clear();
  }

  async #take(data: Buffer): Promise<void> {
    if (this.#closed) return;
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= 8 && !this.#closed) {
      const length = this.#rest.readUIntBE(5, 3);
      if (length > MAX_FRAME) throw new SpdyError('a frame is too large');
      if (this.#rest.length < 8 + length) return;
      const head = this.#rest.readUInt32BE(0);
      const flags = this.#rest[4]!;
      const body = this.#rest.subarray(8, 8 + length);
      this.#rest = this.#rest.subarray(8 + length);
      if (head >= 0x8000_0000) await this.#control(head, flags, body);
      else this.#data(head, flags, body);
    }
  }

  #data(id: number, flags: number, body: Buffer): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.theirsEnded) {
      this.#reset(id, 2);
      return;
    }
    if (body.length > 0) stream.onData(body);
    if ((flags & FIN) !== 0) this.#theirEnd(stream);
  }

  async #control(head: number, flags: number, body: Buffer): Promise<void> {
    if (head >>> 16 !== VERSION) throw new SpdyError('another version of SPDY');
    const need = (bytes: number): void => {
      if (body.length < bytes) throw new SpdyError('a frame is cut short');
    };
    switch (head & 0xffff) {
      case SYN_STREAM: {
        need(10);
        const id = body.readUInt32BE(0) & 0x7fff_ffff;
        const headers = await this.#headers.read(body.subarray(10));
        if (this.#streams.has(id)) this.#reset(id, 1);
        else if (this.#streams.size >= MAX_STREAMS) this.#reset(id, 3);
        else this.#opened(id, headers, (flags & FIN) !== 0);
        return;
      }
      case RST_STREAM: {
        need(8);
        const stream = this.#streams.get(body.readUInt32BE(0) & 0x7fff_ffff);
        if (stream === undefined) return;
        this.#streams.delete(stream.id);
        stream.onReset();
        return;
      }
      case PING:
        need(4);
        // Ours would have even numbers; we send none.
        if (body.readUInt32BE(0) % 2 === 1) this.#send(control(PING, 0, body.subarray(0, 4)));
        return;
      case GOAWAY:
        return;
      default:
        // SETTINGS, HEADERS, WINDOW_UPDATE: nothing follows from them here. HEADERS moves the compression on.
        if ((head & 0xffff) === 8 && body.length > 4) await this.#headers.read(body.subarray(4));
    }
  }

  #opened(id: number, headers: ReadonlyMap<string, string>, theirsEnded: boolean): void {
    const stream: Open = {
      id,
      headers,
      ended: false,
      theirsEnded: false,
      onData: () => {},
      onReset: () => {},
      write: (data, sent) => {
        if (stream.ended || data.length === 0) sent?.();
        else this.#send(dataFrame(id, 0, data), sent);
      },
      end: () => {
        if (stream.ended) return;
        stream.ended = true;
        this.#send(dataFrame(id, FIN, new Uint8Array(0)));
        this.#forget(stream);
      },
      reset: () => {
        if (this.#streams.delete(id)) this.#reset(id, 5);
        stream.ended = true;
      },
    };
    this.#streams.set(id, stream);
    this.#reply(id);
    this.onStream(stream);
    if (theirsEnded) this.#theirEnd(stream);
  }

  #theirEnd(stream: Open): void {
    stream.theirsEnded = true;
    stream.onData(undefined);
    this.#forget(stream);
  }

  #forget(stream: Open): void {
    if (stream.ended && stream.theirsEnded) this.#streams.delete(stream.id);
  }

  /** SYN_REPLY without headers. Its compressed block is a stored one (RFC 1951 section 3.2.4): none of it needs a compressor. */
  #reply(id: number): void {
    const none = Buffer.alloc(4);
    // And an empty one, as a sync flush ends: Go's reader gives nothing out before it.
    const stored = Buffer.from([0, none.length, 0, ~none.length & 0xff, 0xff, ...none, 0, 0, 0, 0xff, 0xff]);
    const block = this.#replied ? stored : Buffer.concat([Buffer.from([0x78, 0x01]), stored]);
    this.#replied = true;
    this.#send(control(SYN_REPLY, 0, Buffer.concat([uint32(id), block])));
  }

  #reset(id: number, status: number): void {
    this.#send(control(RST_STREAM, 0, Buffer.concat([uint32(id), uint32(status)])));
  }

  #send(frame: Buffer, sent?: () => void): void {
    if (this.#closed) sent?.();
    else this.#transport.write(frame, sent);
  }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

function control(type: number, flags: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt16BE(VERSION, 0);
  frame.writeUInt16BE(type, 2);
  frame[4] = flags;
  frame.writeUIntBE(body.length, 5, 3);
  frame.set(body, 8);
  return frame;
}

function dataFrame(id: number, flags: number, data: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(8 + data.length);
  frame.writeUInt32BE(id, 0);
  frame[4] = flags;
  frame.writeUIntBE(data.length, 5, 3);
  frame.set(data, 8);
  return frame;
}

/** Header blocks of one direction: one zlib stream for the whole connection, flushed after each block. */
class HeaderReader {
  #inflate: Inflate;
  #out: Buffer[] = [];
  #size = 0;
  #failed: Error | undefined;
  #wake: ((error: Error | undefined) => void) | undefined;

  constructor() {
    this.#inflate = createInflate({ dictionary: spdyDictionary(), flush: constants.Z_SYNC_FLUSH });
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#size += chunk.length;
      if (this.#size > MAX_HEADERS) this.#inflate.destroy(new SpdyError('headers are too large'));
      else this.#out.push(chunk);
    });
    this.#inflate.on('error', (error) => {
      this.#failed = error;
      this.#wake?.(error);
    });
  }

  async read(block: Buffer): Promise<ReadonlyMap<string, string>> {
    if (this.#failed !== undefined) throw this.#failed;
    await new Promise<void>((resolve, reject) => {
      this.#wake = (error) => (error === undefined ? resolve() : reject(error));
      this.#inflate.write(block, (error) => this.#wake?.(error ?? undefined));
    });
    this.#wake = undefined;
    const text = Buffer.concat(this.#out);
    this.#out = [];
    this.#size = 0;
    return parseHeaders(text);
  }

  close(): void {
    this.#inflate.destroy();
  }
}

const MAX_HEADERS = 64 * 1024;

/** Names and values with their lengths before them; throws SpdyError for what is none. */
export function parseHeaders(block: Buffer): ReadonlyMap<string, string> {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new SpdyError('a header block is cut short');
    at += 4;
    return block.readUInt32BE(at - 4);
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new SpdyError('a header block is cut short');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const headers = new Map<string, string>();
  for (let left = number(); left > 0; left--) headers.set(text().toLowerCase(), text());
  return headers;
}
