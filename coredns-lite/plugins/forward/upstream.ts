// One upstream of plugin/forward (CoreDNS plugin/pkg/proxy): its idle sockets, an exchange over one of them, and its health.
import { decode } from '../../dns/decode.ts';
import { encode } from '../../dns/encode.ts';
import { type Message, queryFor } from '../../dns/message.ts';
import { TYPE } from '../../dns/types.ts';
import type { DialledSocket, Host, Peer, Stream, Timer } from '../../host.ts';
import type { Proto } from '../../server/plugin.ts';

export interface UpstreamOptions {
  readonly to: Peer;
  readonly sourceAddress: string | undefined;
  /** All in milliseconds. */
  readonly readTimeout: number;
  readonly expire: number;
  readonly healthInterval: number;
  readonly healthDomain: string;
  readonly healthRecursion: boolean;
  /** Idle sockets of a kind; 0: any number, as far as MAX_IDLE. */
  readonly maxIdle: number;
  readonly forceTcp: boolean;
}

const CONNECT_TIMEOUT = 5000;
const PROBE_TIMEOUT = 1000;
const MAX_IDLE = 1000;

/** A reply, or why there is none. */
export type Exchange = { readonly reply: Message } | { readonly error: string };

/** One query at a time: it is idle, or somebody waits on it. */
interface Conn {
  readonly proto: Proto;
  send(query: Uint8Array): void;
  close(): void;
  readonly local: Peer;
  onMessage: ((bytes: Uint8Array) => void) | undefined;
  onError: ((error: string) => void) | undefined;
  used: number;
  dead: boolean;
}

export class Upstream {
  readonly options: UpstreamOptions;
  readonly #host: Host;
  readonly #idle: { udp: Conn[]; tcp: Conn[] } = { udp: [], tcp: [] };
  /** Probes without an answer since the last one with. */
  #fails = 0;
  #probing: Timer | undefined;
  #stopped = false;

  constructor(host: Host, options: UpstreamOptions) {
    this.#host = host;
    this.options = options;
  }

  get address(): string {
    const { address, port } = this.options.to;
    return `${address.includes(':') ? `[${address}]` : address}:${port}`;
  }

  isDown(maxFails: number): boolean {
    return maxFails > 0 && this.#fails > maxFails;
  }

