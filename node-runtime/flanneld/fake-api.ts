// An API server for tests of daemons: objects in a map, watchers told at once, merge patches only.
import type { KubeObject } from '../../emulator/api/types/meta.ts';
import { ApiError } from '../api-client/errors.ts';
import type { ApiResource } from '../api-client/resources.ts';
import type { NodeApi } from './node-api.ts';

type Json = Record<string, unknown>;

interface Watcher {
  readonly resource: string;
  matches(object: KubeObject): boolean;
  onAdd(object: KubeObject): void;
  onUpdate(object: KubeObject, old: KubeObject): void;
  onDelete(object: KubeObject): void;
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out: Json =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch))
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  return out;
}

/** A strategic merge patch as far as daemons use it: lists of conditions and addresses are merged by their type. */
function strategic(target: unknown, patch: unknown, key = ''): unknown {
  if (Array.isArray(patch) && (key === 'conditions' || key === 'addresses')) {
    const typed = patch as readonly { readonly type: string }[];
    const old = (Array.isArray(target) ? target : []) as readonly { readonly type: string }[];
    const kept = old.map((item) => ({ ...item, ...typed.find((p) => p.type === item.type) }));
    return [...kept, ...typed.filter((p) => !old.some((item) => item.type === p.type))];
  }
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const out: Json =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch))
    if (value === null) delete out[name];
    else out[name] = strategic(out[name], value, name);
  return out;
}

const status = (code: number, reason: string, message: string): ApiError =>
  new ApiError('E_API_STATUS', message, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code,
    reason,
    message,
  });

export class FakeApi implements NodeApi {
  readonly objects = new Map<string, KubeObject>();
  readonly log: string[] = [];
  /** Set to make every call fail, as a cut link does. */
  down = false;
  #watchers = new Set<Watcher>();
  #version = 0;

  /** Puts an object there, new or changed. */
  set<T extends KubeObject>(resource: ApiResource<T>, object: T): T {
    const key = this.#key(resource, object.metadata.name, object.metadata.namespace);
    const old = this.objects.get(key);
    const uid = object.metadata.uid ?? old?.metadata.uid ?? `uid-${object.metadata.name}`;
    const stored = {
      ...object,
      metadata: { ...object.metadata, uid, resourceVersion: String(++this.#version) },
    };
    this.objects.set(key, stored);
    for (const w of [...this.#watchers])
      if (w.resource === resource.resource && w.matches(stored))
        if (old !== undefined && w.matches(old)) w.onUpdate(stored, old);
        else w.onAdd(stored);
    return stored;
  }
  remove<T extends KubeObject>(resource: ApiResource<T>, name: string, namespace?: string): void {
    const key = this.#key(resource, name, namespace);
    const old = this.objects.get(key);
    if (old === undefined) return;
    this.objects.delete(key);
    for (const w of [...this.#watchers])
      if (w.resource === resource.resource && w.matches(old)) w.onDelete(old);
  }
  peek<T extends KubeObject>(resource: ApiResource<T>, name: string, namespace?: string): T | undefined {
    return this.objects.get(this.#key(resource, name, namespace)) as T | undefined;
  }

  list: NodeApi['list'] = async (resource) => {
    this.#reach();
    const items = [...this.objects]
      .filter(([key]) => key.startsWith(`${resource.resource} `))
      .map(([, o]) => o);
    return { apiVersion: 'v1', kind: 'List', metadata: {}, items: items as never };
  };
  get: NodeApi['get'] = async (resource, name, namespace) => {
    this.#reach();
    const object = this.objects.get(this.#key(resource, name, namespace));
    if (object === undefined) throw status(404, 'NotFound', `${resource.resource} "${name}" not found`);
    return object as never;
  };
  create: NodeApi['create'] = async (resource, draft, namespace) => {
    this.#reach();
    const name = draft.metadata.name ?? `${draft.metadata.generateName ?? ''}${this.#version}`;
    const space = namespace ?? draft.metadata.namespace;
    if (this.objects.has(this.#key(resource, name, space)))
      throw status(409, 'AlreadyExists', `${resource.resource} "${name}" already exists`);
    this.log.push(`create ${resource.resource} ${name}`);
    const metadata = { ...draft.metadata, name, ...(space === undefined ? {} : { namespace: space }) };
    return this.set(
      resource as never,
      {
        ...draft,
        apiVersion: resource.apiVersion,
        kind: resource.kind,
        metadata,
      } as never,
    ) as never;
  };
  update: NodeApi['update'] = async (resource, object) => {
    this.#reach();
    return this.set(resource, object);
  };
  patch: NodeApi['patch'] = async (resource, name, patch, options = {}) => {
    this.#reach();
    const key = this.#key(resource, name, options.namespace);
    const old = this.objects.get(key);
    if (old === undefined) throw status(404, 'NotFound', `${resource.resource} "${name}" not found`);
    const uid = (patch as { metadata?: { uid?: string } }).metadata?.uid;
    if (uid !== undefined && uid !== old.metadata.uid)
      throw status(409, 'Conflict', `Precondition failed: UID in precondition: ${uid}`);
    this.log.push(
      `patch ${resource.resource} ${name}${options.subresource === undefined ? '' : ` ${options.subresource}`}`,
    );
    const patched = options.type === 'strategic' ? strategic(old, patch) : mergePatch(old, patch);
    return this.set(resource, patched as never);
  };
  delete: NodeApi['delete'] = async (resource, name, options = {}) => {
    this.#reach();
    this.log.push(`delete ${resource.resource} ${name}`);
    this.remove(resource, name, options.namespace);
  };
  listWatch: NodeApi['listWatch'] = (resource, options, handlers) => {
    const keep = (object: KubeObject): never =>
      (options.keep === undefined ? object : options.keep(object as never)) as never;
    const field = options.fieldSelector?.split('=');
    const key = (o: KubeObject): string =>
      o.metadata.namespace === undefined ? o.metadata.name : `${o.metadata.namespace}/${o.metadata.name}`;
    const watcher: Watcher = {
      resource: resource.resource,
      matches(object) {
        if (options.namespace !== undefined && object.metadata.namespace !== options.namespace) return false;
        if (field === undefined) return true;
        const value = field[0]!
          .split('.')
          .reduce<unknown>((at, name) => (at as Json | undefined)?.[name], object);
        return value === field[1];
      },
      onAdd: (object) => handlers.onAdd?.(keep(object), key(object)),
      onUpdate: (object, old) => handlers.onUpdate?.(keep(object), keep(old), key(object)),
      onDelete: (object) => handlers.onDelete?.(keep(object), key(object)),
    };
    const mine = () =>
      [...this.objects]
        .filter(([name, o]) => name.startsWith(`${resource.resource} `) && watcher.matches(o))
        .map(([, object]) => object);
    this.#watchers.add(watcher);
    for (const object of mine()) watcher.onAdd(object);
    handlers.onSync?.();
    return {
      synced: true,
      get: (name) => {
        const object = mine().find((o) => key(o) === name);
        return object === undefined ? undefined : keep(object);
      },
      items: () => mine().map(keep),
      stop: () => void this.#watchers.delete(watcher),
    };
  };

  #key<T extends KubeObject>(resource: ApiResource<T>, name: string, namespace: string | undefined): string {
    return `${resource.resource} ${resource.namespaced ? `${namespace}/` : ''}${name}`;
  }
  #reach(): void {
    if (this.down) throw new ApiError('E_API_UNREACHABLE', 'no answer within 10000 ms');
  }
}
