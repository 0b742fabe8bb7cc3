// What hangs below an object (/status, /scale, /binding …), and the kinds that are only ever created and never stored.
import { copy, type Fields, fieldsOf } from '../fields.ts';
import { bindPod, finalizeNamespace } from '../operations.ts';
import { applyPatch, PATCH_TYPES } from '../patch/patch.ts';
import type { Registry, Target, WriteOptions } from '../registry.ts';
import type { ResourceInfo } from '../resources/resource.ts';
import { methodNotAllowed, noSuchPath, unsupportedMediaType } from '../status-error.ts';
import type { Status } from '../types/meta.ts';
import { mediaType, readBody } from './body.ts';
import { decodeAny, decodeBody } from './decode.ts';
import type { Exchange } from './exchange.ts';
import { writeOptions } from './resource-handler.ts';

export class Subresources {
  #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  async handle(exchange: Exchange, target: Target, name: string, _rest: string): Promise<void> {
    if (!target.info.subresources.some((sub) => sub.name === name)) throw noSuchPath();
    switch (name) {
      case 'status':
        return this.#status(exchange, target);
      case 'binding':
        return this.#binding(exchange, target);
      case 'finalize':
        return this.#finalize(exchange, target);
      default:
        throw noSuchPath();
    }
  }

  /** Kinds that answer a question and leave nothing behind. */
  createOnly(
    _exchange: Exchange,
    _info: ResourceInfo,
    _namespace: string | undefined,
    _body: Fields,
    _options: WriteOptions,
  ): Promise<unknown> | undefined {
    return undefined;
  }

  async #status(exchange: Exchange, target: Target): Promise<void> {
    const options = { ...writeOptions(exchange), subresource: 'status' };
    switch (exchange.method) {
      case 'GET':
        exchange.json(200, this.#registry.get(target).object);
        return;
      case 'PUT': {
        const body = await decodeBody(exchange, target.info);
        exchange.json(200, await this.#registry.update(target, () => copy(body), options));
        return;
      }
      case 'PATCH': {
        const type = mediaType(exchange.req);
        if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
        const body = await readBody(exchange.req);
        const result = await applyPatch(this.#registry, target, type, body, {
          ...options,
          force: exchange.flag('force'),
        });
        exchange.json(200, result.object);
        return;
      }
      default:
        throw methodNotAllowed();
    }
  }

  /** What a scheduler does: pkg/registry/core/pod/storage, assignPod. */
  async #binding(exchange: Exchange, target: Target): Promise<void> {
    if (exchange.method !== 'POST') throw methodNotAllowed();
    const body = await decodeAny(exchange.req, await readBody(exchange.req));
    await bindPod(this.#registry, target, String(fieldsOf(body['target'])['name'] ?? ''));
    exchange.json(201, SUCCESS);
  }

  async #finalize(exchange: Exchange, target: Target): Promise<void> {
    if (exchange.method !== 'PUT') throw methodNotAllowed();
    const body = await decodeBody(exchange, target.info);
    exchange.json(200, await finalizeNamespace(this.#registry, target, fieldsOf(body['spec'])));
  }
}

const SUCCESS: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
