// Watches over HTTP: one JSON document per line in a chunked body that stays open. An event is encoded and framed once, and
// the same bytes go to each watcher that wants it in that form. k8s.io/apiserver/pkg/endpoints/handlers/watch.go.
import type { Stored, StoreEvent } from '../../store/store.ts';
import { Gone, type ObjectStore } from '../../store/store.ts';
import type { Clock, Timer } from '../clock.ts';
import { expired } from '../status-error.ts';
import type { WatchEventType } from '../types/meta.ts';
import type { Exchange } from './exchange.ts';

/** What a watcher may leave unread before it is cut off: others must not pay for a client that reads slowly. */
const BACKLOG_LIMIT = 8 * 1024 * 1024;
/** A client that asked for bookmarks hears something this often, and so notices a connection that died. */
export const BOOKMARK_INTERVAL = 30_000;
/** Upstream draws from [30, 60) minutes when the client does not say. */
const DEFAULT_TIMEOUT = 45 * 60_000;

/** How objects are shown to this watcher. Two watchers of one form share its bytes. */
export interface WatchForm {
  readonly contentType: string;
  /** The object of an event as JSON; undefined leaves the event out. */
  encode(stored: Stored): Buffer;
  bookmark(revision: number, annotations?: Record<string, string>): Buffer;
  /** Whether frames may be shared under this key. */
  readonly key: string;
}

export interface WatchOptions {
  readonly resource: string;
  readonly form: WatchForm;
  /** undefined: from now, showing first what is there. */
  readonly since: number | undefined;
  readonly bookmarks: boolean;
  /** Show what is there as ADDED, then a bookmark that says so: the streaming list of client-go. */
  readonly initialEvents: boolean;
  readonly timeoutMs: number | undefined;
  readonly wants: (stored: Stored) => boolean;
  readonly namespace: string | undefined;
}

export class WatchHub {
  #store: ObjectStore;
  #clock: Clock;
  #open = new Set<() => void>();
  /** Frames made for an event, by form and type. They go when the event does. */
  #frames = new WeakMap<StoreEvent, Map<string, Buffer>>();

  constructor(store: ObjectStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Ends all watches as a server that stops does. */
  close(): void {
    for (const end of [...this.#open]) end();
  }

  serve(exchange: Exchange, options: WatchOptions): void {
    const { res, req } = exchange;
    res.writeHead(200, {
      ...exchange.commonHeaders(),
      'content-type': options.form.contentType,
      'transfer-encoding': 'chunked',
    });
    res.flushHeaders();
    const socket = res.socket;
    if (socket === null) return;
    let ended = false;
    const timers: Timer[] = [];
    let stop = (): void => {};
    const end = (): void => {
      if (ended) return;
      ended = true;
      this.#open.delete(end);
      stop();
      for (const timer of timers) timer.cancel();
      res.end();
    };
    const send = (frame: Buffer): void => {
      if (ended) return;
      socket.write(frame);
      if (socket.writableLength > BACKLOG_LIMIT) {
        end();
        socket.destroy();
      }
    };
    this.#open.add(end);
    res.on('close', end);
    req.on('error', end);
    try {
      stop = this.#follow(options, send);
    } catch (error) {
      send(errorFrame(error));
      end();
      return;
    }
    if (ended) {
      stop();
      return;
    }
    timers.push(this.#clock.after(options.timeoutMs ?? DEFAULT_TIMEOUT, end));
    if (options.bookmarks) this.#keepMarking(options, send, timers, () => ended);
  }

  /** Sends what is there or what was missed, then what comes. Returns how to stop. */
  #follow(options: WatchOptions, send: (frame: Buffer) => void): () => void {
    const store = this.#store;
    const start = store.revision;
    if (options.since === undefined || options.initialEvents) {
      for (const stored of store.list(options.resource, options.namespace))
        if (options.wants(stored)) send(frame(line('ADDED', options.form.encode(stored))));
      if (options.initialEvents && options.bookmarks)
        send(frame(line('BOOKMARK', options.form.bookmark(start, { 'k8s.io/initial-events-end': 'true' }))));
    } else if (options.since > start) {
      throw expired(`Too large resource version: ${options.since}, current: ${start}`);
    }
    const since = options.since === undefined || options.initialEvents ? start : options.since;
    const prefix = options.namespace === undefined ? '' : `${options.namespace}/`;
    const watch = store.watch(options.resource, since, (event) => {
      if (prefix !== '' && !event.stored.key.startsWith(prefix)) return;
      const type = seenAs(event, options.wants);
      if (type !== undefined) send(this.#frame(event, type, options.form));
    });
    return () => watch.stop();
  }

  #frame(event: StoreEvent, type: WatchEventType, form: WatchForm): Buffer {
    let frames = this.#frames.get(event);
    if (frames === undefined) this.#frames.set(event, (frames = new Map()));
    const key = `${type} ${form.key}`;
    let made = frames.get(key);
    if (made === undefined) {
      // An object that left the selection is shown as it last was in it, with the revision at which it left.
      made = frame(line(type, form.encode(event.stored)));
      frames.set(key, made);
    }
    return made;
  }

  #keepMarking(
    options: WatchOptions,
    send: (frame: Buffer) => void,
    timers: Timer[],
    ended: () => boolean,
  ): void {
    const mark = (): void => {
      if (ended()) return;
      send(frame(line('BOOKMARK', options.form.bookmark(this.#store.revision))));
      timers[1] = this.#clock.after(BOOKMARK_INTERVAL, mark);
    };
    timers[1] = this.#clock.after(BOOKMARK_INTERVAL, mark);
  }
}

/** As what a watcher with a selection sees an event, if at all. */
function seenAs(event: StoreEvent, wants: (stored: Stored) => boolean): WatchEventType | undefined {
  const before = event.previous !== undefined && wants(event.previous);
  const after = event.type !== 'DELETED' && wants(event.stored);
  if (before) return after ? 'MODIFIED' : 'DELETED';
  return after ? 'ADDED' : undefined;
}

const PREFIXES: Readonly<Record<WatchEventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
  ERROR: Buffer.from('{"type":"ERROR","object":'),
};
const END = Buffer.from('}\n');
const CRLF = Buffer.from('\r\n');

const line = (type: WatchEventType, object: Buffer): Buffer => Buffer.concat([PREFIXES[type], object, END]);

/** RFC 9112 section 7.1: one chunk. */
const frame = (body: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, CRLF]);

function errorFrame(error: unknown): Buffer {
  const status =
    error instanceof Gone
      ? expired(error.message).status
      : ((error as { status?: unknown }).status ?? expired(String(error)).status);
  return frame(line('ERROR', Buffer.from(JSON.stringify(status))));
}
