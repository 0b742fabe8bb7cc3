// PATCH: the four types, by media type. k8s.io/apiserver/pkg/endpoints/handlers/patch.go.
import { timestamp } from '../clock.ts';
import { copy, type Fields, fieldsOf, textOf } from '../fields.ts';
import { asObject, parseJson, parseYaml } from '../http/body.ts';
import { applyConfiguration } from '../managed/managers.ts';
import type { Registry, Target, WriteOptions } from '../registry.ts';
import { apiVersionOf } from '../resources/resource.ts';
import { definitionOf } from '../schema/definitions.ts';
import { checkKind, fieldValidationOf, readAs } from '../schema/read-object.ts';
import { badRequest, invalid, required, StatusError, unsupportedMediaType } from '../status-error.ts';
import type { KubeObject } from '../types/meta.ts';
import { applyJsonPatch, JsonPatchError } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicPatch } from './strategic-merge.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

export const PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH];
/** Operations of one JSON patch, at most. */
const OPERATIONS_LIMIT = 10_000;

export interface PatchOptions extends WriteOptions {
  readonly force?: boolean;
  readonly fieldValidation?: string | undefined;
  /** What becomes of the patched object, where a subresource takes only a part of it. */
  readonly change?: (patched: Fields, latest: KubeObject) => Fields;
}

export interface Patched {
  readonly object: KubeObject;
  readonly created: boolean;
}

export async function applyPatch(
  registry: Registry,
  target: Target,
  type: string,
  body: Buffer,
  options: PatchOptions,
): Promise<Patched> {
  if (type === APPLY_PATCH) return apply(registry, target, asObject(await parseApplied(body)), options);
  const change = changeOf(target, type, body);
  const { info } = target;
  const warn = options.warn ?? (() => {});
  const object = await registry.update(
    target,
    (latest) => {
      const next = copy(change(latest)) as Fields;
      readAs(next, info, fieldValidationOf(options.fieldValidation), warn);
      return options.change === undefined ? next : options.change(next, latest);
    },
    options,
  );
  return { object, created: false };
}

function changeOf({ info }: Target, type: string, body: Buffer): (latest: KubeObject) => unknown {
  switch (type) {
    case MERGE_PATCH: {
      const patch = asObject(parseJson(body));
      return (latest) => applyMergePatch(latest, patch);
    }
    case STRATEGIC_PATCH: {
      // Custom resources have no merge keys upstream, and no strategic patches.
      if (info.custom === true) throw unsupportedMediaType(PATCH_TYPES.filter((t) => t !== STRATEGIC_PATCH));
      const patch = asObject(parseJson(body));
      const definition = definitionOf(info);
      return (latest) => applyStrategicPatch(latest, patch, definition);
    }
    case JSON_PATCH: {
      const patch = parseJson(body);
      if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
      if (patch.length > OPERATIONS_LIMIT)
        throw new StatusError(
          413,
          'RequestEntityTooLarge',
          `The allowed maximum operations in a JSON patch is ${OPERATIONS_LIMIT}, got ${patch.length}`,
        );
      return (latest) => {
        try {
          return applyJsonPatch(latest, patch);
        } catch (error) {
          if (!(error instanceof JsonPatchError)) throw error;
          throw new StatusError(
            422,
            'Invalid',
            `the server rejected our request due to an error in our request`,
            {
              causes: [{ message: error.message }],
            },
          );
        }
      };
    }
    default:
      throw unsupportedMediaType(PATCH_TYPES);
  }
}

/** kubectl sends JSON under this YAML media type. */
async function parseApplied(body: Buffer): Promise<unknown> {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return parseYaml(body);
  }
}

/** Server-side apply. */
async function apply(
  registry: Registry,
  target: Target,
  config: Fields,
  options: PatchOptions,
): Promise<Patched> {
  const { info, namespace, name } = target;
  const manager = options.fieldManager ?? '';
  if (manager === '')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [
      required('fieldManager', 'is required for apply patch'),
    ]);
  if (config['kind'] === undefined || config['apiVersion'] === undefined)
    throw badRequest('invalid object type: apiVersion and kind must be set');
  checkKind(config, info);
  const metadata = fieldsOf(config['metadata']);
  if (metadata['managedFields'] !== undefined && (metadata['managedFields'] as unknown[]).length > 0)
    throw badRequest('metadata.managedFields must be nil');
  readAs(config, info, fieldValidationOf(options.fieldValidation), options.warn ?? (() => {}));
  const said = textOf(metadata['name']);
  if (said !== '' && said !== name)
    throw badRequest(`the name of the object (${said}) does not match the name on the URL (${name})`);
  const applied = {
    writer: {
      manager,
      apiVersion: apiVersionOf(info),
      subresource: options.subresource ?? '',
      time: timestamp(registry.clock),
    },
    force: options.force === true,
    type: definitionOf(info),
  };
  const tracked = { ...options, applied: true };
  try {
    const object = await registry.update(
      target,
      (latest) => applyConfiguration(copy(latest) as unknown as Fields, config, applied),
      tracked,
    );
    return { object, created: false };
  } catch (error) {
    const missing = error instanceof StatusError && error.status.reason === 'NotFound';
    if (!missing || options.subresource !== undefined || textOf(metadata['uid']) !== '') throw error;
    const made = applyConfiguration(undefined, { ...copy(config), metadata: { ...metadata, name } }, applied);
    return { object: await registry.create(info, namespace, made, tracked), created: true };
  }
}
