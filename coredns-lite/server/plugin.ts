// What a plugin is (CoreDNS plugin/plugin.go): a handler that answers a request, or passes it to the next one. Handlers answer
// at once where they can: a promise is only for those who wait for somebody else.

import { type Message, type Question, queryFor, replyTo } from '../dns/message.ts';
import { lower } from '../dns/name.ts';
import { CLASS, RCODE } from '../dns/types.ts';
import type { Peer } from '../host.ts';

/** An rcode. A reply has been written unless it is one of those that the server then writes itself: see clientWrite. */
export type Result = number | Promise<number>;

export interface Writer {
  write(reply: Message): void;
}

export interface Handler {
  readonly name: string;
  serve(w: Writer, r: Request): Result;
  /** plugin/ready: undefined for plugins that are always ready. */
  ready?(): boolean;
  /** plugin/transfer: the zone's records, or why not. */
  transfer?(zone: string, serial: number): Transfer | undefined;
  /** plugin/metadata: sets values on the request before the chain runs. */
  metadata?(r: Request): void;
  /** plugin/autopath: the search path of the pod that asks. */
  autopath?(r: Request): readonly string[] | undefined;
}

/** Records from SOA to SOA, in the pieces they are made in. */
export type Transfer = Iterable<readonly import('../dns/message.ts').Rr[]>;

export type Proto = 'udp' | 'tcp';

/** Where queries of a listener go: the same entry as from the network. */
export interface Entry {
  /** The server's own label: "dns://:53". */
  readonly address: string;
  handle(w: Writer, r: Request): Result;
}

export class Request {
  message: Message;
  /** The question's name in lower case. */
  lower: string;
  readonly peer: Peer;
  readonly proto: Proto;
  readonly entry: Entry;
  /** The server block's zone that was chosen. */
  zone = '.';
  /** What went wrong, for plugin/errors; set beside a failing rcode. */
  error: string | undefined = undefined;
  /** Octets that came. */
  readonly size: number;
  /** Questions that the server asked itself on the way here. */
  depth = 0;
  #metadata: Map<string, () => string> | undefined = undefined;

  constructor(
    message: Message,
    lowerName: string,
    from: { readonly peer: Peer; readonly proto: Proto; readonly entry: Entry; readonly size: number },
  ) {
    this.message = message;
    this.lower = lowerName;
    this.peer = from.peer;
    this.proto = from.proto;
    this.entry = from.entry;
    this.size = from.size;
  }

  /** Requests without a question never reach a plugin. */
  get question(): Question {
    return this.message.question!;
  }
  get type(): number {
    return this.message.question!.type;
  }
  get class(): number {
    return this.message.question!.class;
  }
  get do(): boolean {
    return this.message.edns?.do === true;
  }
  /** The largest reply that the client takes. */
  get replySize(): number {
    return this.proto === 'tcp' ? 65_535 : Math.max(512, this.message.edns?.size ?? 0);
  }

  /** The same request with another question. */
  asking(question: Question): Request {
    const r = new Request({ ...this.message, question }, lower(question.name), this);
    r.zone = this.zone;
    r.depth = this.depth;
    r.#metadata = this.#metadata;
    return r;
  }

  setMetadata(label: string, value: () => string): void {
    this.#metadata ??= new Map();
    this.#metadata.set(label, value);
  }
  metadata(label: string): string | undefined {
    return this.#metadata?.get(label)?.();
  }
  metadataLabels(): string[] {
    return [...(this.#metadata?.keys() ?? [])];
  }
}

/** Whether a handler that returned this has written a reply itself (plugin.ClientWrite). */
export const clientWrite = (rcode: number): boolean =>
  rcode !== RCODE.SERVFAIL && rcode !== RCODE.REFUSED && rcode !== RCODE.FORMERR && rcode !== RCODE.NOTIMP;

/** The next handler's result; without one, SERVFAIL and "no next plugin found". */
export function nextOrFailure(name: string, next: Handler | undefined, w: Writer, r: Request): Result {
  if (next !== undefined) return next.serve(w, r);
  return fail(r, RCODE.SERVFAIL, `plugin/${name}: no next plugin found`);
}

export function fail(r: Request, rcode: number, error: string): number {
  r.error = error;
  return rcode;
}

/** Goes on with a result, at once when it is there. */
export const after = (result: Result, then: (rcode: number) => Result): Result =>
  typeof result === 'number' ? then(result) : result.then(then);

/** Keeps what is written to it. */
export class Capture implements Writer {
  reply: Message | undefined = undefined;
  write(reply: Message): void {
    this.reply = reply;
  }
}

/** Most questions that the server may ask itself for one of a client. */
const MAX_DEPTH = 10;

/**
 * Asks the whole server (every block, cache and forward) as the client would (CoreDNS plugin/pkg/upstream). Undefined when
 * nothing was written, or the questions lead around in a circle.
 */
export function lookup(
  r: Request,
  name: string,
  type: number,
): Message | undefined | Promise<Message | undefined> {
  if (r.depth >= MAX_DEPTH) return undefined;
  const message = queryFor(r.message.id, name, type, CLASS.IN);
  message.edns = r.message.edns;
  const inner = new Request(message, lower(name), r);
  inner.depth = r.depth + 1;
  const w = new Capture();
  const result = r.entry.handle(w, inner);
  return typeof result === 'number' ? w.reply : result.then(() => w.reply);
}

export function emptyReply(r: Request, rcode = 0): Message {
  const reply = replyTo(r.message, rcode);
  reply.authoritative = true;
  return reply;
}
