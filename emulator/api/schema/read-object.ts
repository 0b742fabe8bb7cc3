// A body turned into an object of the kind that the request's path says, by what the client asked of field validation.
import type { Fields } from '../fields.ts';
import { apiVersionOf, type ResourceInfo } from '../resources/resource.ts';
import { badRequest } from '../status-error.ts';
import { kubernetes, typeName } from './definitions.ts';
import { prune, TypeMismatch } from './prune.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Drops, names or refuses what the kind has no field for. Changes `object`. */
export function readAs(
  object: Fields,
  info: { readonly group: string; readonly version: string; readonly kind: string },
  validation: FieldValidation,
  warn: (text: string) => void,
): void {
  const all = kubernetes();
  const type = all.get(typeName(info.group, info.version, info.kind));
  if (type === undefined) return;
  const cannot = `${info.kind} in version ${JSON.stringify(info.version)} cannot be handled as a ${info.kind}: `;
  let unknown: string[];
  try {
    unknown = prune(object, type, all);
  } catch (error) {
    if (error instanceof TypeMismatch) throw badRequest(cannot + error.message);
    throw error;
  }
  const faults = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (faults.length === 0 || validation === 'Ignore') return;
  if (validation === 'Strict') throw badRequest(`${cannot}strict decoding error: ${faults.join(', ')}`);
  for (const fault of faults) warn(fault);
}

/** A request that does not say is warned, as since Kubernetes 1.27. */
export function fieldValidationOf(text: string | null | undefined): FieldValidation {
  return text === 'Strict' || text === 'Ignore' ? text : 'Warn';
}

export function checkKind(object: Fields, info: ResourceInfo): void {
  const wanted = apiVersionOf(info);
  const { apiVersion = wanted, kind = info.kind } = object;
  if (kind !== info.kind || apiVersion !== wanted)
    throw badRequest(
      `${kind} in version ${JSON.stringify(apiVersion)} cannot be handled as a ${info.kind}: converting (${apiVersion}, Kind=${kind}) to (${wanted}, Kind=${info.kind}): unknown conversion`,
    );
  object['apiVersion'] = wanted;
  object['kind'] = info.kind;
}
