// Who owns which fields of an object: metadata.managedFields, kept up at each write, and asked at each server-side apply.
// k8s.io/apimachinery/pkg/util/managedfields.
import { type Fields, fieldsOf, same } from '../fields.ts';
import type { TypeDef } from '../schema/definitions.ts';
import { StatusError } from '../status-error.ts';
import type { ManagedFieldsEntry, StatusCause } from '../types/meta.ts';
import {
  difference,
  type FieldSet,
  has,
  isEmpty,
  leaves,
  type MutableSet,
  pathText,
  rootTyping,
  setOf,
  union,
} from './field-set.ts';
import { merge, removeFields, valueAt } from './merge.ts';

export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string;
}

/** What is the server's own, or names the object: nobody owns it. */
const UNOWNED = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'generation',
  'generateName',
  'managedFields',
  'selfLink',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];

/** The fields of an object that can be owned through a resource, or through its status. */
function ownable(object: Fields, type: TypeDef | undefined, subresource: string): MutableSet {
  const metadata: Fields = { ...fieldsOf(object['metadata']) };
  for (const name of UNOWNED) delete metadata[name];
  const { apiVersion: _, kind: __, status, ...rest } = object;
  const whole: Fields =
    subresource === 'status' ? (status === undefined ? {} : { status }) : { ...rest, metadata };
  if (subresource !== 'status' && Object.keys(metadata).length === 0) delete whole['metadata'];
  return setOf(whole, rootTyping(type));
}

const entriesOf = (object: Fields): readonly ManagedFieldsEntry[] =>
  (fieldsOf(object['metadata'])['managedFields'] as readonly ManagedFieldsEntry[] | undefined) ?? [];

const setOfEntry = (entry: ManagedFieldsEntry): FieldSet => (entry.fieldsV1 ?? {}) as FieldSet;

function withEntries(object: Fields, entries: readonly ManagedFieldsEntry[]): void {
  const metadata: Fields = { ...fieldsOf(object['metadata']) };
  if (entries.length === 0) delete metadata['managedFields'];
  else metadata['managedFields'] = entries;
  object['metadata'] = metadata;
}

const entry = (writer: Writer, operation: 'Apply' | 'Update', set: FieldSet): ManagedFieldsEntry => ({
  manager: writer.manager,
  operation,
  apiVersion: writer.apiVersion,
  time: writer.time,
  fieldsType: 'FieldsV1',
  fieldsV1: set,
  ...(writer.subresource === '' ? {} : { subresource: writer.subresource }),
});

const isOf = (e: ManagedFieldsEntry, writer: Writer, operation: 'Apply' | 'Update'): boolean =>
  e.manager === writer.manager && e.operation === operation && (e.subresource ?? '') === writer.subresource;

/** After a create, PUT or patch: the writer owns what it changed, and whoever owned that before does not. Changes `next`. */
export function trackUpdate(
  next: Fields,
  old: Fields | undefined,
  writer: Writer,
  type: TypeDef | undefined,
): void {
  const entries = old === undefined ? [] : entriesOf(old);
  const now = ownable(next, type, writer.subresource);
  const before = old === undefined ? {} : ownable(old, type, writer.subresource);
  const changed = changedFields(next, old, now, before, type);
  const lost = difference(before, now);
  if (isEmpty(changed) && isEmpty(lost)) {
    withEntries(next, entries);
    return;
  }
  const taken = union(changed, lost);
  const kept: ManagedFieldsEntry[] = [];
  let own: FieldSet = {};
  for (const e of entries) {
    if (isOf(e, writer, 'Update')) own = setOfEntry(e);
    else {
      const rest = difference(setOfEntry(e), taken);
      if (!isEmpty(rest)) kept.push({ ...e, fieldsV1: rest });
    }
  }
  const mine = union(difference(own, lost), changed);
  if (!isEmpty(mine)) kept.push(entry(writer, 'Update', mine));
  withEntries(next, kept);
}

function changedFields(
  next: Fields,
  old: Fields | undefined,
  now: FieldSet,
  before: FieldSet,
  type: TypeDef | undefined,
): MutableSet {
  if (old === undefined) return now as MutableSet;
  const typing = rootTyping(type);
  let changed: MutableSet = {};
  for (const path of leaves(now)) {
    if (
      has(before, path) &&
      (path.at(-1) === '.' || same(valueAt(next, path, typing), valueAt(old, path, typing)))
    )
      continue;
    changed = union(changed, branch(path));
  }
  return changed;
}

