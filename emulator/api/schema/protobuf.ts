// Protobuf bodies, which kubectl 1.32 sends for what it builds itself: four magic bytes, a runtime.Unknown around the
// object, and in it the object's message (apimachinery/pkg/runtime/serializer/protobuf). Read by the same definitions
// that everything else goes by; answers are always JSON.
import protobuf from 'protobufjs/minimal.js';
import type { Fields } from '../fields.ts';
import type { Definitions, FieldDef, FieldType, Scalar, TypeDef } from './definitions.ts';
import { typeName } from './definitions.ts';

const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
const DEPTH_LIMIT = 64;

type Reader = protobuf.Reader;

/** Bytes that are not what they claim to be. */
export class ProtobufError extends Error {}

export function decodeProtobuf(body: Buffer, all: Definitions): Fields {
  if (body.length < MAGIC.length || !body.subarray(0, 4).equals(MAGIC))
    throw new ProtobufError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  try {
    const unknown = readUnknown(protobuf.Reader.create(body.subarray(4)));
    const type = definitionOf(unknown, all);
    const object = readMessage(protobuf.Reader.create(unknown.raw), unknown.raw.length, type, all, 0);
    return { apiVersion: unknown.apiVersion, kind: unknown.kind, ...object };
  } catch (error) {
    if (error instanceof ProtobufError) throw error;
    throw new ProtobufError(
      `unexpected end or form of protobuf: ${error instanceof Error ? error.message : error}`,
    );
  }
}

interface Unknown {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
}

function readUnknown(reader: Reader): Unknown {
  const found: Unknown = { apiVersion: '', kind: '', raw: new Uint8Array() };
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag === 0x0a) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) {
        const inner = reader.uint32();
        if (inner === 0x0a) found.apiVersion = reader.string();
        else if (inner === 0x12) found.kind = reader.string();
        else reader.skipType(inner & 7);
      }
    } else if (tag === 0x12) found.raw = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return found;
}

function definitionOf({ apiVersion, kind }: Unknown, all: Definitions): TypeDef {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const type =
    all.get(typeName(group, version, kind)) ??
    (kind === 'DeleteOptions' ? all.get('meta.v1.DeleteOptions') : undefined);
  if (type === undefined)
    throw new ProtobufError(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  return type;
}

function readMessage(reader: Reader, end: number, type: TypeDef, all: Definitions, depth: number): Fields {
  if (depth > DEPTH_LIMIT) throw new ProtobufError('messages are nested too deeply');
  if (end > reader.len) throw new ProtobufError('unexpected EOF');
  const byNumber = new Map(type.own.map((field) => [field.number, field]));
  const object: Fields = {};
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = byNumber.get(tag >>> 3);
    if (field === undefined) reader.skipType(tag & 7);
    else readField(reader, tag & 7, field, object, all, depth);
  }
  return object;
}

function readField(
  reader: Reader,
  wire: number,
  field: FieldDef,
  object: Fields,
  all: Definitions,
  depth: number,
): void {
  const { type, name } = field;
  if (type.is === 'list') {
    const list = (object[name] ??= []) as unknown[];
    if (wire === 2 && type.of.is === 'scalar' && isVarint(type.of.scalar)) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) list.push(readValue(reader, type.of, all, depth));
    } else list.push(readValue(reader, type.of, all, depth));
  } else if (type.is === 'map') {
    const [key, value] = readEntry(reader, type.of, all, depth);
    ((object[name] ??= {}) as Fields)[key] = value;
  } else {
    const value = readValue(reader, type, all, depth);
    if (field.inline) Object.assign(object, value);
    else if (value !== undefined && (field.required || field.pointer || !isZero(value))) object[name] = value;
  }
}

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false;
const isVarint = (scalar: Scalar): boolean => scalar === 'int32' || scalar === 'int64' || scalar === 'bool';

function readEntry(reader: Reader, type: FieldType, all: Definitions, depth: number): [string, unknown] {
  const end = reader.uint32() + reader.pos;
  let key = '';
  let value: unknown =
    type.is === 'scalar' && (type.scalar === 'string' || type.scalar === 'bytes') ? '' : undefined;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 1) key = reader.string();
    else if (tag >>> 3 === 2) value = readValue(reader, type, all, depth);
    else reader.skipType(tag & 7);
  }
  return [key, value];
}

function readValue(reader: Reader, type: FieldType, all: Definitions, depth: number): unknown {
  if (type.is === 'scalar') return readScalar(reader, type.scalar);
  if (type.is !== 'object') throw new ProtobufError('a list within a list');
  const def = all.get(type.type);
  const length = reader.uint32();
  if (def === undefined) {
    reader.skip(length);
    return undefined;
  }
  return readMessage(reader, reader.pos + length, def, all, depth + 1);
}

function readScalar(reader: Reader, scalar: Scalar): unknown {
  switch (scalar) {
    case 'string':
      return reader.string();
    case 'int32':
      return reader.int32();
    case 'int64':
      return Number(reader.int64());
    case 'bool':
      return reader.bool();
    case 'double':
      return reader.double();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'Quantity':
      return readStrings(reader)[0] ?? '0';
    case 'StringList':
      return readStrings(reader);
    case 'IntOrString':
      return readIntOrString(reader);
    case 'Time':
    case 'MicroTime':
      return readTime(reader, scalar === 'MicroTime');
    case 'RawExtension':
    case 'JSON':
    case 'FieldsV1': {
      const raw = readStrings(reader)[0];
      return raw === undefined || raw === '' ? undefined : (JSON.parse(raw) as unknown);
    }
    case 'Duration':
      return readNumbers(reader).get(1) ?? 0;
  }
}

/** The strings of a message's field 1, repeated or not. */
function readStrings(reader: Reader): string[] {
  const end = reader.uint32() + reader.pos;
  const found: string[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) found.push(reader.string());
    else reader.skipType(tag & 7);
  }
  return found;
}

function readNumbers(reader: Reader): Map<number, number> {
  const end = reader.uint32() + reader.pos;
  const found = new Map<number, number>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if ((tag & 7) === 0) found.set(tag >>> 3, Number(reader.int64()));
    else reader.skipType(tag & 7);
  }
  return found;
}

/** intstr: type (0 int, 1 string), int, string. */
function readIntOrString(reader: Reader): number | string {
  const end = reader.uint32() + reader.pos;
  let isText = false;
  let number = 0;
  let text = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x08) isText = reader.int64().toString() === '1';
    else if (tag === 0x10) number = reader.int32();
    else if (tag === 0x1a) text = reader.string();
    else reader.skipType(tag & 7);
  }
  return isText ? text : number;
}

/** Seconds and nanoseconds; the zero time is an empty message and stands for null. */
function readTime(reader: Reader, micro: boolean): string | undefined {
  const parts = readNumbers(reader);
  const seconds = parts.get(1);
  if (seconds === undefined) return undefined;
  const base = new Date(seconds * 1000).toISOString().slice(0, 19);
  if (!micro) return `${base}Z`;
  return `${base}.${String(Math.floor((parts.get(2) ?? 0) / 1000)).padStart(6, '0')}Z`;
}
