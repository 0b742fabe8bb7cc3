import { constants, createDeflate, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHeaders, SpdyConnection, type SpdyStream } from './spdy.ts';
import { spdyDictionary } from './spdy-dictionary.ts';

const field = (text: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
};
const block = (headers: Record<string, string>): Buffer => {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(Object.keys(headers).length);
  return Buffer.concat([count, ...Object.entries(headers).flatMap(([n, v]) => [field(n), field(v)])]);
};
const frame = (type: number, flags: number, body: Buffer): Buffer => {
  const head = Buffer.from([0x80, 3, 0, type, flags, 0, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, body]);
};

/** A client: one compressor for all its header blocks. */
class Client {
  readonly sent: Buffer[] = [];
  closed = false;
  readonly streams: SpdyStream[] = [];
  readonly seen: string[] = [];
  readonly connection = new SpdyConnection({
    write: (data, done) => {
      this.sent.push(data);
      done?.();
    },
    close: () => {
      this.closed = true;
    },
  });
  #deflate = createDeflate({ dictionary: spdyDictionary() });
  #out: Buffer[] = [];
  constructor() {
    this.#deflate.on('data', (chunk: Buffer) => this.#out.push(chunk));
    this.connection.onStream = (stream) => {
      this.streams.push(stream);
      stream.onData = (data) => this.seen.push(`${stream.id} ${data === undefined ? '<end>' : data}`);
      stream.onReset = () => this.seen.push(`${stream.id} <reset>`);
    };
  }
  async syn(id: number, headers: Record<string, string>, flags = 0): Promise<Buffer> {
    this.#out = [];
    await new Promise<void>((resolve) => {
      this.#deflate.write(block(headers), () =>
        this.#deflate.flush(constants.Z_SYNC_FLUSH, () => setImmediate(resolve)),
      );
    });
    const body = Buffer.concat([Buffer.alloc(10), ...this.#out]);
    body.writeUInt32BE(id, 0);
    return frame(1, flags, body);
  }
}
/** What was received has been worked through: zlib answers from its thread. */
async function until(look: () => boolean): Promise<void> {
  for (let turns = 0; turns < 5000 && !look(); turns++) await new Promise((resolve) => setImmediate(resolve));
}
const data = (id: number, flags: number, text: string): Buffer =>
  Buffer.concat([Buffer.from([0, 0, 0, id, flags, 0, 0, text.length]), Buffer.from(text)]);

describe('SPDY', () => {
  it('has the dictionary that its Adler-32 is known by', () => {
    const dictionary = spdyDictionary();
    expect(dictionary.length).toBe(1423);
    expect(deflateSync('', { dictionary }).subarray(2, 6).toString('hex')).toBe('e3c6a7c2');
  });

  it('opens streams, answers them, and carries bytes and ends, however they are cut', async () => {
    const client = new Client();
    const bytes = Buffer.concat([
      await client.syn(1, { streamtype: 'error', port: '80', requestid: '0' }, 1),
      await client.syn(3, { streamtype: 'data', port: '80', requestid: '0' }),
      data(3, 0, 'hello'),
      frame(6, 0, Buffer.from([0, 0, 0, 7])),
      data(3, 1, ''),
    ]);
    for (const byte of bytes) client.connection.receive(Buffer.from([byte]));
    await until(() => client.seen.length === 3);
    expect(client.streams.map((s) => Object.fromEntries(s.headers))).toEqual([
      { streamtype: 'error', port: '80', requestid: '0' },
      { streamtype: 'data', port: '80', requestid: '0' },
    ]);
    expect(client.seen).toEqual(['1 <end>', '3 hello', '3 <end>']);
    // The first reply begins a zlib stream (RFC 1950), the second goes on with it.
    expect(client.sent.map((b) => b.toString('hex'))).toEqual([
      '800300020000001400000001' + '7801' + '000400fbff00000000' + '000000ffff',
      '800300020000001200000003' + '000400fbff00000000' + '000000ffff',
      '800300060000000400000007',
    ]);
    client.streams[1]!.write(Buffer.from('x'));
    client.streams[1]!.end();
    client.streams[0]!.end();
    expect(client.sent.slice(3).map((b) => b.toString('hex'))).toEqual([
      '000000030000000178',
      '0000000301000000',
      '0000000101000000',
    ]);
    expect(client.connection.streams).toBe(0);
  });

  it('tells streams when the client resets one, and all when the connection goes', async () => {
    const client = new Client();
    client.connection.receive(await client.syn(1, { a: 'b' }));
    client.connection.receive(await client.syn(3, { a: 'c' }));
    client.connection.receive(frame(3, 0, Buffer.from([0, 0, 0, 1, 0, 0, 0, 5])));
    await until(() => client.seen.length === 1);
    client.connection.close();
    expect(client.seen).toEqual(['1 <reset>', '3 <reset>']);
  });

  it.each([
    ['another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0])],
    ['a frame of 16 MB', Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])],
    ['a SYN_STREAM of no length', frame(1, 0, Buffer.alloc(0))],
    ['headers that are not compressed', frame(1, 0, Buffer.alloc(40, 7))],
  ])('%s closes the connection', async (_, bytes) => {
    const client = new Client();
    client.connection.receive(bytes);
    await until(() => client.closed);
    expect(client.closed).toBe(true);
  });

  it('never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          parseHeaders(Buffer.from(bytes));
        } catch (error) {
          expect((error as Error).message).toMatch(/cut short/);
        }
      }),
    );
  });
});
