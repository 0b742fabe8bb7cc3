import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { settle } from '../testing/clock.ts';
import { Harness, pod } from '../testing/harness.ts';
import type { PodRequest, PodStream, PodStreams } from './pod-streams.ts';

/** A command as a script sees it: what came in, and how it is made to speak and end. */
class Fake implements PodStream {
  readonly request: PodRequest;
  readonly seen: string[] = [];
  onDrain = (): void => {};
  onData: PodStream['onData'] = () => {};
  exit: PodStream['exit'];
  finish!: (end: { code: number; reason: string | undefined }) => void;
  constructor(request: PodRequest) {
    this.request = request;
    this.exit = new Promise((resolve) => {
      this.finish = resolve;
    });
  }
  say(channel: 'stdout' | 'stderr', text: string): void {
    this.onData(channel, Buffer.from(text));
  }
  write(data: Uint8Array): boolean {
    this.seen.push(Buffer.from(data).toString());
    return true;
  }
  end(): void {
    this.seen.push('<end>');
  }
  taken(): void {}
  resize(columns: number, rows: number): void {
    this.seen.push(`<${columns}x${rows}>`);
  }
  kill(): void {
    this.seen.push('<kill>');
    this.finish({ code: 137, reason: undefined });
  }
}

let api: Harness;
let opened: Fake[];
const PODS = '/api/v1/namespaces/default/pods';

beforeEach(async () => {
  opened = [];
  const streams: PodStreams = {
    open: async (_pod, _container, request) => {
      const fake = new Fake(request);
      opened.push(fake);
      return fake;
    },
  };
  api = new Harness({ streams });
  await api.namespace();
  await api.call('POST', PODS, pod('p'));
  await api.call('POST', `${PODS}/p/binding`, { target: { name: 'n1' } });
  const containerStatuses = [
    { name: 'c', ready: true, restartCount: 0, image: '', imageID: '', state: { running: {} } },
  ];
  await api.call(
    'PATCH',
    `${PODS}/p/status`,
    { status: { containerStatuses } },
    { 'content-type': 'application/merge-patch+json' },
  );
});
afterEach(() => api.close());

async function exec(query: string, protocol = 'v5.channel.k8s.io') {
  const messages: string[] = [];
  const socket = new WebSocket(`ws://test${PODS}/p/${query}`, [protocol], {
    headers: { authorization: 'Bearer secret' },
    createConnection: (() => api.connect()) as never,
  });
  const state = {
    socket,
    messages,
    closed: undefined as number | undefined,
    refused: undefined as number | undefined,
  };
  socket.on('message', (data: Buffer) => messages.push(`${data[0]} ${data.subarray(1).toString()}`));
  socket.on('close', (code) => {
    state.closed = code;
  });
  socket.on('unexpected-response', (_req, res) => {
    state.refused = res.statusCode;
  });
  socket.on('error', () => {});
  await settle();
  return state;
}

describe('exec', () => {
  it('carries input, output, size and end, and says how it ended', async () => {
    const { socket, messages, ...rest } = await exec(
      'exec?command=sh&command=-c&stdin=true&stdout=true&stderr=true&tty=true',
    );
    const [stream] = opened;
    expect(socket.protocol).toBe('v5.channel.k8s.io');
    expect(stream!.request).toEqual({ type: 'exec', argv: ['sh', '-c'], stdin: true, tty: true });
    socket.send(Buffer.from('\x04{"Width":100,"Height":30}\n'));
    socket.send(Buffer.from('\x00hi\n'));
    socket.send(Buffer.from([255, 0]));
    stream!.say('stdout', 'out');
    stream!.say('stderr', 'err');
    await settle();
    stream!.finish({ code: 7, reason: undefined });
    await settle();
    expect(stream!.seen.slice(0, 3)).toEqual(['<100x30>', 'hi\n', '<end>']);
    expect(messages.slice(0, 2)).toEqual(['1 out', '2 err']);
    expect(JSON.parse(messages[2]!.slice(2))).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    });
    expect(rest.refused).toBeUndefined();
  });

  it('is killed when its client goes', async () => {
    const { socket } = await exec('exec?command=sleep&stdout=true');
    socket.terminate();
    await settle();
    expect(opened[0]!.seen).toEqual(['<kill>']);
  });

  it.each([
    ['no command', 'exec?stdout=true', 'v5.channel.k8s.io', 400],
    ['a container that is not there', 'exec?command=ls&container=x', 'v5.channel.k8s.io', 400],
    ['a sub-protocol nobody speaks', 'exec?command=ls', 'v9.channel.k8s.io', 400],
  ])('%s is refused before any upgrade', async (_case, query, protocol, code) => {
    expect((await exec(query, protocol)).refused).toBe(code);
    expect(opened).toEqual([]);
  });
});

describe('log', () => {
  it('is what the container wrote', async () => {
    const answer = api.call('GET', `${PODS}/p/log?tailLines=2&follow=true`);
    await settle();
    const [stream] = opened;
    expect(stream!.request).toMatchObject({ type: 'logs', follow: true, tailLines: 2 });
    stream!.say('stdout', 'one\n');
    stream!.say('stderr', 'two\n');
    stream!.finish({ code: 0, reason: undefined });
    expect(await answer).toMatchObject({
      code: 200,
      text: 'one\ntwo\n',
      headers: { 'content-type': 'text/plain' },
    });
  });
  it('of a run that never was is refused', async () => {
    const { body } = await api.call('GET', `${PODS}/p/log?previous=true`);
    expect(body).toMatchObject({
      code: 400,
      message: 'previous terminated container "c" in pod "p" not found',
    });
  });
});
