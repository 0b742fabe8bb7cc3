// A server on a machine of values, for tests: files in a map, a clock that is moved by hand, peers that are functions. Nothing
// waits for real time and nothing leaves the process.
import { PassThrough } from 'node:stream';
import { decode } from '../dns/decode.ts';
import { encode } from '../dns/encode.ts';
import { type Message, queryFor, replyTo } from '../dns/message.ts';
import { rrText } from '../dns/rr.ts';
import { CLASS, rcodeName, typeOf } from '../dns/types.ts';
import type { Host, Network, Peer } from '../host.ts';
import { Instance } from '../server/instance.ts';
import type { Proto } from '../server/plugin.ts';
import { Capture, Request } from '../server/plugin.ts';

export interface LabOptions {
  readonly files?: Record<string, string>;
  readonly env?: Record<string, string>;
  /** Answers of other servers, by "address:port"; undefined: silence. */
  readonly servers?: Record<string, (query: Message) => Message | undefined>;
}

export interface AskOptions {
  readonly peer?: string;
  readonly proto?: Proto;
  readonly class?: number;
  readonly change?: (query: Message) => void;
}

export class Lab {
  readonly files: Record<string, string>;
  readonly lines: string[] = [];
  readonly fatals: string[] = [];
  /** Every question that another server got, as "address:port NAME TYPE". */
  readonly asked: string[] = [];
  readonly servers: NonNullable<LabOptions['servers']>;
  readonly instance: Instance;
  #now = 1000;
  #timers: { at: number; fn: () => void }[] = [];
  #seed = 1;

  constructor(corefile: string, options: LabOptions = {}) {
    this.files = { '/Corefile': corefile, ...options.files };
    this.servers = options.servers ?? {};
    const host: Host = {
      clock: {
        now: () => this.#now,
        wall: () => 1_700_000_000_000 + this.#now,
        after: (ms, fn) => {
          const timer = { at: this.#now + ms, fn };
          this.#timers.push(timer);
          return {
            cancel: () => {
              this.#timers = this.#timers.filter((t) => t !== timer);
            },
          };
        },
      },
      network: this.#network(),
      files: {
        read: (path) => {
          const text = this.files[path];
          if (text === undefined) throw new Error(`no such file: ${path}`);
          return text;
        },
        stamp: (path) => this.files[path],
        list: (dir) =>
          Object.keys(this.files).flatMap((path) =>
            path.startsWith(`${dir}/`) ? [path.slice(dir.length + 1)] : [],
          ),
      },
      env: options.env ?? {},
      cwd: '/',
      hostname: 'lab',
      random: () => {
        this.#seed = (this.#seed * 48_271) % 0x7fff_ffff;
        return this.#seed / 0x7fff_ffff;
      },
      log: (line) => void this.lines.push(line),
      fatal: (message) => void this.fatals.push(message),
    };
    this.instance = new Instance({ host, corefile: '/Corefile', port: 53 });
  }

  async start(): Promise<this> {
    await this.instance.start();
    return this;
  }

  #network(): Network {
    const local = (port: number): Peer => ({ address: '10.0.0.2', port });
    return {
      bindUdp: async ({ port }) => ({ local: local(port), send: () => {}, close: () => {} }),
      listenTcp: async ({ port }) => ({ local: local(port), close: () => {} }),
      dialUdp: async ({ to, onMessage }) => ({
        local: local(40_000),
        send: (data) => {
          const { message } = decode(data)!;
          this.asked.push(`${to.address}:${to.port} ${message.question!.name} ${message.question!.type}`);
          const reply = this.servers[`${to.address}:${to.port}`]?.(message);
          if (reply !== undefined) queueMicrotask(() => onMessage(encode({ ...reply, id: message.id })!));
        },
        close: () => {},
      }),
      connectTcp: () => new PassThrough(),
      addresses: () => [{ device: 'eth0', address: '10.0.0.2' }],
    };
  }

  /** Lets time pass, timer by timer, with what each of them sets off. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#now = Math.max(this.#now, next.at);
      this.#timers.shift();
      next.fn();
    }
    this.#now = until;
    await settle();
  }

  /** What a client gets; undefined: nothing. */
  async query(name: string, type: string, options: AskOptions = {}): Promise<Message | undefined> {
    const { peer = '10.0.0.9', proto = 'udp', class: cls = CLASS.IN, change } = options;
    const message = queryFor(7, name, typeOf(type)!, cls);
    change?.(message);
    const entry = this.instance.entry!;
    const r = new Request(message, name.toLowerCase(), {
      peer: { address: peer, port: 5000 },
      proto,
      entry,
      size: 40,
    });
    const w = new Capture();
    await entry.handle(w, r);
    return w.reply;
  }

  /** The same as lines: rcode, then the records by section. */
  async ask(name: string, type: string, options: AskOptions = {}): Promise<string[]> {
    const reply = await this.query(name, type, options);
    return reply === undefined ? ['silence'] : show(reply);
  }
}

export function show(reply: Message): string[] {
  const section = (prefix: string, records: Message['answer']): string[] =>
    records.map((rr) => `${prefix}${rrText(rr)}`);
  return [
    rcodeName(reply.rcode),
    ...section('', reply.answer),
    ...section('authority ', reply.authority),
    ...section('additional ', reply.additional),
  ];
}

/** Everything that follows from what has happened, timers apart. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** An answer of another server. */
export function answerOf(query: Message, change: Partial<Message>): Message {
  return { ...replyTo(query), ...change };
}
