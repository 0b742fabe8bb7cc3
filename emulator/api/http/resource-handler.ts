// Requests for resources: which verb a method and path mean, and that verb done. k8s.io/apiserver/pkg/endpoints
// (installer.go and handlers/).
import type { Catalogue } from '../catalogue.ts';
import { copy, type Fields, fieldsOf, textOf } from '../fields.ts';
import { applyPatch, PATCH_TYPES } from '../patch/patch.ts';
import type { DeleteOptions, Registry, Target } from '../registry.ts';
import type { ResourcePath } from '../request-info.ts';
import { type ResourceInfo, storageName } from '../resources/resource.ts';
import {
  badRequest,
  methodNotAllowed,
  methodNotSupported,
  noSuchPath,
  StatusError,
  unsupportedMediaType,
} from '../status-error.ts';
import type { KubeObject, Status } from '../types/meta.ts';
import { mediaType, readBody } from './body.ts';
import { decodeAny, decodeBody } from './decode.ts';
import type { Exchange } from './exchange.ts';
import { page, parseSelection, selects } from './listing.ts';
import { type Shape, shapeFor } from './shape.ts';
import type { Subresources } from './subresources.ts';
import type { WatchHub } from './watch.ts';
import { writeOptions } from './write-options.ts';

export interface ResourceHandlerOptions {
  readonly registry: Registry;
  readonly catalogue: Catalogue;
  readonly watches: WatchHub;
  readonly subresources: Subresources;
}

export class ResourceHandler {
  #registry: Registry;
  #catalogue: Catalogue;
  #watches: WatchHub;
  #subresources: Subresources;

  constructor(options: ResourceHandlerOptions) {
    this.#registry = options.registry;
    this.#catalogue = options.catalogue;
    this.#watches = options.watches;
    this.#subresources = options.subresources;
  }

  async handle(exchange: Exchange, path: ResourcePath): Promise<void> {
    const info = this.#catalogue.find(path.group, path.version, path.resource);
    if (info === undefined) throw noSuchPath();
    if (info.namespaced && path.namespace === undefined && path.name !== undefined) throw noSuchPath();
    if (!info.namespaced && path.namespace !== undefined) throw noSuchPath();
    if (path.name === undefined) return this.#collection(exchange, info, path.namespace);
    const target: Target = { info, namespace: path.namespace, name: path.name };
    if (path.subresource !== undefined) return this.#subresources.handle(exchange, target, path.subresource);
    return this.#object(exchange, target);
  }

