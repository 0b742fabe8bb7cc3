// Laying an applied configuration over an object, and taking away what an applier does not say any more: structured-merge-
// diff's typed merge.
import { copy, type Fields, isFields, same } from '../fields.ts';
import { type FieldSet, isEmpty, itemStep, memberStep, partsOf, type Typing } from './field-set.ts';

/** `live` with all that `config` says. Neither is changed. */
export function merge(live: unknown, config: unknown, typing: Typing): unknown {
  const parts = partsOf(config, typing);
  if (live === undefined || live === null) return copy(config);
  switch (parts.is) {
    case 'whole':
      return copy(config);
    case 'set': {
      const old = Array.isArray(live) ? (live as unknown[]) : [];
      return [...old, ...(config as unknown[]).filter((item) => !old.some((o) => same(o, item)))];
    }
    case 'items':
      return mergeItems(Array.isArray(live) ? (live as unknown[]) : [], config as unknown[], parts);
    case 'object': {
      const result: Fields = isFields(live) ? { ...live } : {};
      for (const [name, value] of Object.entries(config as Fields))
        result[name] = merge(result[name], value, parts.typing(name));
      return result;
    }
  }
}

/** Items of the configuration in its order, each where its first neighbour stands; others keep their place. */
function mergeItems(
  live: readonly unknown[],
  config: readonly unknown[],
  { keys, typing }: { readonly keys: readonly string[]; readonly typing: Typing },
): unknown[] {
  const wanted = new Map(config.map((item) => [itemStep(item, keys), item]));
  const result: unknown[] = [];
  for (const item of live) {
    const step = itemStep(item, keys);
    const over = wanted.get(step);
    result.push(over === undefined ? item : merge(item, over, typing));
    wanted.delete(step);
  }
  for (const item of wanted.values()) result.push(copy(item));
  return result;
}

/** `value` without what `gone` names. Not changed itself. */
export function removeFields(value: unknown, gone: FieldSet, typing: Typing): unknown {
  if (isEmpty(gone)) return value;
  const parts = partsOf(value, typing);
  switch (parts.is) {
    case 'whole':
      return value;
    case 'set':
      return (value as unknown[]).filter((item) => gone[memberStep(item)] === undefined);
    case 'items':
      return (value as unknown[]).flatMap((item) => {
        const inner = gone[itemStep(item, parts.keys)];
        if (inner === undefined) return [item];
        return inner['.'] !== undefined ? [] : [removeFields(item, inner, parts.typing)];
      });
    case 'object': {
      const result: Fields = {};
      for (const [name, item] of Object.entries(value as Fields)) {
        const inner = gone[`f:${name}`];
        if (inner === undefined) result[name] = item;
        else if (!isEmpty(inner)) {
          const rest = removeFields(item, inner, parts.typing(name));
          if (!hollow(rest)) result[name] = rest;
        }
      }
      return result;
    }
  }
}

const hollow = (value: unknown): boolean =>
  Array.isArray(value) ? value.length === 0 : isFields(value) && Object.keys(value).length === 0;

/** What a path leads to. */
export function valueAt(value: unknown, path: readonly string[], typing: Typing): unknown {
  const [step, ...rest] = path;
  if (step === undefined || step === '.') return value;
  const parts = partsOf(value, typing);
  if (parts.is === 'object' && step.startsWith('f:')) {
    const name = step.slice(2);
    return valueAt((value as Fields)[name], rest, parts.typing(name));
  }
  if (parts.is === 'items') {
    const item = (value as unknown[]).find((i) => itemStep(i, parts.keys) === step);
    return item === undefined ? undefined : valueAt(item, rest, parts.typing);
  }
  if (parts.is === 'set') return (value as unknown[]).find((i) => memberStep(i) === step);
  return undefined;
}
