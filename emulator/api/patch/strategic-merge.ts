// Strategic merge patch (k8s.io/apimachinery/pkg/util/strategicpatch): maps are merged, and lists whose items have a key are
// merged by it, as the kind's definition says (patchMergeKey, patchStrategy).
import { type Fields, isFields } from '../fields.ts';
import { type FieldDef, kubernetes, type TypeDef } from '../schema/definitions.ts';

const PATCH = '$patch';
const RETAIN = '$retainKeys';
const ORDER = '$setElementOrder/';
const DELETE_FROM = '$deleteFromPrimitiveList/';

/** `original` with `patch` laid over it; neither is changed. */
export function applyStrategicPatch(original: unknown, patch: Fields, type: TypeDef | undefined): Fields {
  return mergeMap(isFields(original) ? original : {}, patch, type);
}

/** The definition of what is in a field: of its items, when it is a list. */
function inner(field: FieldDef | undefined): TypeDef | undefined {
  if (field === undefined) return undefined;
  const type = field.type.is === 'list' ? field.type.of : field.type;
  return type.is === 'object' ? kubernetes().get(type.type) : undefined;
}

function mergeMap(original: Fields, patch: Fields, type: TypeDef | undefined): Fields {
  if (patch[PATCH] === 'replace') return without(patch);
  if (patch[PATCH] === 'delete') return {};
  const retain = patch[RETAIN] as readonly string[] | undefined;
  const result: Fields = {};
  for (const [key, value] of Object.entries(original))
    if (retain === undefined || retain.includes(key)) result[key] = value;
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(ORDER) || key === RETAIN || key === PATCH) continue;
    if (key.startsWith(DELETE_FROM)) {
      const field = key.slice(DELETE_FROM.length);
      const gone = value as readonly unknown[];
      if (Array.isArray(result[field]))
        result[field] = (result[field] as unknown[]).filter((v) => !gone.includes(v));
    } else if (value === null) delete result[key];
    else if (isFields(value)) {
      const merged = mergeMap(
        isFields(result[key]) ? (result[key] as Fields) : {},
        value,
        inner(type?.fields.get(key)),
      );
      if (value[PATCH] === 'delete') delete result[key];
      else result[key] = merged;
    } else if (Array.isArray(value))
      result[key] = mergeList(type?.fields.get(key), result[key], value, patch[ORDER + key]);
    else result[key] = value;
  }
  return result;
}

function mergeList(
  field: FieldDef | undefined,
  original: unknown,
  patch: readonly unknown[],
  order: unknown,
): unknown[] {
  const old = Array.isArray(original) ? (original as unknown[]) : [];
  const key = field?.mergeKey;
  if (key === '') return [...old, ...patch.filter((v) => !old.includes(v))];
  const items = patch.filter(isFields);
  if (key === undefined || items.length !== patch.length)
    return patch
      .filter((v) => !isFields(v) || v[PATCH] === undefined)
      .map((v) => (isFields(v) ? without(v) : v));
  if (items.some((i) => i[PATCH] === 'replace'))
    return items.filter((i) => i[PATCH] === undefined).map(without);
  const result = old.filter(isFields).map((item) => ({ ...item }));
  for (const item of items) {
    const at = result.findIndex((r) => r[key] === item[key]);
    if (item[PATCH] === 'delete') {
      if (at !== -1) result.splice(at, 1);
    } else if (at === -1) result.push(mergeMap({}, item, inner(field)));
    else result[at] = mergeMap(result[at]!, item, inner(field));
  }
  return Array.isArray(order) ? inOrder(result, key, order.filter(isFields)) : result;
}

/** Items the client named stand in its order; those it did not know keep their place behind what they followed. */
function inOrder(items: readonly Fields[], key: string, order: readonly Fields[]): Fields[] {
  const rank = new Map(order.map((o, i) => [o[key], i]));
  const named = items.filter((i) => rank.has(i[key])).sort((a, b) => rank.get(a[key])! - rank.get(b[key])!);
  const result: Fields[] = [];
  let next = 0;
  for (const item of items) result.push(rank.has(item[key]) ? named[next++]! : item);
  return result;
}

/** The item without its directives, at any depth. */
function without(value: Fields): Fields {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !key.startsWith('$'))
      .map(([key, v]) => [key, isFields(v) ? without(v) : v]),
  );
}