  async #collection(exchange: Exchange, info: ResourceInfo, namespace: string | undefined): Promise<void> {
    switch (exchange.method) {
      case 'GET':
      case 'HEAD':
        return exchange.flag('watch')
          ? this.#watch(exchange, info, namespace)
          : this.#list(exchange, info, namespace);
      case 'POST':
        return this.#create(exchange, info, namespace);
      case 'DELETE':
        return this.#deleteCollection(exchange, info, namespace);
      default:
        throw methodNotAllowed();
    }
  }

  async #object(exchange: Exchange, target: Target): Promise<void> {
    switch (exchange.method) {
      case 'GET':
      case 'HEAD':
        return this.#get(exchange, target);
      case 'PUT':
        return this.#update(exchange, target);
      case 'PATCH':
        return this.#patch(exchange, target);
      case 'DELETE':
        return this.#delete(exchange, target);
      default:
        throw methodNotAllowed();
    }
  }

  #shape(exchange: Exchange, info: ResourceInfo): Shape {
    return shapeFor(exchange, info, this.#registry.clock);
  }

  #list(exchange: Exchange, info: ResourceInfo, namespace: string | undefined): void {
    supports(info, 'list');
    const { store } = this.#registry;
    const selection = parseSelection(exchange.query, info);
    checkListRevision(exchange, store.revision);
    const limit = Number(exchange.query.get('limit') ?? 0);
    const token = exchange.query.get('continue') || undefined;
    const found = page(
      store.list(storageName(info), namespace),
      selection,
      store.revision,
      Number.isFinite(limit) && limit > 0 ? limit : 0,
      token,
    );
    const shape = this.#shape(exchange, info);
    exchange.send(200, shape.list(found), shape.contentType);
  }

  #get(exchange: Exchange, target: Target): void {
    supports(target.info, 'get');
    const shape = this.#shape(exchange, target.info);
    exchange.send(200, shape.object(this.#registry.get(target)), shape.contentType);
  }

  #watch(exchange: Exchange, info: ResourceInfo, namespace: string | undefined): void {
    supports(info, 'watch');
    const selection = parseSelection(exchange.query, info);
    const text = exchange.query.get('resourceVersion') ?? '';
    const timeout = Number(exchange.query.get('timeoutSeconds') ?? 0);
    this.#watches.serve(exchange, {
      resource: storageName(info),
      namespace,
      form: this.#shape(exchange, info),
      since: text === '' || text === '0' ? undefined : parseRevision(text),
      bookmarks: exchange.flag('allowWatchBookmarks'),
      initialEvents: exchange.flag('sendInitialEvents'),
      timeoutMs: timeout > 0 ? timeout * 1000 : undefined,
      wants: (stored) => selects(selection, stored),
    });
  }

  async #create(exchange: Exchange, info: ResourceInfo, namespace: string | undefined): Promise<void> {
    if (info.namespaced && namespace === undefined && info.verbs.includes('list')) throw methodNotAllowed();
    const body = await decodeBody(exchange, info);
    const options = writeOptions(exchange);
    const special = info.verbs.includes('list')
      ? undefined
      : await this.#subresources.createOnly(exchange, info, namespace, body);
    if (special !== undefined) {
      exchange.json(201, special);
      return;
    }
    supports(info, 'create');
    const created = await this.#registry.create(info, namespace, body, options);
    this.answer(exchange, info, created, 201);
  }

  async #update(exchange: Exchange, target: Target): Promise<void> {
    supports(target.info, 'update');
    const body = await decodeBody(exchange, target.info);
    const options = writeOptions(exchange);
    const { name, info } = target;
    const said = fieldsOf(body['metadata'])['name'];
    if (said !== undefined && said !== name)
      throw badRequest(`the name of the object (${said}) does not match the name on the URL (${name})`);
    try {
      const updated = await this.#registry.update(target, () => copy(body), options);
      this.answer(exchange, info, updated, 200);
    } catch (error) {
      const creates =
        info.strategy.createOnUpdate === true && error instanceof StatusError && error.code === 404;
      if (!creates || textOf(fieldsOf(body['metadata'])['resourceVersion']) !== '') throw error;
      const created = await this.#registry.create(info, target.namespace, body, options);
      this.answer(exchange, info, created, 201);
    }
  }

  async #patch(exchange: Exchange, target: Target): Promise<void> {
    supports(target.info, 'patch');
    const type = mediaType(exchange.req);
    if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
    const body = await readBody(exchange.req);
    const result = await applyPatch(this.#registry, target, type, body, {
      ...writeOptions(exchange),
      force: exchange.flag('force'),
      fieldValidation: exchange.query.get('fieldValidation') ?? undefined,
    });
    this.answer(exchange, target.info, result.object, result.created ? 201 : 200);
  }

  async #delete(exchange: Exchange, target: Target): Promise<void> {
    supports(target.info, 'delete');
    const options = await deleteOptions(exchange);
    const { object, gone } = await this.#registry.delete(target, options);
    if (!gone || target.info.kind === 'Pod') {
      this.answer(exchange, target.info, object, 200);
      return;
    }
    exchange.json(200, deleted(target, object));
  }

  async #deleteCollection(
    exchange: Exchange,
    info: ResourceInfo,
    namespace: string | undefined,
  ): Promise<void> {
    supports(info, 'deletecollection');
    if (info.namespaced && namespace === undefined) throw methodNotAllowed();
    const options = await deleteOptions(exchange);
    const { store } = this.#registry;
    const selection = parseSelection(exchange.query, info);
    const found = page(store.list(storageName(info), namespace), selection, store.revision, 0, undefined);
    const shape = this.#shape(exchange, info);
    for (const stored of found.items) {
      const { name } = stored.object.metadata;
      await this.#registry.delete({ info, namespace, name }, options).catch((error: unknown) => {
        if (!(error instanceof StatusError && error.code === 404)) throw error;
      });
    }
    exchange.send(200, shape.list(found), shape.contentType);
  }

  answer(exchange: Exchange, info: ResourceInfo, object: KubeObject, code: number): void {
    const shape = this.#shape(exchange, info);
    exchange.send(code, shape.plain(object), shape.contentType);
  }
}

function supports(info: ResourceInfo, verb: ResourceInfo['verbs'][number]): void {
  if (!info.verbs.includes(verb)) throw methodNotSupported(info, verb);
}

function parseRevision(text: string): number {
  if (!/^\d+$/.test(text))
    throw badRequest(
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return Number(text);
}

function checkListRevision(exchange: Exchange, current: number): void {
  const text = exchange.query.get('resourceVersion') ?? '';
  if (text === '') return;
  const asked = parseRevision(text);
  if (asked > current)
    throw new StatusError(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
}

export async function deleteOptions(exchange: Exchange): Promise<DeleteOptions> {
  const body = await readBody(exchange.req);
  const said: Fields = body.length === 0 ? {} : await decodeAny(exchange.req, body);
  const { query } = exchange;
  const grace = query.get('gracePeriodSeconds') ?? said['gracePeriodSeconds'];
  const policy = query.get('propagationPolicy') ?? said['propagationPolicy'];
  const pre = fieldsOf(said['preconditions']);
  if (policy !== undefined && policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan')
    throw new StatusError(
      422,
      'Invalid',
      `DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan", "nil"`,
    );
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    ...(typeof pre['uid'] === 'string' ? { uid: pre['uid'] } : {}),
    ...(typeof pre['resourceVersion'] === 'string' ? { resourceVersion: pre['resourceVersion'] } : {}),
    ...(query.getAll('dryRun').length > 0 || (said['dryRun'] as unknown[] | undefined)?.length
      ? { dryRun: true }
      : {}),
  };
}

/** What an object that is gone at once answers: the rest storage returns a Status with its uid. */
function deleted(target: Target, object: KubeObject): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: target.name,
      ...(target.info.group === '' ? {} : { group: target.info.group }),
      kind: target.info.resource,
      ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
    },
  };
}
