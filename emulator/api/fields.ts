// Objects as trees that are being built or changed: what a request body is before it has been checked. The store's
// objects are never changed in place; whoever changes one works on a copy made here.

export type Fields = { [name: string]: unknown };

export type Mutable<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer E)[]
    ? Mutable<E>[]
    : { -readonly [K in keyof T]: Mutable<T[K]> };

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object under `name`, made when it is absent. */
export function child(parent: Fields, name: string): Fields {
  const value = parent[name];
  if (isFields(value)) return value;
  const made: Fields = {};
  parent[name] = made;
  return made;
}

export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** "spec.replicas" or ["spec", "replicas"]. */
export function at(object: unknown, path: string | readonly string[]): unknown {
  let value = object;
  for (const step of typeof path === 'string' ? path.split('.') : path) {
    if (!isFields(value)) return undefined;
    value = value[step];
  }
  return value;
}

export function put(object: Fields, path: string, value: unknown): void {
  const steps = path.split('.');
  const last = steps.pop()!;
  let parent = object;
  for (const step of steps) parent = child(parent, step);
  parent[last] = value;
}

/** A deep copy of plain data; faster than structuredClone on objects of this size. */
export function copy<T>(value: T): Mutable<T> {
  return copyValue(value) as Mutable<T>;
}

function copyValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    const list = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) list[i] = copyValue(value[i]);
    return list;
  }
  if (typeof value !== 'object' || value === null) return value;
  const made: Fields = {};
  for (const name in value) made[name] = copyValue((value as Fields)[name]);
  return made;
}

/** Equality of plain data; the order of an object's fields does not count. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((value, i) => same(value, b[i]));
  }
  const left = a as Fields;
  const right = b as Fields;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => name in right && same(left[name], right[name]));
}
