// The versioned object store behind the API: what etcd and the API server's watch cache are together in a real cluster.
// One interface, so that memory, lmdb and a shared etcd can stand behind it. Reads see what is committed and are
// synchronous; a write is acknowledged when it is as safe as the store makes it, and only then seen and announced.
import type { KubeObject } from '../api/types/meta.ts';

/** One version of one object. Immutable: whoever holds it may keep it. */
export interface Stored {
  /** "pods", "deployments.apps": a group resource. */
  readonly resource: string;
  /** "namespace/name", or "name" for what has no namespace. */
  readonly key: string;
  readonly revision: number;
  readonly object: KubeObject;
  /** The object as JSON. Encoded once, however many readers and watchers ask. */
  readonly json: Buffer;
}

export type StoreEvent =
  | { readonly type: 'ADDED'; readonly stored: Stored; readonly previous: undefined }
  | { readonly type: 'MODIFIED'; readonly stored: Stored; readonly previous: Stored }
  /** `stored` is the last state, with the revision of the deletion. */
  | { readonly type: 'DELETED'; readonly stored: Stored; readonly previous: Stored };

/** What a write decides when it sees the latest version. */
export type Decision =
  | { readonly put: KubeObject }
  | { readonly remove: KubeObject }
  /** Nothing to do: the write is acknowledged with the version there is. */
  | { readonly keep: true };

export interface StoreWatch {
  stop(): void;
}

export interface ObjectStore {
  /** Of the last committed write. Never goes back, also over restarts. */
  readonly revision: number;
  get(resource: string, key: string): Stored | undefined;
  /** In order of their keys; `namespace` narrows to keys below it. */
  list(resource: string, namespace?: string): readonly Stored[];
  /**
   * Runs `decide` on the latest version, in order with all other writes to the store, and commits what it decides. What
   * `decide` throws, the promise rejects with, and nothing is written. Resolves with the version written, removed or
   * kept; undefined when nothing was there to keep.
   */
  write(
    resource: string,
    key: string,
    decide: (latest: Stored | undefined) => Decision,
  ): Promise<Stored | undefined>;
  /**
   * Calls `listener` for each event of a resource after `since`, at once for those that are past. Throws Gone when
   * `since` is older than what is remembered.
   */
  watch(resource: string, since: number, listener: (event: StoreEvent) => void): StoreWatch;
  /** Resolves when all that was acknowledged is safe. */
  close(): Promise<void>;
}

/** The past that a watch asked for is forgotten; the API answers 410. */
export class Gone extends Error {
  readonly since: number;
  readonly oldest: number;
  constructor(since: number, oldest: number) {
    super(`too old resource version: ${since} (${oldest})`);
    this.since = since;
    this.oldest = oldest;
  }
}
