// The object store in memory, and the working set of the durable one: a map per resource, a log of recent events, and the
// watchers. `Commit` is the seam by which a durable store delays acknowledgement: writes are numbered and decided at
// once against the latest version, pending or not, and become visible, in order, when their commit resolves.
import type { KubeObject } from '../api/types/meta.ts';
import { EventLog } from './event-log.ts';
import {
  type Decision,
  Gone,
  type ObjectStore,
  type Stored,
  type StoreEvent,
  type StoreWatch,
} from './store.ts';
import { StoredObject } from './stored.ts';

/** Makes a write durable. Resolutions may come in any order; they take effect in order of revision. */
export type Commit = (
  write:
    | { readonly put: Stored }
    | { readonly remove: { readonly resource: string; readonly key: string; readonly revision: number } },
) => Promise<void> | undefined;

export interface MemoryStoreOptions {
  /** How many past events a watch can go back to. */
  readonly history?: number;
  /** Where numbering goes on after a restart. */
  readonly revision?: number;
  readonly objects?: Iterable<Stored>;
  readonly commit?: Commit;
}

interface Table {
  readonly byKey: Map<string, Stored>;
  /** byKey's values in key order, made when a list asks and dropped at each change of the key set. */
  sorted: Stored[] | undefined;
  readonly watchers: Set<(event: StoreEvent) => void>;
}

interface Pending {
  readonly event: StoreEvent;
  committed: boolean;
  failed: unknown;
  readonly resolve: (stored: Stored) => void;
  readonly reject: (error: unknown) => void;
}

export class MemoryStore implements ObjectStore {
  #tables = new Map<string, Table>();
  #log: EventLog;
  #commit: Commit | undefined;
  #revision: number;
  #nextRevision: number;
  #queue: Pending[] = [];
  /** Latest versions that are not committed yet, by "resource key"; undefined for a pending removal. */
  #latest = new Map<string, Stored | undefined>();
  #idle: (() => void)[] = [];

  constructor(options: MemoryStoreOptions = {}) {
    this.#revision = options.revision ?? 1;
    this.#nextRevision = this.#revision + 1;
    this.#log = new EventLog(options.history ?? 16_384, this.#revision);
    this.#commit = options.commit;
    for (const stored of options.objects ?? []) this.#table(stored.resource).byKey.set(stored.key, stored);
  }

  get revision(): number {
    return this.#revision;
  }

  get(resource: string, key: string): Stored | undefined {
    return this.#tables.get(resource)?.byKey.get(key);
  }

  list(resource: string, namespace?: string): readonly Stored[] {
    const table = this.#tables.get(resource);
    if (table === undefined) return [];
    const sorted = (table.sorted ??= [...table.byKey.values()].sort(byKey));
    if (namespace === undefined) return sorted;
    const prefix = `${namespace}/`;
    const from = lowerBound(sorted, prefix);
    let to = from;
    while (to < sorted.length && sorted[to]!.key.startsWith(prefix)) to++;
    return sorted.slice(from, to);
  }

  async write(
    resource: string,
    key: string,
    decide: (latest: Stored | undefined) => Decision,
  ): Promise<Stored | undefined> {
    const id = `${resource} ${key}`;
    const table = this.#table(resource);
    const latest = this.#latest.has(id) ? this.#latest.get(id) : table.byKey.get(key);
    const decision = decide(latest);
    if ('keep' in decision || ('remove' in decision && latest === undefined)) return latest;
    const revision = this.#nextRevision++;
    const stored = new StoredObject(
      resource,
      key,
      revision,
      withRevision('put' in decision ? decision.put : decision.remove, revision),
    );
    const event: StoreEvent =
      'remove' in decision
        ? { type: 'DELETED', stored, previous: latest! }
        : latest === undefined
          ? { type: 'ADDED', stored, previous: undefined }
          : { type: 'MODIFIED', stored, previous: latest };
    const durable = this.#commit?.(
      event.type === 'DELETED' ? { remove: { resource, key, revision } } : { put: stored },
    );
    if (durable === undefined && this.#queue.length === 0) {
      this.#apply(event);
      return stored;
    }
    this.#latest.set(id, event.type === 'DELETED' ? undefined : stored);
    return this.#await(event, durable);
  }

  #await(event: StoreEvent, durable: Promise<void> | undefined): Promise<Stored> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        event,
        committed: durable === undefined,
        failed: undefined,
        resolve,
        reject,
      };
      this.#queue.push(pending);
      durable?.then(
        () => this.#settle(pending, undefined),
        (error: unknown) => this.#settle(pending, error ?? new Error('write failed')),
      );
    });
  }

  #settle(pending: Pending, error: unknown): void {
    pending.committed = true;
    pending.failed = error;
    while (this.#queue.length > 0 && this.#queue[0]!.committed) {
      const next = this.#queue.shift()!;
      const id = `${next.event.stored.resource} ${next.event.stored.key}`;
      const last = this.#queue.findLast((p) => `${p.event.stored.resource} ${p.event.stored.key}` === id);
      if (last === undefined) this.#latest.delete(id);
      if (next.failed !== undefined) {
        next.reject(next.failed);
        continue;
      }
      this.#apply(next.event);
      next.resolve(next.event.stored);
    }
    if (this.#queue.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #apply(event: StoreEvent): void {
    const { stored } = event;
    const table = this.#table(stored.resource);
    if (event.type === 'DELETED') table.byKey.delete(stored.key);
    else table.byKey.set(stored.key, stored);
    if (table.sorted !== undefined) {
      if (event.type === 'MODIFIED') table.sorted[lowerBound(table.sorted, stored.key)] = stored;
      else table.sorted = undefined;
    }
    this.#revision = stored.revision;
    this.#log.push(event);
    for (const listener of [...table.watchers]) listener(event);
  }

  watch(resource: string, since: number, listener: (event: StoreEvent) => void): StoreWatch {
    if (since < this.#log.oldest) throw new Gone(since, this.#log.oldest);
    const { watchers } = this.#table(resource);
    // A set holds a function once: each watch has a function of its own, so that one listener may watch twice.
    const own = (event: StoreEvent): void => listener(event);
    this.#log.since(since, resource, own);
    watchers.add(own);
    return { stop: () => void watchers.delete(own) };
  }

  async close(): Promise<void> {
    if (this.#queue.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #table(resource: string): Table {
    let table = this.#tables.get(resource);
    if (table === undefined) {
      table = { byKey: new Map(), sorted: undefined, watchers: new Set() };
      this.#tables.set(resource, table);
    }
    return table;
  }
}

function withRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

const byKey = (a: Stored, b: Stored): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/** The first place whose key is not below `key`. */
function lowerBound(sorted: readonly Stored[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
