import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { type Caller, localCaller, type Operations, streamPair } from './caller.ts';
import { decode, encode, type FromEmulator } from './codec.ts';
import { remoteCaller } from './remote.ts';
import { type ControlServer, serveControl } from './server.ts';

const operations: Operations = {
  double: async ({ n }: { n: number }) => n * 2,
  fail: async () => {
    throw Object.assign(new Error('no such pod'), { code: 'E_NOT_FOUND' });
  },
  echo: (_: never, stream, signal) =>
    new Promise((resolve, reject) => {
      stream.onMessage((m) => (m === 'end' ? resolve('done') : stream.send(`${m}!`)));
      signal.addEventListener('abort', () => reject(new Error('cancelled')));
    }),
};

let server: ControlServer | undefined;
let caller: Caller | undefined;
afterEach(async () => {
  await caller?.close();
  await server?.stop();
});

const carriers: [string, () => Promise<Caller>][] = [
  ['in the same process', async () => localCaller(operations, async () => {})],
  [
    'over a socket',
    async () => {
      server = await serveControl(operations, 'secret');
      return remoteCaller(server.url, 'secret');
    },
  ],
];

describe.each(carriers)('operations %s', (_, make) => {
  it('answer, fail with their code, and stream', async () => {
    caller = await make();
    expect(await caller.call('double', { n: 21 })).toBe(42);
    await expect(caller.call('fail', {})).rejects.toMatchObject({
      code: 'E_NOT_FOUND',
      message: 'no such pod',
    });
    await expect(caller.call('nothing', {})).rejects.toThrow('no operation');
    await expect(caller.call('constructor', {})).rejects.toThrow();
    const [mine, theirs] = streamPair();
    const heard: unknown[] = [];
    mine.onMessage((m) => {
      heard.push(m);
      mine.send('end');
    });
    const done = caller.call('echo', {}, theirs);
    mine.send('hey');
    expect(await done).toBe('done');
    expect(heard).toEqual(['hey!']);
  });
  it('can be cancelled', async () => {
    caller = await make();
    const aborter = new AbortController();
    const call = caller.call('echo', {}, undefined, aborter.signal);
    aborter.abort(new Error('cancelled'));
    await expect(call).rejects.toThrow('cancelled');
  });
  it('leave nothing on the signal that they were called with', async () => {
    caller = await make();
    const { signal } = new AbortController();
    await caller.call('double', { n: 1 }, undefined, signal);
    await expect(caller.call('fail', {}, undefined, signal)).rejects.toThrow();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

it('refuses a wrong token', async () => {
  server = await serveControl(operations, 'secret');
  await expect(remoteCaller(server.url, 'guess')).rejects.toThrow('401');
});

it('reads hostile bytes as nothing', () => {
  for (const bytes of [[], [0xc1], [0x80], [0xff, 0xff], [0x93, 1, 2, 3]])
    expect(decode(Uint8Array.from(bytes))).toBeUndefined();
});

describe('a client that asks the same number twice', () => {
  it('is told so, and the first call goes on', async () => {
    server = await serveControl(operations, 'secret');
    const ws = new WebSocket(server.url, { headers: { authorization: 'Bearer secret' } });
    const heard: FromEmulator[] = [];
    const over = new Promise<void>((resolve) => {
      ws.on('message', (data: Buffer) => {
        const message = decode<FromEmulator>(data)!;
        heard.push(message);
        if (message.t === 'result') resolve();
      });
    });
    await new Promise((resolve) => ws.once('open', resolve));
    ws.send(encode({ t: 'call', id: 1, method: 'echo', params: {} }));
    ws.send(encode({ t: 'call', id: 1, method: 'echo', params: {} }));
    ws.send(encode({ t: 'data', id: 1, message: 'end' }));
    await over;
    ws.terminate();
    expect(heard).toMatchObject([
      { t: 'error', id: 1, code: 'E_EXISTS' },
      { t: 'result', id: 1, value: 'done' },
    ]);
  });
});
