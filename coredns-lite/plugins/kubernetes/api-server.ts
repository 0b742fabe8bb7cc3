// List and watch from a Kubernetes API server (client-go's Reflector): a list, then its changes from that version on; an expired
// version, a closed or a silent connection lead back to the list, with a growing pause.
import type { IncomingMessage, RequestOptions } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock, Log, Timer } from '../../host.ts';
import type { Sink, Source, Want } from './catalogue.ts';
import type { Kind, Raw } from './objects.ts';

export interface ApiServerOptions {
  /** "https://10.96.0.1:443". */
  readonly endpoint: string;
  /** Read for every request: tokens are renewed in their file. */
  token(): string | undefined;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly insecure?: boolean;
  };
  /** Opens a connection to a host and port. */
  connect(host: string, port: number): Duplex;
  readonly clock: Clock;
  readonly log: Log;
  random(): number;
}

const PATHS: Readonly<Record<Kind, string>> = {
  services: '/api/v1/services',
  namespaces: '/api/v1/namespaces',
  pods: '/api/v1/pods',
  endpointslices: '/apis/discovery.k8s.io/v1/endpointslices',
};
const FIRST_PAUSE = 100;
const MAX_PAUSE = 30_000;
/** A watch that says nothing for this long, bookmarks included, is taken for dead; as is a list. */
const SILENCE = 90_000;
const ANSWER_TIMEOUT = 10_000;
/** A watch is asked to end by itself after 5 to 10 minutes, in seconds. */
const WATCH_SECONDS = 300;

export class ApiServer implements Source {
  readonly #options: ApiServerOptions;

  constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  start(want: Want, sink: Sink): () => void {
    const left = new Set(want.kinds);
    const reflectors = want.kinds.map((kind) => {
      const labels = kind === 'namespaces' ? want.namespaceLabels : want.labels;
      const listed = (): void => {
        if (left.delete(kind) && left.size === 0) sink.synced();
      };
      return new Reflector(this.#options, kind, labels, sink, listed);
    });
    for (const reflector of reflectors) void reflector.run();
    return () => {
      for (const reflector of reflectors) reflector.stop();
    };
  }
}

class Reflector {
  readonly #options: ApiServerOptions;
  readonly #kind: Kind;
  readonly #labels: string;
  readonly #sink: Sink;
  readonly #listed: () => void;
  #stopped = false;
  #cut: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #pause = FIRST_PAUSE;

  constructor(options: ApiServerOptions, kind: Kind, labels: string, sink: Sink, listed: () => void) {
    this.#options = options;
    this.#kind = kind;
    this.#labels = labels;
    this.#sink = sink;
    this.#listed = listed;
  }

  stop(): void {
    this.#stopped = true;
    this.#cut?.();
    this.#wake?.();
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        let version: string | undefined = await this.#list();
        while (!this.#stopped && version !== undefined) version = await this.#watch(version);
      } catch (error) {
        if (this.#stopped) return;
        const why = error instanceof Error ? error.message : String(error);
        this.#options.log.error(`failed to list or watch ${this.#kind}: ${why}`);
      }
      await this.#sleep();
    }
  }

  #sleep(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    const ms = this.#pause * (1 + this.#options.random());
    this.#pause = Math.min(this.#pause * 2, MAX_PAUSE);
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  async #list(): Promise<string> {
    const chunks: Buffer[] = [];
    await this.#get({ resourceVersion: '0' }, (chunk) => chunks.push(chunk));
    const list = JSON.parse(Buffer.concat(chunks).toString('utf8')) as {
      items?: Raw[];
      metadata?: { resourceVersion?: string };
    };
    this.#sink.replace(this.#kind, list.items ?? []);
    this.#pause = FIRST_PAUSE;
    this.#listed();
    return list.metadata?.resourceVersion ?? '0';
  }

  /** Answers the version to watch on from, or undefined where it must be listed again. */
  async #watch(from: string): Promise<string | undefined> {
    let version: string | undefined = from;
    let rest = '';
    const seconds = Math.round(WATCH_SECONDS * (1 + this.#options.random()));
    const decoder = new TextDecoder();
    await this.#get(
      { watch: 'true', allowWatchBookmarks: 'true', resourceVersion: from, timeoutSeconds: `${seconds}` },
      (chunk) => {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines)
          if (line !== '' && version !== undefined) version = this.#event(line, version);
      },
    );
    return version;
  }

  #event(line: string, version: string): string | undefined {
    const { type, object } = JSON.parse(line) as { type: string; object: Raw & { code?: number } };
    if (type === 'ERROR') return undefined;
    const metadata = object.metadata as { resourceVersion?: string } | undefined;
    if (type === 'ADDED' || type === 'MODIFIED') this.#sink.upsert(this.#kind, object);
    else if (type === 'DELETED') this.#sink.remove(this.#kind, object);
    return metadata?.resourceVersion ?? version;
  }

  /** Resolves at the end of a 200 answer; rejects at any other, and when it was cut. */
  async #get(query: Readonly<Record<string, string>>, onData: (chunk: Buffer) => void): Promise<void> {
    const { endpoint, clock, tls, connect } = this.#options;
    const url = new URL(PATHS[this.#kind], endpoint);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    if (this.#labels !== '') url.searchParams.set('labelSelector', this.#labels);
    const secure = url.protocol === 'https:';
    const port = Number(url.port || (secure ? 443 : 80));
    const http = process.getBuiltinModule('node:http');
    const tlsConnect = secure ? process.getBuiltinModule('node:tls').connect : undefined;
    const token = this.#options.token();
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const options: RequestOptions = {
      method: 'GET',
      path: `${url.pathname}${url.search}`,
      host,
      headers: {
        host: url.host,
        accept: 'application/json',
        'user-agent': 'coredns-lite',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      createConnection: () => {
        const socket = connect(host, port);
        if (tlsConnect === undefined) return socket;
        return tlsConnect({
          socket,
          servername: /^[\d.:]+$/.test(host) ? '' : host,
          rejectUnauthorized: tls.insecure !== true,
          ALPNProtocols: ['http/1.1'],
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.cert === undefined ? {} : { cert: tls.cert }),
          ...(tls.key === undefined ? {} : { key: tls.key }),
        });
      },
    };
    await new Promise<void>((resolve, reject) => {
      if (this.#stopped) return reject(new Error('stopped'));
      const req = http.request(options);
      let timer: Timer = clock.after(ANSWER_TIMEOUT, () => req.destroy(new Error('no answer')));
      const heard = (): void => {
        timer.cancel();
        timer = clock.after(SILENCE, () => req.destroy(new Error('nothing heard')));
      };
      this.#cut = () => req.destroy(new Error('stopped'));
      const end = (error?: Error): void => {
        timer.cancel();
        this.#cut = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      req.on('error', end);
      req.on('response', (res: IncomingMessage) => {
        heard();
        if (res.statusCode !== 200) {
          res.resume();
          end(new Error(`${url.host} answers ${res.statusCode} for ${url.pathname}`));
          return;
        }
        res.on('data', (chunk: Buffer) => {
          heard();
          try {
            onData(chunk);
          } catch (error) {
            req.destroy(error instanceof Error ? error : new Error(String(error)));
          }
        });
        res.on('error', end);
        res.on('end', () => end());
        res.on('close', () => end(res.complete ? undefined : new Error('the connection was cut')));
      });
      req.end();
    });
  }
}
