// What a node's daemons ask of the API server: the part of api-client that they use, as an interface, so that tests hand in a table.
import type { KubeObject } from '../../emulator/api/types/meta.ts';
import type { ApiClient } from '../api-client/api-client.ts';
import type { ListWatchHandlers, ListWatchOptions } from '../api-client/list-watch.ts';
import type { ApiResource } from '../api-client/resources.ts';

export interface Follow<K> {
  readonly synced: boolean;
  /** By "namespace/name", or name. */
  get(key: string): K | undefined;
  items(): Iterable<K>;
  stop(): void;
}

export interface NodeApi extends Pick<ApiClient, 'list' | 'get' | 'create' | 'update' | 'patch' | 'delete'> {
  listWatch<T extends KubeObject, K = T>(
    resource: ApiResource<T>,
    options: ListWatchOptions<T, K>,
    handlers: ListWatchHandlers<K>,
  ): Follow<K>;
}

/** Log lines of a daemon; the node hands in a pino child. */
export interface DaemonLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
