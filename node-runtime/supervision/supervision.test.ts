import { describe, expect, it } from 'vitest';
import { emulatorCodec } from '../../emulator/protocol/codec.ts';
import type { FromNode, ToNode } from '../../emulator/protocol/messages.ts';
import { STREAM_WINDOW } from '../../emulator/protocol/messages.ts';
import { EmulatorStream } from '../../emulator/supervisor/stream.ts';
import { portPair } from './byte-port.ts';
import { NodeStream } from './stream.ts';
import { Supervision } from './supervision.ts';

const hello = {
  role: 'node',
  name: 'n1',
  pid: 1,
  startTime: 0,
  url: 'memory:n1',
  running: false,
} as const;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A node's supervision and an emulator's end of a connection to it. */
function connected(welcome: ToNode | undefined = { type: 'welcome', version: 1 }) {
  const supervision = new Supervision(() => hello);
  const codec = emulatorCodec();
  const connect = () => {
    const pair = portPair(() => {});
    const heard: FromNode[] = [];
    let closed = false;
    supervision.connect(pair.channel);
    pair.port.onData = (data) => heard.push(codec.decode(data) as FromNode);
    pair.port.onClose = () => {
      closed = true;
    };
    const say = async (message: ToNode | Uint8Array) => {
      pair.port.send(message instanceof Uint8Array ? message : codec.encode(message));
      await turn();
    };
    if (welcome !== undefined) pair.port.send(codec.encode(welcome));
    return { pair, heard, say, closed: () => closed };
  };
  return { supervision, connect };
}

describe('Supervision', () => {
  it('says hello, and answers once it was welcomed', async () => {
    const { supervision, connect } = connected();
    supervision.on('ping', () => ({ time: 5 }));
    const { heard, say } = connect();
    await say({ type: 'ping', id: 3 });
    expect(heard).toEqual([
      { type: 'hello', version: 1, ...hello },
      { type: 'ok', replyTo: 3, result: { time: 5 } },
    ]);
  });

  it.each<[string, ToNode, string]>([
    ['another version', { type: 'welcome', version: 2 }, 'E_VERSION'],
    ['something else', { type: 'ping', id: 1 }, 'E_MALFORMED'],
  ])('hangs up on %s instead of a welcome', async (_, first, code) => {
    const { connect } = connected(first);
    const { heard, closed } = connect();
    await turn();
    expect(heard.at(-1)).toMatchObject({ type: 'error', replyTo: 0, code });
    expect(closed()).toBe(true);
  });

  it('answers what it does not know, cannot read or fails at with a code, and goes on', async () => {
    const { supervision, connect } = connected();
    supervision.on('stats', () => {
      throw new TypeError('boom');
    });
    supervision.on('ping', () => Promise.resolve({ time: 1 }));
    const { heard, say } = connect();
    await say({ type: 'drops', id: 1 });
    await say({ type: 'stats', id: 2 });
    await say(Uint8Array.of(0xc1));
    await say({ type: 'reboot', id: 4 } as unknown as ToNode);
    await say({ type: 'log', id: 5, level: 'loud' } as unknown as ToNode);
    await say({ type: 'stream.data', stream: 99, channel: 'stdin', data: new Uint8Array(1), end: false });
    await say({ type: 'ping', id: 6 });
    expect(heard.slice(1).map((m) => [m.type, 'replyTo' in m && m.replyTo, 'code' in m && m.code])).toEqual([
      ['error', 1, 'E_UNKNOWN_TYPE'],
      ['error', 2, 'E_INTERNAL'],
      ['error', 0, 'E_MALFORMED'],
      ['error', 4, 'E_UNKNOWN_TYPE'],
      ['error', 5, 'E_MALFORMED'],
      ['ok', 6, false],
    ]);
  });

  it('listens to one emulator: a new one takes over, and the end of the old one is not a loss', async () => {
    const { supervision, connect } = connected();
    let lost = 0;
    supervision.onLost = () => lost++;
    const first = connect();
    await turn();
    const second = connect();
    await turn();
    expect(first.closed()).toBe(true);
    supervision.send({ type: 'daemon.status', name: 'flanneld', state: 'running', message: '' });
    await turn();
    expect(second.heard.at(-1)).toMatchObject({ type: 'daemon.status' });
    expect(first.heard).toHaveLength(1);
    expect(lost).toBe(0);
    second.pair.cut();
    await turn();
    expect(lost).toBe(1);
  });

  it('ends the streams and captures of an emulator that is gone', async () => {
    const { supervision, connect } = connected();
    const said: string[] = [];
    supervision.on('exec', (request, session) => {
      const stream = session.stream(request.stream);
      stream.onInput = (data) => said.push(data === undefined ? 'end of input' : 'input');
      stream.onKill = (signal) => said.push(signal);
      session.onEnd(() => said.push('session over'));
      return null;
    });
    const { heard, say, pair } = connect();
    const exec = {
      type: 'exec',
      stream: 7,
      place: { kind: 'node' },
      argv: ['cat'],
      env: {},
      stdin: true,
    } as const;
    await say({ ...exec, id: 1 });
    await say({ ...exec, id: 2 });
    expect(heard.at(-1)).toMatchObject({ type: 'error', replyTo: 2, code: 'E_EXISTS' });
    pair.cut();
    await turn();
    expect(said).toEqual(['end of input', 'SIGHUP', 'session over']);
  });

  it('keeps messages for a node that stands still', async () => {
    const { supervision, connect } = connected();
    supervision.on('ping', () => ({ time: 1 }));
    const { heard, say, pair } = connect();
    await turn();
    pair.hold(true);
    await say({ type: 'ping', id: 1 });
    expect(heard).toHaveLength(1);
    pair.hold(false);
    await turn();
    expect(heard).toHaveLength(2);
  });
});

