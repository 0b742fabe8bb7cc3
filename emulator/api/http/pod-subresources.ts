// What hangs below a pod and needs no stream: eviction and ephemeral containers. pkg/registry/core/pod/storage.
import { copy, type Fields, fieldsOf, listOf, same } from '../fields.ts';
import { applyPatch, PATCH_TYPES } from '../patch/patch.ts';
import type { DeleteOptions, Registry, Target, WriteOptions } from '../registry.ts';
import { podSpecDefaults } from '../resources/pod-defaults.ts';
import {
  forbiddenField,
  invalid,
  methodNotAllowed,
  StatusError,
  unsupportedMediaType,
} from '../status-error.ts';
import type { KubeObject, Status } from '../types/meta.ts';
import type { Pod } from '../types/pod.ts';
import { matchesSelector } from '../types/selector.ts';
import { mediaType, readBody } from './body.ts';
import { decodeAny, decodeBody } from './decode.ts';
import type { Exchange } from './exchange.ts';

/** Deletes a pod unless a PodDisruptionBudget forbids it. */
export async function handleEviction(registry: Registry, exchange: Exchange, target: Target): Promise<void> {
  if (exchange.method !== 'POST') throw methodNotAllowed();
  const body = await decodeAny(exchange.req, await readBody(exchange.req));
  const pod = registry.get(target).object as Pod;
  const asked = fieldsOf(body['deleteOptions']);
  const grace = asked['gracePeriodSeconds'];
  const dryRun = listOf(asked['dryRun']).length > 0 || exchange.query.has('dryRun');
  checkBudgets(registry, pod);
  const options: DeleteOptions = {
    ...(typeof grace === 'number' ? { gracePeriodSeconds: grace } : {}),
    ...(dryRun ? { dryRun: true } : {}),
  };
  await registry.delete(target, options);
  exchange.json(201, SUCCESS);
}

const SUCCESS: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

interface Budget extends KubeObject {
  readonly spec?: {
    readonly selector?: { matchLabels?: Record<string, string> };
    readonly minAvailable?: number | string;
    readonly maxUnavailable?: number | string;
  };
}

function checkBudgets(registry: Registry, pod: Pod): void {
  const { namespace = '' } = pod.metadata;
  if (
    pod.status?.phase === 'Succeeded' ||
    pod.status?.phase === 'Failed' ||
    pod.metadata.deletionTimestamp !== undefined
  )
    return;
  for (const { object } of registry.store.list('poddisruptionbudgets.policy', namespace)) {
    const budget = object as Budget;
    if (!matchesSelector(budget.spec?.selector, pod.metadata.labels)) continue;
    const pods = registry.store
      .list('pods', namespace)
      .map((stored) => stored.object as Pod)
      .filter((other) => matchesSelector(budget.spec?.selector, other.metadata.labels));
    const healthy = pods.filter((p) =>
      p.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'),
    );
    const { minAvailable, maxUnavailable } = budget.spec ?? {};
    const desired =
      minAvailable !== undefined
        ? scaled(minAvailable, pods.length)
        : pods.length - scaled(maxUnavailable ?? 0, pods.length);
    if (healthy.length - 1 >= desired) continue;
    throw new StatusError(
      429,
      'TooManyRequests',
      "Cannot evict pod as it would violate the pod's disruption budget.",
      {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: `The disruption budget ${budget.metadata.name} needs ${desired} healthy pods and has ${healthy.length} currently`,
          },
        ],
      },
    );
  }
}

/** intstr.GetScaledValueFromIntOrPercent, rounded up. */
const scaled = (value: number | string, total: number): number =>
  typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);

export async function handleEphemeralContainers(
  registry: Registry,
  exchange: Exchange,
  target: Target,
  options: WriteOptions,
): Promise<void> {
  const write = { ...options, subresource: 'ephemeralcontainers' };
  const check = (next: Fields, latest: KubeObject): Fields => onlyAdds(next, latest as KubeObject & Fields);
  switch (exchange.method) {
    case 'GET':
      return exchange.json(200, registry.get(target).object);
    case 'PUT': {
      const body = await decodeBody(exchange, target.info);
      return exchange.json(
        200,
        await registry.update(target, (latest) => check(copy(body) as Fields, latest), write),
      );
    }
    case 'PATCH': {
      const type = mediaType(exchange.req);
      if (!PATCH_TYPES.includes(type)) throw unsupportedMediaType(PATCH_TYPES);
      const body = await readBody(exchange.req);
      const { object } = await applyPatch(registry, target, type, body, { ...write, change: check });
      return exchange.json(200, object);
    }
    default:
      throw methodNotAllowed();
  }
}

/** Of what a client sends, the ephemeral containers count; those that are there may not change. */
function onlyAdds(sent: Fields, latest: KubeObject & Fields): Fields {
  const next = copy(latest) as Fields;
  const wanted = listOf(fieldsOf(sent['spec'])['ephemeralContainers']);
  const spec = fieldsOf(next['spec']);
  spec['ephemeralContainers'] = copy(wanted);
  podSpecDefaults(spec);
  const old = listOf(fieldsOf(latest['spec'])['ephemeralContainers']);
  const list = listOf(spec['ephemeralContainers']);
  if (!old.every((container) => list.some((other) => same(container, other))))
    throw invalid({ group: '', kind: 'Pod' }, latest.metadata.name, [
      forbiddenField(
        'spec.ephemeralContainers',
        'existing ephemeral containers may not be removed or changed',
      ),
    ]);
  return next;
}
