// Sets of fields, as managedFields writes them (fieldsV1): a tree of "f:name" for a field, "k:{…}" for the item of a keyed
// list, "v:…" for the member of a set, and "." for the thing itself. sigs.k8s.io/structured-merge-diff/fieldpath.
import { type Fields, isFields } from '../fields.ts';
import { type FieldDef, type FieldType, kubernetes, type TypeDef } from '../schema/definitions.ts';

export interface FieldSet {
  readonly [step: string]: FieldSet;
}

export type MutableSet = { [step: string]: MutableSet };

export const isEmpty = (set: FieldSet): boolean => {
  for (const _ in set) return false;
  return true;
};

/** How a value is looked into: by its definition, or as free-form JSON, whose lists go as one. */
export interface Typing {
  readonly type: FieldType | undefined;
  readonly field: FieldDef | undefined;
}

export const rootTyping = (def: TypeDef | undefined): Typing => ({
  type: def === undefined ? undefined : { is: 'object', type: def.name },
  field: undefined,
});

export type Parts =
  | { readonly is: 'whole' }
  | { readonly is: 'object'; readonly typing: (name: string) => Typing }
  | { readonly is: 'items'; readonly keys: readonly string[]; readonly typing: Typing }
  | { readonly is: 'set' };

/** Into what a value falls apart. */
export function partsOf(value: unknown, { type, field }: Typing): Parts {
  if (field?.atomic === true) return { is: 'whole' };
  if (Array.isArray(value)) {
    if (field?.keys !== undefined && type?.is === 'list')
      return { is: 'items', keys: field.keys, typing: { type: type.of, field: undefined } };
    return field?.set === true ? { is: 'set' } : { is: 'whole' };
  }
  if (!isFields(value)) return { is: 'whole' };
  if (type === undefined) return { is: 'object', typing: () => ({ type: undefined, field: undefined }) };
  if (type.is === 'map') return { is: 'object', typing: () => ({ type: type.of, field: undefined }) };
  const def = type.is === 'object' ? kubernetes().get(type.type) : undefined;
  if (def === undefined || def.atomic) return { is: 'whole' };
  return {
    is: 'object',
    typing: (name) => {
      const inner = def.fields.get(name);
      return { type: inner?.type, field: inner };
    },
  };
}

/** Upstream's defaults for keys that items may leave out. */
const KEY_DEFAULTS: Readonly<Record<string, unknown>> = { protocol: 'TCP' };

export function itemStep(item: unknown, keys: readonly string[]): string {
  const key: Fields = {};
  for (const name of [...keys].sort()) {
    const value = isFields(item) ? (item[name] ?? KEY_DEFAULTS[name]) : undefined;
    if (value !== undefined) key[name] = value;
  }
  return `k:${JSON.stringify(key)}`;
}

export const memberStep = (value: unknown): string => `v:${JSON.stringify(value)}`;

/** All that `value` says. */
export function setOf(value: unknown, typing: Typing): MutableSet {
  const parts = partsOf(value, typing);
  const set: MutableSet = {};
  switch (parts.is) {
    case 'whole':
      return set;
    case 'set':
      for (const item of value as unknown[]) set[memberStep(item)] = {};
      return set;
    case 'items':
      for (const item of value as unknown[])
        set[itemStep(item, parts.keys)] = { '.': {}, ...setOf(item, parts.typing) };
      return set;
    case 'object':
      for (const [name, item] of Object.entries(value as Fields))
        set[`f:${name}`] = setOf(item, parts.typing(name));
      return set;
  }
}

export function union(a: FieldSet, b: FieldSet): MutableSet {
  const result: MutableSet = { ...a } as MutableSet;
  for (const [step, set] of Object.entries(b)) result[step] = union(result[step] ?? {}, set);
  return result;
}

/** `a` without the leaves of `b`; what becomes empty by it goes. */
export function difference(a: FieldSet, b: FieldSet): MutableSet {
  const result: MutableSet = {};
  for (const [step, set] of Object.entries(a)) {
    const other = b[step];
    if (other === undefined) result[step] = set as MutableSet;
    else if (!isEmpty(other) && !isEmpty(set)) {
      const rest = difference(set, other);
      if (!isEmpty(rest)) result[step] = rest;
    }
    // A leaf in b takes all below it; a leaf in a that b goes below is taken, too.
  }
  return result;
}

/** Leaves as paths of steps. */
export function* leaves(set: FieldSet, path: readonly string[] = []): Iterable<readonly string[]> {
  if (isEmpty(set)) {
    yield path;
    return;
  }
  for (const [step, inner] of Object.entries(set)) yield* leaves(inner, [...path, step]);
}

export function has(set: FieldSet, path: readonly string[]): boolean {
  let here: FieldSet | undefined = set;
  for (const step of path) {
    here = here[step];
    if (here === undefined) return false;
  }
  return true;
}

/** `.spec.ports[port=80,protocol="TCP"].name`, as conflicts name fields. */
export function pathText(path: readonly string[]): string {
  let text = '';
  for (const step of path) {
    if (step.startsWith('f:')) text += `.${step.slice(2)}`;
    else if (step.startsWith('v:')) text += `[=${step.slice(2)}]`;
    else if (step.startsWith('k:')) {
      const key = JSON.parse(step.slice(2)) as Fields;
      text += `[${Object.entries(key)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    }
  }
  return text;
}