describe('streams', () => {
  /** Both ends of a stream, messages handed over as they are said. */
  function pair() {
    const toEmulator: FromNode[] = [];
    const node = new NodeStream(
      1,
      (message) => toEmulator.push(message),
      () => {},
    );
    const toNode: ToNode[] = [];
    const emulator = new EmulatorStream(1, (message) => toNode.push(message));
    const got: (string | undefined)[] = [];
    emulator.onData = (channel, data) => {
      got.push(data === undefined ? `${channel} ended` : `${channel} ${data.length}`);
    };
    const deliver = () => {
      for (const message of toEmulator.splice(0)) {
        if (message.type === 'stream.data') emulator.data(message);
        else if (message.type === 'stream.credit') emulator.credit(message.bytes);
        else if (message.type === 'stream.exit') emulator.ended(message);
      }
      for (const message of toNode.splice(0)) {
        if (message.type === 'stream.data') node.input(message);
        else if (message.type === 'stream.credit') node.credit(message.bytes);
      }
    };
    return { node, emulator, got, deliver };
  }

  it('carry output and its end, then the exit', async () => {
    const { node, emulator, got, deliver } = pair();
    node.write('stdout', new Uint8Array(100_000));
    node.write('stderr', new Uint8Array(3));
    node.end('stdout');
    node.exit(3, 'why');
    node.write('stdout', new Uint8Array(1)); // too late
    deliver();
    expect(got).toEqual(['stdout 65536', 'stdout 34464', 'stderr 3', 'stdout ended']);
    expect(await emulator.exit).toEqual({ code: 3, reason: 'why' });
  });

  it('have no more than the window under way, each way, and say when there is room', async () => {
    const { node, emulator, got, deliver } = pair();
    let drained = 0;
    node.onDrain = () => drained++;
    const total = 3 * STREAM_WINDOW;
    expect(node.write('stdout', new Uint8Array(total))).toBe(false);
    let received = 0;
    for (let round = 0; received < total; round++) {
      deliver();
      const bytes = got.splice(0).reduce((sum, text) => sum + Number(text!.split(' ')[1]), 0);
      expect(bytes).toBeLessThanOrEqual(STREAM_WINDOW);
      received += bytes;
      expect(round).toBeLessThan(10);
      emulator.taken(bytes);
      deliver();
    }
    expect(drained).toBe(1);
    node.exit(0);
    deliver();
    expect(await emulator.exit).toMatchObject({ code: 0 });

    const other = pair();
    let input = 0;
    let ended = false;
    other.node.onInput = (data) => {
      if (data === undefined) ended = true;
      else input += data.length;
    };
    expect(other.emulator.write(new Uint8Array(2 * STREAM_WINDOW))).toBe(false);
    other.emulator.end();
    other.deliver();
    expect(input).toBe(STREAM_WINDOW);
    other.node.taken(STREAM_WINDOW);
    other.deliver();
    other.deliver();
    expect(input).toBe(2 * STREAM_WINDOW);
    expect(ended).toBe(true);
  });

  it('keep what came before anybody listened', () => {
    const stream = new EmulatorStream(1, () => {});
    const message = { type: 'stream.data', stream: 1, channel: 'stdout', end: false } as const;
    stream.data({ ...message, data: Buffer.from('a') });
    stream.data({ ...message, data: new Uint8Array(0), end: true });
    const got: unknown[] = [];
    stream.onData = (channel, data) =>
      got.push([channel, data === undefined ? undefined : Buffer.from(data).toString()]);
    expect(got).toEqual([
      ['stdout', 'a'],
      ['stdout', undefined],
    ]);
  });
});
