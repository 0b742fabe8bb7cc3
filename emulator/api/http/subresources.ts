// What hangs below an object (/status, /scale, /binding …), and the kinds that are only ever created and never stored.
import type { Authenticator } from '../auth/authenticate.ts';
import type { TokenSigner } from '../auth/token.ts';
import { copy, type Fields, fieldsOf, listOf, textOf } from '../fields.ts';
import { bindPod, finalizeNamespace } from '../operations.ts';
import { applyPatch, PATCH_TYPES } from '../patch/patch.ts';
import type { Registry, Target } from '../registry.ts';
import { DEFAULT_TOKEN_SECONDS } from '../resources/pod-service-account.ts';
import type { ResourceInfo } from '../resources/resource.ts';
import { badRequest, methodNotAllowed, noSuchPath, unsupportedMediaType } from '../status-error.ts';
import { handleExec } from '../streams/exec.ts';
import { handleLog } from '../streams/log.ts';
import type { PodStreams } from '../streams/pod-streams.ts';
import { handlePortForward } from '../streams/port-forward.ts';
import type { Status } from '../types/meta.ts';
import { mediaType, readBody } from './body.ts';
import { decodeAny, decodeBody } from './decode.ts';
import type { Exchange } from './exchange.ts';
import { handleEphemeralContainers, handleEviction } from './pod-subresources.ts';
import { review } from './reviews.ts';
import { handleScale } from './scale.ts';
import { writeOptions } from './write-options.ts';

export interface SubresourceOptions {
  readonly registry: Registry;
  readonly signer: TokenSigner | undefined;
  /** Whom a token stands for. */
  readonly userOf: (token: string) => ReturnType<Authenticator>;
  readonly streams: PodStreams | undefined;
}

export class Subresources {
  #options: SubresourceOptions;
  #registry: Registry;

  constructor(options: SubresourceOptions) {
    this.#options = options;
    this.#registry = options.registry;
  }

  async handle(exchange: Exchange, target: Target, name: string): Promise<void> {
    if (!target.info.subresources.some((sub) => sub.name === name)) throw noSuchPath();
    const registry = this.#registry;
    switch (name) {
      case 'status':
        return this.#status(exchange, target);
      case 'scale':
        return handleScale(registry, exchange, target, writeOptions(exchange));
      case 'binding':
        return this.#binding(exchange, target);
      case 'finalize':
        return this.#finalize(exchange, target);
      case 'eviction':
        return handleEviction(registry, exchange, target);
      case 'ephemeralcontainers':
        return handleEphemeralContainers(registry, exchange, target, writeOptions(exchange));
      case 'token':
        return this.#token(exchange, target);
      case 'log':
        return handleLog(registry, this.#options.streams, exchange, target);
      case 'exec':
      case 'attach':
        return handleExec(registry, this.#options.streams, exchange, target, name);
      case 'portforward':
        return handlePortForward(registry, this.#options.streams, exchange, target);
      default:
        throw noSuchPath();
    }
  }

  /** The answer to a kind that is not stored. */
  async createOnly(
    exchange: Exchange,
    info: ResourceInfo,
    namespace: string | undefined,
    body: Fields,
  ): Promise<unknown> {
    if (info.kind === 'Binding' && namespace !== undefined) {
      const pods = this.#registry.catalogue.find('', 'v1', 'pods')!;
      const name = textOf(fieldsOf(body['metadata'])['name']);
      await bindPod(
        this.#registry,
        { info: pods, namespace, name },
        textOf(fieldsOf(body['target'])['name']),
      );
      return SUCCESS;
    }
    return review(this.#registry, this.#options.userOf, exchange, info, body);
  }

  async #status(exchange: Exchange, target: Target): Promise<void> {
    const options = { ...writeOptions(exchange), subresource: 'status' };
    switch (exchange.method) {
      case 'GET':
        return exchange.json(200, this.#registry.get(target).object);
      case 'PUT': {
        const body = await decodeBody(exchange, target.info);
        return exchange.json(200, await this.#registry.update(target, () => copy(body), options));
      }
      case 'PATCH': {
        const type = mediaType(exchange.req);
        if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
        const body = await readBody(exchange.req);
        const result = await applyPatch(this.#registry, target, type, body, {
          ...options,
          force: exchange.flag('force'),
        });
        return exchange.json(200, result.object);
      }
      default:
        throw methodNotAllowed();
    }
  }

  /** What a scheduler does: pkg/registry/core/pod/storage, assignPod. */
  async #binding(exchange: Exchange, target: Target): Promise<void> {
    if (exchange.method !== 'POST') throw methodNotAllowed();
    const body = await decodeAny(exchange.req, await readBody(exchange.req));
    await bindPod(this.#registry, target, textOf(fieldsOf(body['target'])['name']));
    exchange.json(201, SUCCESS);
  }

  async #finalize(exchange: Exchange, target: Target): Promise<void> {
    if (exchange.method !== 'PUT') throw methodNotAllowed();
    const body = await decodeBody(exchange, target.info);
    exchange.json(200, await finalizeNamespace(this.#registry, target, fieldsOf(body['spec'])));
  }

  /** TokenRequest: pkg/registry/core/serviceaccount/storage/token.go. */
  async #token(exchange: Exchange, target: Target): Promise<void> {
    if (exchange.method !== 'POST') throw methodNotAllowed();
    const { signer } = this.#options;
    if (signer === undefined) throw badRequest('this cluster signs no tokens');
    const account = this.#registry.get(target).object;
    const body = await decodeAny(exchange.req, await readBody(exchange.req));
    const spec = fieldsOf(body['spec']);
    const asked = Number(spec['expirationSeconds'] ?? 3600);
    const seconds = Math.min(Math.max(asked, 600), 4_294_967_296);
    const bound = fieldsOf(spec['boundObjectRef']);
    const { clock } = this.#registry;
    const now = Math.floor((clock.epoch + clock.now()) / 1000);
    const token = signer.issue(
      {
        namespace: target.namespace ?? '',
        serviceAccount: target.name,
        uid: account.metadata.uid ?? '',
        ...(bound['kind'] === 'Pod'
          ? { pod: { name: textOf(bound['name']), uid: textOf(bound['uid']) } }
          : {}),
      },
      listOf(spec['audiences']).map(String),
      now,
      // A pod's usual token holds a year, as with --service-account-extend-token-expiration: clients that never read the file
      // again go on.
      seconds === DEFAULT_TOKEN_SECONDS ? YEAR : seconds,
    );
    exchange.json(201, {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {
        name: target.name,
        namespace: target.namespace,
        creationTimestamp: new Date(now * 1000).toISOString().slice(0, 19).concat('Z'),
      },
      spec: { ...spec, expirationSeconds: seconds },
      status: {
        token,
        expirationTimestamp: `${new Date((now + seconds) * 1000).toISOString().slice(0, 19)}Z`,
      },
    });
  }
}

const YEAR = 365 * 86_400;
const SUCCESS: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
