// PATCH: the four types, by media type. k8s.io/apiserver/pkg/endpoints/handlers/patch.go.
import { copy, type Fields } from '../fields.ts';
import { asObject, parseJson } from '../http/body.ts';
import type { Registry, Target, WriteOptions } from '../registry.ts';
import { unsupportedMediaType } from '../status-error.ts';
import type { KubeObject } from '../types/meta.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicPatch } from './strategic-merge.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

export const PATCH_TYPES: readonly string[] = [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH];

export interface PatchOptions extends WriteOptions {
  readonly force?: boolean;
  readonly fieldValidation?: string | undefined;
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
  switch (type) {
    case MERGE_PATCH:
    case STRATEGIC_PATCH: {
      const patch = asObject(parseJson(body));
      // Custom resources have no merge keys: for them it is a merge patch.
      const apply =
        type === STRATEGIC_PATCH && target.info.custom !== true ? applyStrategicPatch : applyMergePatch;
      const object = await registry.update(target, (latest) => copy(apply(latest, patch)) as Fields, options);
      return { object, created: false };
    }
    default:
      throw unsupportedMediaType(PATCH_TYPES);
  }
}
