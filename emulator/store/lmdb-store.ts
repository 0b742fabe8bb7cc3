// The durable object store: every write goes to an LMDB file and is acknowledged, seen and announced when LMDB has synced
// it, many writers to one sync. What is read comes from memory, as from an API server's watch cache. A key is the resource
// and the object's key, a value its JSON.
import { createRequire } from 'node:module';
import type { KubeObject } from '../api/types/meta.ts';
import { type Commit, MemoryStore } from './memory-store.ts';
import type { ObjectStore, Stored } from './store.ts';
import { StoredObject } from './stored.ts';

export interface OpenOptions {
  /** A folder of the store's own; undefined: nothing is kept. */
  readonly folder: string | undefined;
  /** Told, in words for the user, when nothing can be kept after all. */
  readonly warn: (text: string) => void;
  readonly history?: number;
}

/** The highest revision that a removal had: no object is left to show it. */
const REVISION = '\u0000revision';
const SEPARATOR = '\u0000';

export async function openStore({ folder, warn, history }: OpenOptions): Promise<ObjectStore> {
  const options = history === undefined ? {} : { history };
  if (folder === undefined) return new MemoryStore(options);
  let lmdb: typeof import('lmdb');
  try {
    // Not import(): the emulator's bundle is a script with a code cache, which cannot import.
    lmdb = createRequire(import.meta.url)('lmdb');
  } catch (error) {
    warn(
      `lmdb cannot be loaded here, so this cluster's objects are kept in memory and end with the emulator: ${error instanceof Error ? error.message : error}`,
    );
    return new MemoryStore(options);
  }
  const db = lmdb.open<Uint8Array, string>({
    path: folder,
    encoding: 'binary',
    // A commit is over when its pages are on the disk, not before.
    overlappingSync: false,
    cache: false,
  });
  const { objects, revision } = load(db);
  const commit: Commit = (write) => {
    if ('put' in write) return db.put(keyOf(write.put), write.put.json).then(check);
    const removed = write.remove;
    void db.put(REVISION, Buffer.from(String(removed.revision)));
    return db.remove(keyOf(removed)).then(check);
  };
  return new LmdbStore(new MemoryStore({ ...options, objects, revision, commit }), () => db.close());
}

const keyOf = ({ resource, key }: { readonly resource: string; readonly key: string }): string =>
  resource + SEPARATOR + key;

function check(done: boolean): void {
  if (!done) throw new Error('the store refused a write');
}

interface Ranged {
  getRange(): Iterable<{ key: string; value: Uint8Array }>;
}

function load(db: Ranged): { objects: Stored[]; revision: number } {
  const objects: Stored[] = [];
  let revision = 1;
  for (const { key, value } of db.getRange()) {
    const text = Buffer.from(value).toString('utf8');
    if (key === REVISION) {
      revision = Math.max(revision, Number(text));
      continue;
    }
    const object = JSON.parse(text) as KubeObject;
    const own = Number(object.metadata.resourceVersion);
    const at = key.indexOf(SEPARATOR);
    objects.push(new StoredObject(key.slice(0, at), key.slice(at + 1), own, object));
    revision = Math.max(revision, own);
  }
  return { objects, revision };
}

class LmdbStore implements ObjectStore {
  #memory: MemoryStore;
  #close: () => Promise<void>;

  constructor(memory: MemoryStore, close: () => Promise<void>) {
    this.#memory = memory;
    this.#close = close;
  }
  get revision(): number {
    return this.#memory.revision;
  }
  get: ObjectStore['get'] = (resource, key) => this.#memory.get(resource, key);
  list: ObjectStore['list'] = (resource, namespace) => this.#memory.list(resource, namespace);
  write: ObjectStore['write'] = (resource, key, decide) => this.#memory.write(resource, key, decide);
  watch: ObjectStore['watch'] = (resource, since, listener) => this.#memory.watch(resource, since, listener);

  async close(): Promise<void> {
    await this.#memory.close();
    await this.#close();
  }
}
