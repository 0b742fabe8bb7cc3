// A node's way to the API server: what kubelet, flanneld and kube-proxy have in k8s.io/client-go. All they know of the
// cluster came through here, over streams of the node's own network, so cutting the node's eth0 cuts this too.
import type { Duplex } from 'node:stream';
import type { KubeList, KubeObject } from '../../emulator/api/types/meta.ts';
import { Backoff } from './backoff.ts';
import type { ApiError } from './errors.ts';
import { collectionPath, ListWatch, type ListWatchHandlers, type ListWatchOptions } from './list-watch.ts';
import type { ApiResource } from './resources.ts';
import { type ClientClock, Transport } from './transport.ts';

export interface ClientLog {
  warn(fields: object, message: string): void;
}

export interface ApiClientOptions {
  readonly connect: () => Duplex;
  readonly token: string;
  readonly clock: ClientClock;
  readonly log?: ClientLog;
  /** For jitter, in [0, 1): from the node's dice. */
  readonly random?: () => number;
  readonly userAgent?: string;
  /** How long an answer may take, in ms: 10 s. */
  readonly timeout?: number;
  /** First and longest wait after a failure, in ms: 200 and 10 000. */
  readonly backoff?: { readonly initial: number; readonly max: number };
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface PatchOptions {
  readonly namespace?: string;
  readonly subresource?: string;
  /** A merge patch when not said. */
  readonly type?: 'merge' | 'strategic' | 'json' | 'apply';
}

const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

export interface ApiClient {
  list<T extends KubeObject>(resource: ApiResource<T>, options?: ListOptions): Promise<KubeList<T>>;
  get<T extends KubeObject>(resource: ApiResource<T>, name: string, namespace?: string): Promise<T>;
  create<T extends KubeObject>(resource: ApiResource<T>, object: Draft<T>, namespace?: string): Promise<T>;
  /** PUT; a resourceVersion in the object makes it conditional. */
  update<T extends KubeObject>(resource: ApiResource<T>, object: T, subresource?: string): Promise<T>;
  patch<T extends KubeObject>(
    resource: ApiResource<T>,
    name: string,
    patch: unknown,
    options?: PatchOptions,
  ): Promise<T>;
  delete<T extends KubeObject>(
    resource: ApiResource<T>,
    name: string,
    options?: { namespace?: string; gracePeriodSeconds?: number; uid?: string },
  ): Promise<void>;
  /** Follows a collection until stopped. Handlers run in the order of the events. */
  listWatch<T extends KubeObject, K = T>(
    resource: ApiResource<T>,
    options: ListWatchOptions<T, K>,
    handlers: ListWatchHandlers<K>,
  ): ListWatch<T, K>;
  /** Any other request: the answer's JSON. */
  raw(method: string, path: string, body?: unknown): Promise<unknown>;
  stop(): void;
}

/** An object to be created: apiVersion, kind and the namespace are filled in. */
export type Draft<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind' | 'metadata'> & {
  readonly metadata: Partial<T['metadata']>;
};

export function createApiClient(options: ApiClientOptions): ApiClient {
  const transport = new Transport({
    connect: options.connect,
    token: options.token,
    clock: options.clock,
    userAgent: options.userAgent ?? 'podwire-node',
    timeout: options.timeout ?? 10_000,
  });
  const { initial, max } = options.backoff ?? { initial: 200, max: 10_000 };
  const random = options.random ?? (() => 0.5);
  const follows = new Set<{ stop(): void }>();
  const path = <T extends KubeObject>(
    resource: ApiResource<T>,
    name: string,
    namespace: string | undefined,
    subresource?: string,
  ): string =>
    `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${subresource === undefined ? '' : `/${subresource}`}`;

  return {
    list: (resource, query = {}) =>
      transport.call({
        method: 'GET',
        path: collectionPath(resource, query.namespace, query),
      }) as Promise<never>,
    get: (resource, name, namespace) =>
      transport.call({ method: 'GET', path: path(resource, name, namespace) }) as Promise<never>,
    create: (resource, object, namespace) =>
      transport.call({
        method: 'POST',
        path: collectionPath(resource, namespace ?? object.metadata.namespace),
        body: { ...object, apiVersion: resource.apiVersion, kind: resource.kind },
      }) as Promise<never>,
    update: (resource, object, subresource) =>
      transport.call({
        method: 'PUT',
        path: path(resource, object.metadata.name, object.metadata.namespace, subresource),
        body: object,
      }) as Promise<never>,
    patch: (resource, name, patch, { namespace, subresource, type = 'merge' } = {}) =>
      transport.call({
        method: 'PATCH',
        path: path(resource, name, namespace, subresource),
        body: patch,
        contentType: PATCH_TYPES[type],
      }) as Promise<never>,
    delete: async (resource, name, { namespace, gracePeriodSeconds, uid } = {}) => {
      await transport.call({
        method: 'DELETE',
        path: path(resource, name, namespace),
        body: {
          kind: 'DeleteOptions',
          apiVersion: 'v1',
          ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
          ...(uid === undefined ? {} : { preconditions: { uid } }),
        },
      });
    },
    listWatch: (resource, query, handlers) => {
      const backoff = new Backoff(options.clock, { initial, max, random });
      const trouble = (error: ApiError): void =>
        options.log?.warn({ err: error.message }, `watching ${resource.resource} failed; trying again`);
      const follow = new ListWatch(transport, backoff, resource, query, handlers, trouble);
      follows.add(follow);
      return follow;
    },
    raw: (method, requestPath, body) =>
      transport.call({ method, path: requestPath, ...(body === undefined ? {} : { body }) }),
    stop: () => {
      for (const follow of follows) follow.stop();
      transport.stop();
    },
  };
}
