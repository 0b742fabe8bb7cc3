// JSON Merge Patch, RFC 7396: what is null goes, objects are merged, all else replaces.
import { copy, type Fields, isFields } from '../fields.ts';

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return copy(patch);
  const result: Fields = isFields(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = applyMergePatch(result[name], value);
  }
  return result;
}
