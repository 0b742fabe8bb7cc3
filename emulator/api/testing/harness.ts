// A server with a store in memory and a clock that is moved by hand, and plain requests to it: for tests.
import { Agent, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { MemoryStore } from '../../store/memory-store.ts';
import { duplexPair } from '../duplex-pair.ts';
import { ApiServer, type ApiServerOptions } from '../server.ts';
import { TestClock } from './clock.ts';

export interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body parsed; undefined when it is not JSON. */
  readonly body: unknown;
}

export const ADMIN = { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] };

export class Harness {
  readonly clock = new TestClock();
  readonly store: MemoryStore;
  readonly server: ApiServer;
  #agent: Agent;

  constructor(options: Partial<ApiServerOptions> & { history?: number } = {}) {
    this.store = new MemoryStore(options.history === undefined ? {} : { history: options.history });
    this.server = new ApiServer({
      store: this.store,
      clock: this.clock,
      seed: 1,
      tokens: new Map([['secret', ADMIN]]),
      ...options,
    });
    const connect = (): Duplex => this.connect();
    this.#agent = new (class extends Agent {
      override createConnection(): Duplex {
        return connect();
      }
    })({ keepAlive: false });
  }

  connect(): Duplex {
    const [client, server] = duplexPair();
    this.server.serve(server);
    return client;
  }

  /** `body`: an object is sent as JSON, a string or bytes as they are. */
  call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = request({
        agent: this.#agent,
        host: 'test',
        method,
        path,
        headers: { authorization: 'Bearer secret', 'content-type': 'application/json', ...headers },
      });
      req.on('error', reject);
      req.on('response', (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ code: res.statusCode ?? 0, headers: res.headers, text, body: parsed(text) });
        });
      });
      if (body === undefined) req.end();
      else req.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  }

  /** Lines of a watch as they come, until `stop`. */
  watch(
    path: string,
    headers: Record<string, string> = {},
  ): { lines: unknown[]; ended: boolean; stop(): void } {
    const seen = { lines: [] as unknown[], ended: false, stop: () => void req.destroy() };
    const req = request({
      agent: this.#agent,
      host: 'test',
      path,
      headers: { authorization: 'Bearer secret', ...headers },
    });
    req.on('error', () => {});
    req.on('response', (res) => {
      let rest = '';
      res.setEncoding('utf8');
      res.on('data', (text: string) => {
        const parts = (rest + text).split('\n');
        rest = parts.pop()!;
        for (const part of parts) seen.lines.push(JSON.parse(part));
      });
      res.on('end', () => {
        seen.ended = true;
      });
      res.on('error', () => {});
    });
    req.end();
    return seen;
  }

  async namespace(name = 'default'): Promise<void> {
    await this.call('POST', '/api/v1/namespaces', { metadata: { name } });
  }

  close(): void {
    this.server.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A pod as small as one can be. */
export const pod = (name: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...(more as { metadata?: object }).metadata },
  spec: { containers: [{ name: 'c', image: 'busybox' }], ...(more as { spec?: object }).spec },
});