  stop(): void {
    this.#stopped = true;
    this.#probing?.cancel();
    for (const conn of [...this.#idle.udp, ...this.#idle.tcp]) conn.close();
  }

  async exchange(query: Message, proto: Proto): Promise<Exchange> {
    for (;;) {
      const cached = this.#takeIdle(proto);
      const conn = cached ?? (await this.#dial(proto));
      if ('error' in conn) return conn;
      const done = await this.#ask(conn, query, this.options.readTimeout);
      // A kept connection that the other side closed meanwhile: try another.
      if ('error' in done && cached !== undefined && done.error.endsWith('EOF')) continue;
      return done;
    }
  }

  #takeIdle(proto: Proto): Conn | undefined {
    const list = this.#idle[proto];
    const now = this.#host.clock.now();
    for (let conn = list.shift(); conn !== undefined; conn = list.shift()) {
      if (!conn.dead && now - conn.used <= this.options.expire) return conn;
      conn.close();
    }
    return undefined;
  }

  #yield(conn: Conn): void {
    const { maxIdle } = this.options;
    const list = this.#idle[conn.proto];
    conn.onMessage = undefined;
    conn.onError = () => conn.close();
    conn.used = this.#host.clock.now();
    if (this.#stopped || list.length >= (maxIdle === 0 ? MAX_IDLE : maxIdle)) conn.close();
    else list.push(conn);
  }

  #ask(conn: Conn, query: Message, timeout: number): Promise<Exchange> {
    const id = Math.floor(this.#host.random() * 65_536);
    const bytes = encode({ ...query, id });
    if (bytes === undefined) return Promise.resolve({ error: 'the query cannot be written' });
    return new Promise((resolve) => {
      const flow = (): string =>
        `read ${conn.proto} ${conn.local.address}:${conn.local.port}->${this.address}`;
      const finish = (result: Exchange, keep: boolean): void => {
        timer.cancel();
        if (keep) this.#yield(conn);
        else conn.close();
        resolve(result);
      };
      const timer = this.#host.clock.after(timeout, () => finish({ error: `${flow()}: i/o timeout` }, false));
      conn.onError = (error) => finish({ error: `${flow()}: ${error}` }, false);
      conn.onMessage = (data) => {
        // What answers another question, or nothing, is not for us: go on waiting.
        if (data.length < 12 || ((data[0]! << 8) | data[1]!) !== id || (data[2]! & 0x80) === 0) return;
        const decoded = decode(data);
        if (decoded === undefined) {
          finish({ error: `${flow()}: the reply cannot be read` }, false);
          return;
        }
        decoded.message.id = query.id;
        finish({ reply: decoded.message }, true);
      };
      conn.send(bytes);
    });
  }

  #dial(proto: Proto): Promise<Conn | { readonly error: string }> {
    return proto === 'udp' ? this.#dialUdp() : this.#dialTcp();
  }

  async #dialUdp(): Promise<Conn | { readonly error: string }> {
    const { to, sourceAddress } = this.options;
    const state: { conn?: Conn } = {};
    let socket: DialledSocket;
    try {
      socket = await this.#host.network.dialUdp({
        to,
        localAddress: sourceAddress,
        onMessage: (data) => state.conn?.onMessage?.(data),
        onError: (error) => state.conn?.onError?.(`read: ${errorText(error)}`),
      });
    } catch (error) {
      return { error: `dial udp ${this.address}: ${errorText(error)}` };
    }
    const conn: Conn = {
      proto: 'udp',
      local: socket.local,
      send: (query) => socket.send(query),
      close: () => {
        conn.dead = true;
        socket.close();
      },
      onMessage: undefined,
      onError: undefined,
      used: 0,
      dead: false,
    };
    state.conn = conn;
    return conn;
  }

  #dialTcp(): Promise<Conn | { readonly error: string }> {
    const { to, sourceAddress } = this.options;
    const stream = this.#host.network.connectTcp({ ...to, localAddress: sourceAddress });
    return new Promise((resolve) => {
      const refuse = (why: string): void => {
        timer.cancel();
        stream.destroy();
        resolve({ error: `dial tcp ${this.address}: ${why}` });
      };
      const timer = this.#host.clock.after(CONNECT_TIMEOUT, () => refuse('i/o timeout'));
      const failed = (error: Error): void => refuse(`connect: ${errorText(error)}`);
      stream.once('error', failed);
      stream.once('connect', () => {
        timer.cancel();
        stream.removeListener('error', failed);
        resolve(tcpConn(stream));
      });
    });
  }

  /** Begins to probe, if nobody does: until an answer, whatever it says. */
  probe(): void {
    if (this.#probing !== undefined || this.#stopped) return;
    const { healthInterval, healthDomain, healthRecursion, forceTcp } = this.options;
    const query = queryFor(0, healthDomain, TYPE.NS);
    query.recursionDesired = healthRecursion;
    const again = async (): Promise<void> => {
      const conn = await this.#dial(forceTcp ? 'tcp' : 'udp');
      const done = 'error' in conn ? conn : await this.#ask(conn, query, PROBE_TIMEOUT);
      if (!('error' in done)) {
        this.#fails = 0;
        this.#probing = undefined;
        return;
      }
      this.#fails++;
      if (!this.#stopped) this.#probing = this.#host.clock.after(healthInterval, () => void again());
    };
    this.#probing = this.#host.clock.after(0, () => void again());
  }
}

function tcpConn(stream: Stream): Conn {
  let pending = Buffer.alloc(0);
  const conn: Conn = {
    proto: 'tcp',
    local: { address: stream.localAddress ?? '', port: 0 },
    send: (query) => {
      const framed = Buffer.allocUnsafe(query.length + 2);
      framed.writeUInt16BE(query.length);
      framed.set(query, 2);
      stream.write(framed);
    },
    close: () => {
      conn.dead = true;
      stream.destroy();
    },
    onMessage: undefined,
    onError: undefined,
    used: 0,
    dead: false,
  };
  const broken = (why: string): void => {
    conn.dead = true;
    conn.onError?.(why);
  };
  stream.on('error', (error) => broken(errorText(error)));
  stream.on('end', () => broken('EOF'));
  stream.on('close', () => broken('EOF'));
  stream.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      const message = pending.subarray(2, end);
      pending = pending.subarray(end);
      conn.onMessage?.(message);
    }
  });
  return conn;
}

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
};

function errorText(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return WORDS[code ?? ''] ?? message ?? String(error);
}
