// /scale: a workload seen as a number of replicas. pkg/registry/apps/deployment/storage, ScaleREST.
import { copy, type Fields, fieldsOf } from '../fields.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { JSON_PATCH } from '../patch/patch.ts';
import type { Registry, Target, WriteOptions } from '../registry.ts';
import {
  badRequest,
  conflict,
  invalid,
  invalidValue,
  methodNotAllowed,
  OBJECT_MODIFIED,
} from '../status-error.ts';
import type { KubeObject, LabelSelector } from '../types/meta.ts';
import { formatLabelSelector } from '../types/selector.ts';
import { mediaType, parseJson, readBody } from './body.ts';
import { decodeAny } from './decode.ts';
import type { Exchange } from './exchange.ts';

export async function handleScale(
  registry: Registry,
  exchange: Exchange,
  target: Target,
  options: WriteOptions,
): Promise<void> {
  const now = scaleOf(registry.get(target).object);
  switch (exchange.method) {
    case 'GET':
      return exchange.json(200, now);
    case 'PUT':
      return put(
        registry,
        exchange,
        target,
        options,
        await decodeAny(exchange.req, await readBody(exchange.req)),
      );
    case 'PATCH': {
      const patch = parseJson(await readBody(exchange.req));
      const isList = mediaType(exchange.req) === JSON_PATCH;
      if (isList && !Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
      const next = isList ? applyJsonPatch(now, patch as unknown[]) : applyMergePatch(now, patch);
      return put(registry, exchange, target, options, next as Fields);
    }
    default:
      throw methodNotAllowed();
  }
}

async function put(
  registry: Registry,
  exchange: Exchange,
  target: Target,
  options: WriteOptions,
  scale: Fields,
): Promise<void> {
  const replicas = fieldsOf(scale['spec'])['replicas'] ?? 0;
  const version = fieldsOf(scale['metadata'])['resourceVersion'];
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, target.name, [
      invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  const object = await registry.update(
    target,
    (latest) => {
      if (version !== undefined && version !== '' && version !== latest.metadata.resourceVersion)
        throw conflict(target.info, target.name, OBJECT_MODIFIED);
      const next = copy(latest) as unknown as Fields;
      fieldsOf(next['spec'])['replicas'] = replicas;
      return next;
    },
    { ...options, subresource: 'scale' },
  );
  exchange.json(200, scaleOf(object));
}

function scaleOf(object: KubeObject): Fields {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { spec, status } = object as KubeObject & { spec?: Fields; status?: Fields };
  const selector = spec?.['selector'];
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec?.['replicas'] ?? 0 },
    status: {
      replicas: status?.['replicas'] ?? 0,
      ...(selector === undefined
        ? {}
        : {
            selector:
              object.kind === 'ReplicationController'
                ? formatLabelSelector({ matchLabels: selector as Record<string, string> })
                : formatLabelSelector(selector as LabelSelector),
          }),
    },
  };
}
