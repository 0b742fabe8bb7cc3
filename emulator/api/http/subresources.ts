// What hangs below an object (/status, /scale, /binding …), and the kinds that are only ever created and never stored.
import { copy, type Fields, fieldsOf } from '../fields.ts';
import { applyPatch, PATCH_TYPES } from '../patch/patch.ts';
import { keyOf, type Registry, type Target, type WriteOptions } from '../registry.ts';
import type { ResourceInfo } from '../resources/resource.ts';
import { conflict, methodNotAllowed, noSuchPath, unsupportedMediaType } from '../status-error.ts';
import type { KubeObject, Status } from '../types/meta.ts';
import type { Pod } from '../types/pod.ts';
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
    const body = fieldsOf(decodeAny(exchange.req, await readBody(exchange.req)));
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

export async function bindPod(registry: Registry, target: Target, node: string): Promise<KubeObject> {
  return registry.update(
    target,
    (latest) => {
      const pod = latest as Pod;
      if (pod.metadata.deletionTimestamp !== undefined)
        throw conflict(
          target.info,
          target.name,
          `pod ${target.name} is being deleted, cannot be assigned to a host`,
        );
      if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '')
        throw conflict(
          target.info,
          target.name,
          `pod ${keyOf(target.namespace, target.name).split('/')[1]} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
        );
      const next = copy(latest) as unknown as Fields;
      fieldsOf(next['spec'])['nodeName'] = node;
      const status = fieldsOf(next['status']);
      const now = new Date(registry.clock.epoch + registry.clock.now()).toISOString().slice(0, 19);
      const others = ((status['conditions'] as Fields[] | undefined) ?? []).filter(
        (c) => c['type'] !== 'PodScheduled',
      );
      next['status'] = {
        ...status,
        conditions: [
          ...others,
          { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: `${now}Z` },
        ],
      };
      return next;
    },
    { subresource: 'binding' },
  );
}

/** The namespace controller says that it is done: only spec.finalizers changes. */
export async function finalizeNamespace(
  registry: Registry,
  target: Target,
  spec: Fields,
): Promise<KubeObject> {
  return registry.update(target, (latest) => ({ ...(copy(latest) as unknown as Fields), spec }), {
    subresource: 'finalize',
  });
}
