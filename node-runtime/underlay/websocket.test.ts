import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { newNonce, newSecret } from '../../emulator/protocol/challenge.ts';
import { dial } from '../../emulator/protocol/dial.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import { BATCH_CAPACITY } from './batch.ts';
import { listen } from './listener.ts';
import { type End, endOf, linesCompliance, numbered, until } from './testing/compliance.ts';
import { WebsocketLines } from './websocket.ts';

const secret = newSecret();

interface Options {
  readonly dialable?: boolean;
  readonly idle?: number;
}
function newWorld() {
  const ends = new Map<string, End>();
  return {
    ends,
    async make(name: string, options: Options = {}) {
      const listener = await listen({ name, secret, host: '127.0.0.1', port: 0 });
      const make = (kernel: Kernel) => new WebsocketLines({ kernel, name, secret, listener, ...options });
      const end = endOf(name, make, () => listener.stop());
      ends.set(name, end);
      return end;
    },
    patch() {
      const peers = [...ends].map(([name, end]) => ({ name, url: end.lines.url }));
      for (const [name, end] of ends) end.lines.setPeers(peers.filter((peer) => peer.name !== name));
    },
    close() {},
  };
}

linesCompliance('websocket', newWorld);

describe('websocket lines', () => {
  const world = newWorld();
  afterEach(() => {
    for (const end of world.ends.values()) end.stop();
    world.ends.clear();
  });
  const pair = async (first: Options = {}, second: Options = {}): Promise<[End, End]> => {
    const ends = [await world.make('a', first), await world.make('b', second)] as [End, End];
    world.patch();
    return ends;
  };
  const there = async (from: End, to: End, peer: string): Promise<void> => {
    const before = to.got.length;
    from.send(peer, numbered(1));
    await until(() => to.got.length === before + 1);
  };

  it('open nothing before the first frame', async () => {
    const [a] = await pair();
    expect(a.lines.report()).toEqual([]);
  });

  it('send unmasked both ways where both can be dialled', async () => {
    const [a, b] = await pair();
    await there(a, b, 'b');
    await there(b, a, 'a');
    for (const end of [a, b])
      expect(end.lines.report()).toMatchObject([{ state: 'open', masked: false, opened: 1 }]);
  });

  it.each<[string, Options, Options, boolean, boolean]>([
    ['the one that begins', { dialable: false }, {}, true, false],
    ['the other', {}, { dialable: false }, false, true],
  ])(
    'use one socket, masked one way, where %s cannot be dialled',
    async (_, first, second, aMasked, bMasked) => {
      const [a, b] = await pair(first, second);
      // Who cannot be dialled must begin; the other then has a connection to send on.
      if (second.dialable === false) await there(b, a, 'a');
      await there(a, b, 'b');
      await there(b, a, 'a');
      expect(a.lines.report()).toMatchObject([{ state: 'open', masked: aMasked }]);
      expect(b.lines.report()).toMatchObject([{ state: 'open', masked: bMasked }]);
      // Credit comes back on one socket too.
      a.dev.txQueueLen = 10_000;
      for (let n = 0; n < 1000; n++) a.send('b', numbered(n, 1514));
      await until(() => b.got.length >= 1001);
    },
  );

  it('send on the one socket when dialling back fails', async () => {
    const [a, b] = await pair();
    // b believes that a is where nobody listens.
    b.lines.setPeers([{ name: 'a', url: 'ws://127.0.0.1:1' }]);
    await there(a, b, 'b');
    expect(a.lines.report()).toMatchObject([{ masked: true }]);
    await there(b, a, 'a');
  });

  it('gather the frames of one turn in one message, and acknowledge without being asked', async () => {
    const [a, b] = await pair();
    await there(a, b, 'b');
    const before = a.lines.report()[0]!.txBatches;
    for (let n = 0; n < 40; n++) a.send('b', numbered(n, 1514));
    await until(() => b.got.length === 41);
    expect(a.lines.report()[0]!.txBatches).toBe(before + 1);
    for (let n = 0; n < 60; n++) a.send('b', numbered(n, 1514));
    await until(() => a.lines.report()[0]!.unacked === 0 || a.lines.report()[0]!.unacked < 70_000);
    // b had nothing to send but the acknowledgement.
    expect(b.lines.report()[0]).toMatchObject({ txFrames: 0 });
  });

  it('close when long idle, and open again for the next frame', async () => {
    const [a, b] = await pair({ idle: 20 });
    await there(a, b, 'b');
    a.dev.txQueueLen = 0;
    await until(() => a.lines.report()[0]!.state === 'closed' && b.lines.report()[0]!.state === 'closed');
    a.dev.txQueueLen = 10;
    await there(a, b, 'b');
    expect(a.lines.report()[0]).toMatchObject({ opened: 2, dropped: 0 });
  });

  it('count what cannot be read and go on', async () => {
    const [a, b] = await pair();
    await there(a, b, 'b');
    // A peer that knows the secret, and nothing else.
    const socket = await new Promise<WebSocket>((resolve, reject) => {
      const { url } = b.lines;
      dial({ url, path: '/link', secret, name: 'c', peer: 'b', maxPayload: BATCH_CAPACITY }, resolve, reject);
    });
    const frame = [0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...new Uint8Array(14)];
    const head = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    const messages: readonly (readonly number[])[] = [
      [],
      [2, ...head.slice(1)],
      head.slice(0, 11),
      [...head, 0],
      [...head, ...frame.slice(0, -1)],
      [...head, ...frame.with(2, 13)],
      [...head, ...frame.with(0, 255)],
      [...head, ...frame.with(3, 2)],
      [...head, ...frame.with(3, 0x80)],
      [...head, ...frame, ...frame.slice(0, 20)],
      [...head, ...frame],
    ];
    socket.send('not even binary');
    for (const message of messages) socket.send(Uint8Array.from(message));
    await until(() => b.got.filter(([peer]) => peer === 'c').length === 2);
    expect(b.lines.report().find((link) => link.peer === 'c')).toMatchObject({ malformed: 11, rxFrames: 2 });
    socket.terminate();
    await there(a, b, 'b');
  });

  it('refuse who does not know the secret, asks for another path, or says nothing', async () => {
    const listener = await listen({ name: 'x', secret, host: '127.0.0.1', port: 0 });
    let accepted = 0;
    listener.route('/link', { maxPayload: 1000, accept: () => accepted++ });
    const { url } = listener;
    const attempt = (path: string, headers: Record<string, string>, first?: string) =>
      new Promise<void>((resolve) => {
        const socket = new WebSocket(url + path, { headers });
        socket.on('error', () => {});
        socket.once('close', () => resolve());
        socket.once('message', () => first !== undefined && socket.send(first));
      });
    const told = (code: string) => (error: { code: string }) => expect(error.code).toBe(code);
    const dialled = (options: object) =>
      new Promise((_, reject) => {
        dial(
          { url, path: '/link', secret, name: 'a', peer: 'x', maxPayload: 1000, ...options },
          () => {},
          reject,
        );
      });
    await dialled({ secret: newSecret() }).catch(told('E_AUTH'));
    await dialled({ path: '/other' }).catch(told('E_CLOSED'));
    await dialled({ url: 'ws://127.0.0.1:1' }).catch(told('E_CLOSED'));
    await dialled({ url: 'nonsense' }).catch(told('E_CLOSED'));
    const known = { 'x-podwire-nonce': newNonce(), 'x-podwire-name': 'a' };
    await attempt('/link', {});
    await attempt('/link', { ...known, 'x-podwire-nonce': 'short' });
    await attempt('/link', known, '{"proof":"00"}');
    await attempt('/link', known, '[[[');
    await attempt('/link', known, 'x'.repeat(2000));
    expect(accepted).toBe(0);
    expect(listener.refused).toBeGreaterThanOrEqual(6);
    expect((await fetch(url.replace('ws', 'http'))).status).toBe(426);
    listener.stop();
  });
});
