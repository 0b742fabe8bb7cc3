// A listener's UDP socket and TCP port (miekg/dns server.go). The server behind it can be exchanged while it runs: reload.
import type { Clock, DatagramSocket, Host, Listener, Stream, Timer } from '../host.ts';
import type { Server } from './server.ts';

/** Milliseconds until the first query of a connection, between queries, and for the peer to take a reply. */
const READ_TIMEOUT = 3000;
const IDLE_TIMEOUT = 10_000;
const WRITE_TIMEOUT = 5000;
/** Queries that wait for somebody else, over all clients: more are not answered, as by a socket whose buffer is full. */
const MAX_WAITING = 20_000;

export class Transport {
  server: Server;
  readonly #host: Host;
  readonly #address: string;
  readonly #port: number;
  #udp: DatagramSocket | undefined;
  #tcp: Listener | undefined;
  readonly #streams = new Set<Connection>();
  #waiting = 0;
  #drained: (() => void) | undefined;

  constructor(host: Host, address: string, port: number, server: Server) {
    this.#host = host;
    this.#address = address;
    this.#port = port;
    this.server = server;
  }

  get port(): number {
    return this.#udp?.local.port ?? this.#port;
  }

  /** Rejects when one of the two ports cannot be had. */
  async open(): Promise<void> {
    const address = this.#address === '' ? undefined : this.#address;
    const { network } = this.#host;
    this.#udp = await network.bindUdp({
      address,
      port: this.#port,
      onMessage: (data, from) => {
        if (this.#waiting >= MAX_WAITING) return;
        const socket = this.#udp;
        const waiting = this.server.receive(data, from, 'udp', (bytes) =>
          socket?.send(bytes, from.port, from.address),
        );
        if (waiting !== undefined) this.#wait(waiting);
      },
    });
    try {
      this.#tcp = await network.listenTcp({
        address,
        port: this.#udp.local.port,
        onConnection: (stream) => {
          const connection = new Connection(stream, this.#host.clock, this);
          this.#streams.add(connection);
          stream.once('close', () => this.#streams.delete(connection));
        },
      });
    } catch (error) {
      this.#udp.close();
      throw error;
    }
  }

  #wait(waiting: Promise<number>): void {
    this.#waiting++;
    const done = (): void => {
      if (--this.#waiting === 0) this.#drained?.();
    };
    waiting.then(done, done);
  }

  /** No new queries; those under way get `grace` milliseconds. */
  async close(grace: number): Promise<void> {
    this.#tcp?.close();
    // Replies go out on the same socket, so it closes last.
    if (this.#waiting > 0)
      await new Promise<void>((resolve) => {
        const timer = this.#host.clock.after(grace, resolve);
        this.#drained = () => {
          timer.cancel();
          resolve();
        };
      });
    this.#udp?.close();
    this.#udp = undefined;
    for (const connection of this.#streams) connection.end();
  }
}

/** One TCP connection: messages with two octets of length before each, answered in their order. */
class Connection {
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #peer: { address: string; port: number };
  #pending: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  #busy = false;
  #timer: Timer;
  #closing = false;

  constructor(stream: Stream, clock: Clock, transport: Transport) {
    this.#stream = stream;
    this.#clock = clock;
    this.#transport = transport;
    this.#peer = { address: stream.remoteAddress ?? '', port: stream.remotePort ?? 0 };
    this.#timer = clock.after(READ_TIMEOUT, () => stream.destroy());
    stream.on('error', () => stream.destroy());
    stream.on('close', () => this.#timer.cancel());
    stream.on('end', () => {
      this.#closing = true;
      if (!this.#busy) this.#stream.end();
    });
    stream.on('data', (chunk: Buffer) => {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      if (!this.#busy) this.#serve();
    });
  }

  end(): void {
    this.#closing = true;
    if (!this.#busy) this.#stream.end();
  }

  #serve(): void {
    const { server } = this.#transport;
    let at = 0;
    const bytes = this.#pending;
    while (at + 2 <= bytes.length) {
      const size = bytes.readUInt16BE(at);
      if (at + 2 + size > bytes.length) break;
      const message = bytes.subarray(at + 2, at + 2 + size);
      at += 2 + size;
      const waiting = server.receive(message, this.#peer, 'tcp', (reply) => {
        const length = Buffer.allocUnsafe(2);
        length.writeUInt16BE(reply.length);
        this.#out.push(length, reply);
      });
      if (waiting !== undefined) {
        this.#hold(bytes.subarray(at), waiting);
        return;
      }
    }
    this.#pending = bytes.subarray(at);
    if (this.#flush()) this.#rest(IDLE_TIMEOUT);
    if (this.#closing) this.#stream.end();
  }

  /** Nothing more is read until this query has its answer. */
  #hold(rest: Buffer, waiting: Promise<number>): void {
    this.#pending = rest;
    this.#busy = true;
    this.#timer.cancel();
    this.#stream.pause();
    this.#flush();
    const go = (): void => {
      this.#busy = false;
      if (this.#stream.destroyed) return;
      this.#stream.resume();
      this.#serve();
    };
    waiting.then(go, go);
  }

  #rest(ms: number): void {
    this.#timer.cancel();
    this.#timer = this.#clock.after(ms, () => this.#stream.destroy());
  }

  /** False where the peer does not take its replies: then no more of its queries are read until it does. */
  #flush(): boolean {
    if (this.#out.length === 0) return true;
    const all = Buffer.concat(this.#out);
    this.#out = [];
    if (this.#stream.destroyed || this.#stream.write(all)) return true;
    this.#stream.pause();
    this.#rest(WRITE_TIMEOUT);
    this.#stream.once('drain', () => {
      this.#rest(IDLE_TIMEOUT);
      if (!this.#busy) this.#stream.resume();
    });
    return false;
  }
}
