// A body read as Go reads it: fields that the type does not have are dropped and named, values of the wrong type are
// refused, and nulls and the zeros of fields that Go writes with omitempty go. sigs.k8s.io/json and
// apimachinery/pkg/runtime/serializer/json.
import { type Fields, isFields } from '../fields.ts';
import type { Definitions, FieldDef, FieldType, Scalar, TypeDef } from './definitions.ts';

/** A value that cannot be what its field is; the message is Go's. */
export class TypeMismatch extends Error {}

/** Changes `object` in place; returns the paths of unknown fields. */
export function prune(object: Fields, type: TypeDef, all: Definitions): string[] {
  const unknown: string[] = [];
  pruneObject(object, type, '', '', { all, unknown });
  return unknown;
}

interface Walk {
  readonly all: Definitions;
  readonly unknown: string[];
}

/** `path` with indexes, for unknown fields; `goPath` without, for Go's own messages. */
function pruneObject(object: Fields, type: TypeDef, path: string, goPath: string, walk: Walk): void {
  for (const [name, value] of Object.entries(object)) {
    if (path === '' && (name === 'apiVersion' || name === 'kind')) continue;
    const field = type.fields.get(name);
    const here = path === '' ? name : `${path}.${name}`;
    if (field === undefined) {
      walk.unknown.push(here);
      delete object[name];
      continue;
    }
    if (value === null) {
      delete object[name];
      continue;
    }
    const goHere = goPath === '' ? name : `${goPath}.${name}`;
    const kept = pruneValue(value, field.type, here, `${shortName(type.name)}.${goHere}`, goHere, walk);
    if (omitted(kept, field)) delete object[name];
    else object[name] = kept;
  }
}

function pruneValue(
  value: unknown,
  type: FieldType,
  path: string,
  goField: string,
  goPath: string,
  walk: Walk,
): unknown {
  switch (type.is) {
    case 'scalar':
      return checkScalar(value, type.scalar, goField);
    case 'object': {
      if (!isFields(value)) throw mismatch(value, goField, goName(type));
      const def = walk.all.get(type.type);
      if (def !== undefined) pruneObject(value, def, path, goPath, walk);
      return value;
    }
    case 'list':
      if (!Array.isArray(value)) throw mismatch(value, goField, goName(type));
      return value.map((item, i) => {
        // A null among objects is a zero object in Go.
        const given = item === null && type.of.is === 'object' ? {} : item;
        return pruneValue(given, type.of, `${path}[${i}]`, goField, goPath, walk);
      });
    case 'map': {
      if (!isFields(value)) throw mismatch(value, goField, goName(type));
      for (const [key, item] of Object.entries(value))
        value[key] =
          item === null && type.of.is === 'scalar'
            ? zeroOf(type.of.scalar)
            : pruneValue(item, type.of, `${path}.${key}`, goField, goPath, walk);
      return value;
    }
  }
}

const zeroOf = (scalar: Scalar): unknown => (scalar === 'string' || scalar === 'bytes' ? '' : null);

function checkScalar(value: unknown, scalar: Scalar, goField: string): unknown {
  switch (scalar) {
    case 'string':
      if (typeof value !== 'string') throw mismatch(value, goField, 'string');
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw mismatch(value, goField, 'bool');
      return value;
    case 'int32':
    case 'int64':
      if (typeof value !== 'number' || !Number.isInteger(value)) throw mismatch(value, goField, scalar);
      if (scalar === 'int32' && (value > 0x7fffffff || value < -0x80000000))
        throw new TypeMismatch(
          `json: cannot unmarshal number ${value} into Go struct field ${goField} of type int32`,
        );
      return value;
    case 'double':
      if (typeof value !== 'number') throw mismatch(value, goField, 'float64');
      return value;
    case 'bytes':
      if (typeof value !== 'string') throw mismatch(value, goField, '[]uint8');
      return value;
    case 'Quantity':
      if (typeof value !== 'string' && typeof value !== 'number') throw quantityFault();
      return String(value);
    case 'IntOrString':
      if (typeof value !== 'string' && typeof value !== 'number')
        throw mismatch(value, goField, 'intstr.IntOrString');
      return value;
    case 'Time':
    case 'MicroTime':
      if (typeof value !== 'string' || Number.isNaN(Date.parse(value)))
        throw new TypeMismatch(
          `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`,
        );
      return value;
    case 'StringList':
      if (!Array.isArray(value)) throw mismatch(value, goField, '[]string');
      return value;
    default:
      return value;
  }
}

const quantityFault = (): TypeMismatch =>
  new TypeMismatch(
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  );

function mismatch(value: unknown, goField: string, type: string): TypeMismatch {
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return new TypeMismatch(`json: cannot unmarshal ${kind} into Go struct field ${goField} of type ${type}`);
}

const shortName = (type: string): string => type.slice(type.lastIndexOf('.') + 1);

/** A type as Go prints it: "[]v1.Container", "map[string]string". */
function goName(type: FieldType): string {
  switch (type.is) {
    case 'scalar':
      return type.scalar === 'Quantity' ? 'resource.Quantity' : type.scalar;
    case 'object':
      return type.type.split('.').slice(-2).join('.');
    case 'list':
      return `[]${goName(type.of)}`;
    case 'map':
      return `map[string]${goName(type.of)}`;
  }
}

function omitted(value: unknown, field: FieldDef): boolean {
  if (field.required || field.pointer) return false;
  if (value === '' || value === 0 || value === false)
    return field.type.is === 'scalar' && plain(field.type.scalar);
  if (field.type.is === 'list') return Array.isArray(value) && value.length === 0;
  if (field.type.is === 'map') return isFields(value) && Object.keys(value).length === 0;
  return false;
}

const plain = (scalar: Scalar): boolean =>
  ['string', 'int32', 'int64', 'bool', 'bytes', 'double'].includes(scalar);
