// JSON Patch, RFC 6902, with JSON Pointers of RFC 6901. A failed test or a path that is not there refuses the whole patch,
// in the words of the library that the API server uses (github.com/evanphx/json-patch).
import { copy, type Fields, isFields, same } from '../fields.ts';

export class JsonPatchError extends Error {}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** A changed copy. */
export function applyJsonPatch(target: unknown, patch: readonly unknown[]): unknown {
  const root = { '': copy(target) as unknown };
  for (const item of patch) {
    if (!isFields(item) || typeof item['op'] !== 'string' || typeof item['path'] !== 'string')
      throw new JsonPatchError('each operation needs an op and a path');
    applyOne(root, item as unknown as Operation);
  }
  return root[''];
}

function applyOne(root: Fields, { op, path, from = '', value }: Operation): void {
  switch (op) {
    case 'add':
      add(root, path, copy(value));
      return;
    case 'remove':
      remove(root, path, op);
      return;
    case 'replace':
      find(root, path, op);
      if (path !== '') remove(root, path, op);
      add(root, path, copy(value));
      return;
    case 'move':
      add(root, path, remove(root, from, op));
      return;
    case 'copy':
      add(root, path, copy(find(root, from, op)));
      return;
    case 'test':
      if (!same(lookUp(root, path), value))
        throw new JsonPatchError(`testing value ${path} failed: test failed`);
      return;
    default:
      throw new JsonPatchError(`Unexpected kind: ${op}`);
  }
}

/** The steps of a pointer below the root's only field. */
function steps(pointer: string): string[] {
  if (pointer === '') return [''];
  if (!pointer.startsWith('/'))
    throw new JsonPatchError(`pointer ${JSON.stringify(pointer)} does not start with /`);
  return pointer.split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function container(root: Fields, pointer: string, op: string): { holder: Fields | unknown[]; last: string } {
  const path = steps(pointer);
  const last = path.pop()!;
  let holder: unknown = root;
  for (const step of path) holder = childOf(holder, step);
  if (!isFields(holder) && !Array.isArray(holder))
    throw new JsonPatchError(
      `${op} operation does not apply: doc is missing path: ${JSON.stringify(pointer)}: missing value`,
    );
  return { holder, last };
}

function childOf(holder: unknown, step: string): unknown {
  if (Array.isArray(holder)) return holder[index(step, holder.length)];
  return isFields(holder) && Object.hasOwn(holder, step) ? holder[step] : undefined;
}

function index(step: string, length: number): number {
  if (!/^(0|[1-9]\d*)$/.test(step)) throw new JsonPatchError(`${JSON.stringify(step)} is no array index`);
  return Number(step) <= length ? Number(step) : -1;
}

const lookUp = (root: Fields, pointer: string): unknown => steps(pointer).reduce<unknown>(childOf, root);

function find(root: Fields, pointer: string, op: string): unknown {
  const value = lookUp(root, pointer);
  if (value === undefined)
    throw new JsonPatchError(`${op} operation does not apply: doc is missing key: ${pointer}: missing value`);
  return value;
}

function add(root: Fields, pointer: string, value: unknown): void {
  const { holder, last } = container(root, pointer, 'add');
  if (!Array.isArray(holder)) {
    holder[last] = value;
    return;
  }
  const at = last === '-' ? holder.length : index(last, holder.length);
  if (at < 0)
    throw new JsonPatchError(
      `add operation does not apply: Unable to access invalid index: ${last}: invalid index referenced`,
    );
  holder.splice(at, 0, value);
}

function remove(root: Fields, pointer: string, op: string): unknown {
  const value = find(root, pointer, op);
  const { holder, last } = container(root, pointer, op);
  if (Array.isArray(holder)) holder.splice(index(last, holder.length), 1);
  else delete holder[last];
  return value;
}
