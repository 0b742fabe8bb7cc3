import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../emulator/api/types/pod.ts';
import { VirtualClock } from '../kernel/clock/virtual-clock.ts';
import { createApiClient } from './api-client.ts';
import { ApiError } from './errors.ts';
import { PODS } from './resources.ts';

const settle = async (turns = 20): Promise<void> => {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Two ends of a connection in memory. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const make = (other: number): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        const peer = ends[other]!;
        if (!peer.destroyed) peer.push(chunk);
        done();
      },
      final(done) {
        if (!ends[other]!.destroyed) ends[other]!.push(null);
        done();
      },
      destroy(error, done) {
        queueMicrotask(() => ends[other]!.destroy());
        done(error);
      },
    });
  ends.push(make(1), make(0));
  return [ends[0]!, ends[1]!];
}

const pod = (name: string, version: number): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', resourceVersion: String(version) },
  spec: { containers: [] },
});

/** An API server as a script: what is listed, and the watches that are open. */
class Script {
  items: Pod[] = [];
  revision = 1;
  up = true;
  silent = false;
  readonly watches: { res: ServerResponse; url: string }[] = [];
  readonly requests: string[] = [];
  #http = createServer({ keepAliveTimeout: 0 }, (req, res) => this.#answer(req, res));
  #open = new Set<Duplex>();

  connect = (): Duplex => {
    const [client, server] = pair();
    client.on('error', () => {});
    server.on('error', () => {});
    if (!this.up) {
      queueMicrotask(() => client.destroy(new Error('connect ECONNREFUSED')));
      return client;
    }
    if (this.silent) return client;
    this.#open.add(server);
    this.#http.emit('connection', server);
    return client;
  };

  /** All connections die, as when the server does. */
  cut(): void {
    for (const end of this.#open) end.destroy();
    this.#open.clear();
    this.watches.length = 0;
  }

  send(type: string, object: object): void {
    for (const { res } of this.watches) res.write(`${JSON.stringify({ type, object })}\n`);
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    this.requests.push(`${req.method} ${req.url}`);
    if (req.url!.includes('watch=true')) {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.flushHeaders();
      this.watches.push({ res, url: req.url! });
      return;
    }
    res.setHeader('content-type', 'application/json');
    res.end(
      JSON.stringify({
        kind: 'PodList',
        apiVersion: 'v1',
        metadata: { resourceVersion: String(this.revision) },
        items: this.items,
      }),
    );
  }
}

function follow(script: Script) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const client = createApiClient({ connect: script.connect, token: 't', clock, random: () => 0 });
  const pods = client.listWatch(
    PODS,
    { fieldSelector: 'spec.nodeName=n1', keep: (p) => p.metadata.name },
    {
      onAdd: (name) => log.push(`+${name}`),
      onUpdate: (name, old) => log.push(`~${old}>${name}`),
      onDelete: (name) => log.push(`-${name}`),
      onSync: () => log.push('sync'),
    },
  );
  const advance = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  return { clock, log, client, pods, advance };
}

describe('listWatch', () => {
  it('hands over what is there, says so, and follows', async () => {
    const script = new Script();
    script.items = [pod('a', 1)];
    const { log, client, pods } = follow(script);
    await settle();
    script.send('ADDED', pod('b', 2));
    script.send('MODIFIED', pod('a', 3));
    script.send('DELETED', pod('b', 4));
    await settle();
    expect(log).toEqual(['+a', 'sync', '+b', '~a>a', '-b']);
    expect(script.requests[0]).toBe('GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1');
    expect([...pods.items()]).toEqual(['a']);
    client.stop();
  });

  it('goes on from the last version after the connection was cut, without listing again', async () => {
    const script = new Script();
    const { log, client, advance } = follow(script);
    await settle();
    script.send('ADDED', pod('a', 7));
    await settle();
    script.cut();
    await settle();
    await advance(1000);
    expect(script.requests.at(-1)).toContain('resourceVersion=7');
    expect(log).toEqual(['sync', '+a']);
    client.stop();
  });

  it('lists again when the past is gone, and tells only the difference', async () => {
    const script = new Script();
    script.items = [pod('a', 1), pod('b', 1)];
    const { log, client } = follow(script);
    await settle();
    script.items = [pod('b', 1), pod('c', 9)];
    script.send('ERROR', { kind: 'Status', code: 410 });
    script.watches.at(-1)!.res.end();
    await settle();
    expect(log).toEqual(['+a', '+b', 'sync', '+c', '-a']);
    client.stop();
  });

  it('waits longer after each failure, up to its limit, and comes back', async () => {
    const script = new Script();
    script.up = false;
    const { clock, log, client, advance } = follow(script);
    const tries: number[] = [];
    let last = -1;
    for (let i = 0; i < 400; i++) {
      await settle(4);
      const next = clock.next();
      if (next === undefined || next > 60_000) break;
      if (next !== last) tries.push(next);
      last = next;
      clock.advanceTo(next);
    }
    const waits = tries.filter((t, i) => i === 0 || t - tries[i - 1]! > 0).slice(0, 8);
    expect(waits.slice(0, 5)).toEqual([200, 600, 1400, 3000, 6200]);
    script.up = true;
    await advance(clock.next()! - clock.now());
    expect(log).toEqual(['sync']);
    client.stop();
  });

  it('takes silence for a dead connection and opens another', async () => {
    const script = new Script();
    const { client, advance } = follow(script);
    await settle();
    expect(script.watches.length).toBe(1);
    await advance(30_000);
    script.send('BOOKMARK', { kind: 'Pod', metadata: { resourceVersion: '5' } });
    await settle();
    await advance(44_000);
    expect(script.watches.length).toBe(1);
    await advance(2000);
    await advance(1000);
    expect(script.watches.length).toBe(2);
    expect(script.watches[1]!.url).toContain('resourceVersion=5');
    client.stop();
  });
});

describe('calls', () => {
  it('fail as unreachable when nothing answers in time', async () => {
    const script = new Script();
    script.silent = true;
    const clock = new VirtualClock();
    const client = createApiClient({ connect: script.connect, token: 't', clock, timeout: 5000 });
    const failed = client.get(PODS, 'a', 'default').catch((error: unknown) => error);
    await settle();
    clock.advance(5000);
    const error = (await failed) as ApiError;
    expect(error).toBeInstanceOf(ApiError);
    expect(error.code).toBe('E_API_UNREACHABLE');
    client.stop();
  });
});