const branch = (path: readonly string[]): MutableSet =>
  path.reduceRight<MutableSet>((inner, step) => ({ [step]: inner }), {});

export interface ApplyOptions {
  readonly writer: Writer;
  readonly force: boolean;
  readonly type: TypeDef | undefined;
}

/** What an object becomes when a configuration is applied to it; `live` undefined: it is made of it. */
export function applyConfiguration(live: Fields | undefined, config: Fields, options: ApplyOptions): Fields {
  const { writer, type } = options;
  const typing = rootTyping(type);
  const applied = ownable(config, type, writer.subresource);
  if (live === undefined) {
    const made: Fields = { ...config };
    withEntries(made, [entry(writer, 'Apply', applied)]);
    return made;
  }
  const entries = adopt(live, writer, type);
  const previous = entries.find((e) => isOf(e, writer, 'Apply'));
  const others = entries.filter((e) => e !== previous);
  const conflicts = findConflicts(live, config, applied, others, options);
  if (conflicts.length > 0 && !options.force) throw conflictError(conflicts);
  const dropped = dropUnsaid(live, previous, applied, others, type);
  const { managedFields: _, ...metadata } = fieldsOf(config['metadata']);
  const next = merge(dropped, { ...config, metadata }, typing) as Fields;
  const kept: ManagedFieldsEntry[] = [];
  const forced = conflicts.reduce<MutableSet>((set, c) => union(set, branch(c.path)), {});
  for (const e of others) {
    const rest = difference(setOfEntry(e), forced);
    if (!isEmpty(rest)) kept.push(isEmpty(forced) ? e : { ...e, fieldsV1: rest });
  }
  if (!isEmpty(applied)) {
    const unchanged = previous !== undefined && same(previous.fieldsV1, applied);
    kept.unshift(unchanged ? previous : entry(writer, 'Apply', applied));
  }
  withEntries(next, kept);
  return next;
}

/** An object that nobody's ownership was kept for: what it says belongs to before-first-apply. */
function adopt(live: Fields, writer: Writer, type: TypeDef | undefined): readonly ManagedFieldsEntry[] {
  const entries = entriesOf(live);
  if (entries.length > 0) return entries;
  const whole = ownable(live, type, writer.subresource);
  return isEmpty(whole) ? [] : [entry({ ...writer, manager: 'before-first-apply' }, 'Update', whole)];
}

function dropUnsaid(
  live: Fields,
  previous: ManagedFieldsEntry | undefined,
  applied: FieldSet,
  others: readonly ManagedFieldsEntry[],
  type: TypeDef | undefined,
): Fields {
  if (previous === undefined) return live;
  let unsaid = difference(setOfEntry(previous), applied);
  for (const e of others) unsaid = difference(unsaid, setOfEntry(e));
  return removeFields(live, unsaid, rootTyping(type)) as Fields;
}

interface Conflict {
  readonly by: ManagedFieldsEntry;
  readonly path: readonly string[];
}

function findConflicts(
  live: Fields,
  config: Fields,
  applied: FieldSet,
  others: readonly ManagedFieldsEntry[],
  { type }: ApplyOptions,
): Conflict[] {
  const typing = rootTyping(type);
  const conflicts: Conflict[] = [];
  for (const path of leaves(applied)) {
    if (path.at(-1) === '.') continue;
    if (same(valueAt(config, path, typing), valueAt(live, path, typing))) continue;
    for (const by of others) if (has(setOfEntry(by), path)) conflicts.push({ by, path });
  }
  return conflicts;
}

function managerText(e: ManagedFieldsEntry): string {
  const name =
    JSON.stringify(e.manager) +
    (e.subresource === undefined ? '' : ` with subresource ${JSON.stringify(e.subresource)}`);
  if (e.operation !== 'Update') return name;
  return e.time === undefined
    ? `${name} using ${e.apiVersion}`
    : `${name} using ${e.apiVersion} at ${e.time}`;
}

function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes: StatusCause[] = conflicts.map(({ by, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${managerText(by)}`,
    field: pathText(path),
  }));
  return new StatusError(409, 'Conflict', conflictText(conflicts), { causes });
}

function conflictText(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${managerText(first!.by)}: ${pathText(first!.path)}`;
  const byManager = new Map<string, string[]>();
  for (const { by, path } of conflicts) {
    const list = byManager.get(managerText(by)) ?? [];
    byManager.set(managerText(by), [...list, `- ${pathText(path)}`]);
  }
  const lines = [...byManager]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, paths]) => [`conflicts with ${name}:`, ...paths]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
