// Follows a collection: lists it, watches from there, lists again when the past is forgotten, and goes on after whatever
// cut it. k8s.io/client-go/tools/cache Reflector and shared informer; ours keeps of each object only what it is told to.
import type { KubeList, KubeObject, WatchEvent } from '../../emulator/api/types/meta.ts';
import type { Backoff } from './backoff.ts';
import { type ApiError, isGone } from './errors.ts';
import type { ApiResource } from './resources.ts';
import type { Stream, Transport } from './transport.ts';

export interface ListWatchOptions<T extends KubeObject, K> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** What to remember of an object; the whole of it when not said. */
  readonly keep?: (object: T) => K;
}

export interface ListWatchHandlers<K> {
  readonly onAdd?: (kept: K, key: string) => void;
  readonly onUpdate?: (kept: K, old: K, key: string) => void;
  readonly onDelete?: (kept: K, key: string) => void;
  /** All that was there at the first list has been handed over. */
  readonly onSync?: () => void;
}

/** Longer than the server's interval of bookmarks by half: silence beyond it means that the connection is dead. */
const SILENCE = 45_000;
/** client-go asks for 5 to 10 minutes; then the watch is opened anew. */
const WATCH_SECONDS = 450;

export class ListWatch<T extends KubeObject, K = T> {
  #transport: Transport;
  #path: string;
  #keep: (object: T) => K;
  #handlers: ListWatchHandlers<K>;
  #known = new Map<string, { readonly kept: K; readonly version: string }>();
  #backoff: Backoff;
  #onTrouble: (error: ApiError) => void;
  #revision = '';
  #synced = false;
  #stopped = false;
  #stream: Stream | undefined;

  constructor(
    transport: Transport,
    backoff: Backoff,
    resource: ApiResource<T>,
    options: ListWatchOptions<T, K>,
    handlers: ListWatchHandlers<K>,
    onTrouble: (error: ApiError) => void,
  ) {
    this.#transport = transport;
    this.#backoff = backoff;
    this.#path = collectionPath(resource, options.namespace, options);
    this.#keep = options.keep ?? ((object) => object as unknown as K);
    this.#handlers = handlers;
    this.#onTrouble = onTrouble;
    void this.#list();
  }

  /** Whether the first list is through. */
  get synced(): boolean {
    return this.#synced;
  }
  get size(): number {
    return this.#known.size;
  }
  /** By "namespace/name", or name. */
  get(key: string): K | undefined {
    return this.#known.get(key)?.kept;
  }
  *items(): Iterable<K> {
    for (const { kept } of this.#known.values()) yield kept;
  }

  stop(): void {
    this.#stopped = true;
    this.#backoff.stop();
    this.#stream?.stop();
  }

  async #list(): Promise<void> {
    let list: KubeList<T>;
    try {
      list = (await this.#transport.call({ method: 'GET', path: this.#path })) as KubeList<T>;
    } catch (error) {
      if (!this.#stopped) this.#retry(error as ApiError, () => void this.#list());
      return;
    }
    if (this.#stopped) return;
    this.#revision = list.metadata.resourceVersion ?? '';
    this.#replace(list.items);
    this.#backoff.reset();
    if (!this.#synced) {
      this.#synced = true;
      this.#handlers.onSync?.();
    }
    this.#watch();
  }

  /** Takes over a list: what is new, what changed, what is gone. */
  #replace(items: readonly T[]): void {
    const seen = new Set<string>();
    for (const item of items) {
      seen.add(keyOf(item));
      this.#upsert(item);
    }
    for (const [key, { kept }] of [...this.#known]) {
      if (seen.has(key)) continue;
      this.#known.delete(key);
      this.#handlers.onDelete?.(kept, key);
    }
  }

  #upsert(object: T): void {
    const key = keyOf(object);
    const version = object.metadata.resourceVersion ?? '';
    const old = this.#known.get(key);
    if (old !== undefined && old.version === version) return;
    const kept = this.#keep(object);
    this.#known.set(key, { kept, version });
    if (old === undefined) this.#handlers.onAdd?.(kept, key);
    else this.#handlers.onUpdate?.(kept, old.kept, key);
  }

  #watch(): void {
    if (this.#stopped) return;
    const joint = this.#path.includes('?') ? '&' : '?';
    const path = `${this.#path}${joint}watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${this.#revision}`;
    let gone = false;
    this.#stream = this.#transport.stream(
      { method: 'GET', path },
      SILENCE,
      (line) => {
        const event = JSON.parse(line) as WatchEvent<T>;
        if (event.type === 'ERROR') gone = true;
        else this.#handle(event);
      },
      (error) => {
        if (this.#stopped) return;
        if (gone || isGone(error)) void this.#list();
        else if (error !== undefined) this.#retry(error, () => this.#watch());
        else this.#backoff.again(() => this.#watch());
      },
    );
  }

  #handle(event: WatchEvent<T>): void {
    this.#backoff.reset();
    const { object } = event;
    if (event.type === 'DELETED') {
      const key = keyOf(object);
      const old = this.#known.get(key);
      this.#known.delete(key);
      if (old !== undefined) this.#handlers.onDelete?.(this.#keep(object), key);
    } else if (event.type !== 'BOOKMARK') this.#upsert(object);
    this.#revision = object.metadata.resourceVersion ?? this.#revision;
  }

  #retry(error: ApiError, again: () => void): void {
    this.#onTrouble(error);
    this.#backoff.again(again);
  }
}

const keyOf = (object: KubeObject): string =>
  object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;

export function collectionPath<T extends KubeObject>(
  resource: ApiResource<T>,
  namespace: string | undefined,
  query: { readonly labelSelector?: string; readonly fieldSelector?: string } = {},
): string {
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const parts: string[] = [];
  if (query.labelSelector !== undefined)
    parts.push(`labelSelector=${encodeURIComponent(query.labelSelector)}`);
  if (query.fieldSelector !== undefined)
    parts.push(`fieldSelector=${encodeURIComponent(query.fieldSelector)}`);
  return `${resource.root}${scope}/${resource.resource}${parts.length > 0 ? `?${parts.join('&')}` : ''}`;
}
