// The fields of the Kubernetes 1.32 API as facts: one line each, from which validation, defaulting of list keys, strategic
// merge, server-side apply, the protobuf reader and OpenAPI are all derived. Names, numbers and list semantics are those
// of generated.proto in k8s.io/api and k8s.io/apimachinery; which fields are required is from its published OpenAPI.
//
//   core.v1.ServiceSpec                                     a type; "atomic" behind it: server-side apply takes it whole
//     ports 1 []ServicePort map=port,protocol merge=port    name, protobuf number, type, list semantics
//     port! 3 int32                                         required
//     replicas* 1 int32                                     a pointer in Go: zero, false and "" are values of their own
//     volumeSource~ 2 VolumeSource                          a message in protobuf whose fields JSON has inline
//
// Types without a dot are of the package at hand, or scalars: string, int32, int64, bool, bytes, double, Quantity,
// IntOrString, RawExtension, Time, MicroTime, FieldsV1, Duration, JSON (anything), StringList. [] is a list, {} a map by
// string. "set" and "map=keys" say how server-side apply merges a list, "merge" and "merge=key" how a strategic merge
// patch does; a list that says neither is atomic.
import { CORE } from './fields/core.ts';
import { META } from './fields/meta.ts';
import { NETWORKING } from './fields/networking.ts';
import { OTHERS } from './fields/others.ts';
import { WORKLOADS } from './fields/workloads.ts';

export type Scalar =
  | 'string'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'bytes'
  | 'double'
  | 'Quantity'
  | 'IntOrString'
  | 'RawExtension'
  | 'Time'
  | 'MicroTime'
  | 'FieldsV1'
  | 'Duration'
  | 'JSON'
  | 'StringList';

const SCALARS = new Set<string>([
  'string',
  'int32',
  'int64',
  'bool',
  'bytes',
  'double',
  'Quantity',
  'IntOrString',
  'RawExtension',
  'Time',
  'MicroTime',
  'FieldsV1',
  'Duration',
  'JSON',
  'StringList',
]);

export type FieldType =
  | { readonly is: 'scalar'; readonly scalar: Scalar }
  | { readonly is: 'object'; readonly type: string }
  | { readonly is: 'list'; readonly of: FieldType }
  | { readonly is: 'map'; readonly of: FieldType };

export interface FieldDef {
  readonly name: string;
  readonly number: number;
  readonly type: FieldType;
  readonly required: boolean;
  /** A zero that was said is kept; Go drops that of other optional fields (omitempty). */
  readonly pointer: boolean;
  readonly inline: boolean;
  /** Server-side apply: keys of a list's items, or how the list goes as one. */
  readonly keys: readonly string[] | undefined;
  readonly set: boolean;
  readonly atomic: boolean;
  /** Strategic merge: '' merges by value. */
  readonly mergeKey: string | undefined;
  readonly retainKeys: boolean;
}

export interface TypeDef {
  readonly name: string;
  readonly atomic: boolean;
  /** As protobuf has them. */
  readonly own: readonly FieldDef[];
  /** As JSON has them: what is inline is spread out. */
  readonly fields: ReadonlyMap<string, FieldDef>;
}

export class Definitions {
  #types = new Map<string, TypeDef>();

  constructor(texts: readonly string[]) {
    for (const text of texts) this.#parse(text);
  }

  get(name: string): TypeDef | undefined {
    return this.#types.get(name);
  }

  names(): Iterable<string> {
    return this.#types.keys();
  }

  #parse(text: string): void {
    let current: { name: string; atomic: boolean; own: FieldDef[] } | undefined;
    const close = (): void => {
      if (current !== undefined) this.#types.set(current.name, new LazyType(current, this));
    };
    for (const line of text.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('  ')) {
        current!.own.push(parseField(line.trim(), packageOf(current!.name)));
        continue;
      }
      close();
      const [name = '', mark] = line.split(' ');
      current = { name, atomic: mark === 'atomic', own: [] };
    }
    close();
  }
}

class LazyType implements TypeDef {
  readonly name: string;
  readonly atomic: boolean;
  readonly own: readonly FieldDef[];
  #all: Definitions;
  #fields: Map<string, FieldDef> | undefined;

  constructor(def: { name: string; atomic: boolean; own: readonly FieldDef[] }, all: Definitions) {
    this.name = def.name;
    this.atomic = def.atomic;
    this.own = def.own;
    this.#all = all;
  }

  get fields(): ReadonlyMap<string, FieldDef> {
    if (this.#fields !== undefined) return this.#fields;
    const fields = new Map<string, FieldDef>();
    for (const field of this.own) {
      const inner = field.inline && field.type.is === 'object' ? this.#all.get(field.type.type) : undefined;
      if (inner === undefined) fields.set(field.name, field);
      else for (const [name, spread] of inner.fields) fields.set(name, spread);
    }
    this.#fields = fields;
    return fields;
  }
}

const packageOf = (type: string): string => type.slice(0, type.lastIndexOf('.'));

function parseField(line: string, pkg: string): FieldDef {
  const [label = '', number = '', type = '', ...marks] = line.split(' ');
  const valued = (name: string): string | undefined =>
    marks.find((mark) => mark.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    name: label.replace(/[!~*]$/, ''),
    number: Number(number),
    type: parseType(type, pkg),
    required: label.endsWith('!'),
    pointer: label.endsWith('*'),
    inline: label.endsWith('~'),
    keys: valued('map')?.split(','),
    set: marks.includes('set'),
    atomic: marks.includes('atomic'),
    mergeKey: valued('merge') ?? (marks.includes('merge') ? '' : undefined),
    retainKeys: marks.includes('retainKeys'),
  };
}

function parseType(text: string, pkg: string): FieldType {
  if (text.startsWith('[]')) return { is: 'list', of: parseType(text.slice(2), pkg) };
  if (text.startsWith('{}')) return { is: 'map', of: parseType(text.slice(2), pkg) };
  if (SCALARS.has(text)) return { is: 'scalar', scalar: text as Scalar };
  return { is: 'object', type: text.includes('.') ? text : `${pkg}.${text}` };
}

/** "core.v1.Pod" for a group, version and kind; the group's first label names its package. */
export function typeName(group: string, version: string, kind: string): string {
  const label = group === '' ? 'core' : group.split('.')[0]!;
  return `${label}.${version}.${kind}`;
}

/** The definition of a resource's kind; undefined for custom ones. */
export const definitionOf = (info: {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}): TypeDef | undefined => kubernetes().get(typeName(info.group, info.version, info.kind));

let parsed: Definitions | undefined;

/** Parsed when first asked for: it is a constant. */
export function kubernetes(): Definitions {
  parsed ??= new Definitions([META, CORE, WORKLOADS, NETWORKING, OTHERS]);
  return parsed;
}
