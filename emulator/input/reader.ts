// Reads a YAML document into exact types at the border, so that nothing inside doubts it again. A Reader is one node of
// the document with its place and path; each method returns a value of the asked type or throws an InputError that
// names line, column and mend.
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
} from 'yaml';
import { InputError, oneOf, type Place } from './error.ts';

interface Source {
  readonly file: string;
  readonly lines: LineCounter;
  readonly doc: Document.Parsed;
}

export class Reader {
  readonly #source: Source;
  readonly #node: Node | null | undefined;
  readonly path: string;
  readonly #parent: Node | undefined;

  constructor(source: Source, node: Node | null | undefined, path: string, parent?: Node) {
    this.#source = source;
    this.#node = isAlias(node) ? (node.resolve(source.doc) as Node) : node;
    this.path = path;
    this.#parent = parent;
  }

  get place(): Place {
    const range = (this.#node ?? this.#parent)?.range;
    const at = this.#source.lines.linePos(range?.[0] ?? 0);
    return { file: this.#source.file, line: at.line, column: at.col };
  }
  get file(): string {
    return this.#source.file;
  }
  fail(what: string, mend: string): never {
    throw new InputError(what, { place: this.place, path: this.path, mend });
  }

  /** True when the field is absent or null. */
  get absent(): boolean {
    return (
      this.#node === undefined || this.#node === null || (isScalar(this.#node) && this.#node.value === null)
    );
  }
  /** undefined when absent, else what `read` makes of it. */
  optional<T>(read: (field: Reader) => T): T | undefined {
    return this.absent ? undefined : read(this);
  }
  or<T>(fallback: T, read: (field: Reader) => T): T {
    return this.absent ? fallback : read(this);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }
  get isList(): boolean {
    return isSeq(this.#node);
  }
  get isString(): boolean {
    return isScalar(this.#node) && typeof this.#node.value === 'string';
  }
  get isNumber(): boolean {
    return isScalar(this.#node) && typeof this.#node.value === 'number';
  }

  /** The mapping's fields; any other than `allowed` is refused. */
  fields<K extends string>(allowed: readonly K[]): Record<K, Reader> {
    const map = this.#node;
    if (!isMap(map))
      this.fail(
        `must be a mapping, not ${this.#what()}`,
        `write its fields (${allowed.join(', ')}) below it`,
      );
    const found = {} as Record<K, Reader>;
    for (const key of allowed) found[key] = new Reader(this.#source, undefined, this.#sub(key), map);
    for (const pair of map.items) {
      const key = String((pair.key as { value?: unknown } | null)?.value ?? pair.key);
      if (!(allowed as readonly string[]).includes(key)) {
        const at = new Reader(this.#source, pair.key as Node, this.#sub(key), map);
        at.fail(`unknown field "${key}"`, oneOf(key, allowed));
      }
      found[key as K] = new Reader(this.#source, pair.value as Node | null, this.#sub(key), pair.key as Node);
    }
    return found;
  }
  /** A mapping with free keys. */
  entries(): [string, Reader][] {
    const map = this.#node;
    if (!isMap(map)) this.fail(`must be a mapping, not ${this.#what()}`, 'write "key: value" pairs below it');
    return map.items.map((pair) => {
      const key = String((pair.key as { value?: unknown } | null)?.value ?? pair.key);
      return [key, new Reader(this.#source, pair.value as Node | null, this.#sub(key), pair.key as Node)];
    });
  }
  list<T>(read: (item: Reader) => T): T[] {
    const seq = this.#node;
    if (!isSeq(seq)) this.fail(`must be a list, not ${this.#what()}`, 'put "- " before each item');
    return seq.items.map((item, i) =>
      read(new Reader(this.#source, item as ParsedNode, `${this.path}[${i}]`, seq)),
    );
  }

  string(): string {
    const node = this.#node;
    if (isScalar(node) && typeof node.value === 'string') return node.value;
    return this.fail(`must be text, not ${this.#what()}`, 'put it in quotes');
  }
  /** Text, or a number or truth value as it is written: for values that are text by nature ("1", true). */
  text(): string {
    const node = this.#node;
    if (isScalar(node) && node.value !== null && typeof node.value !== 'object') return String(node.value);
    return this.fail(`must be text, not ${this.#what()}`, 'write a single value');
  }
  integer(min: number, max: number): number {
    const node = this.#node;
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value !== 'number' || !Number.isInteger(value))
      return this.fail(`must be a whole number, not ${this.#what()}`, `use ${min} to ${max}`);
    if (value < min || value > max) return this.fail(`${value} is out of range`, `use ${min} to ${max}`);
    return value;
  }
  number(min: number, max: number): number {
    const node = this.#node;
    const value = isScalar(node) ? node.value : undefined;
    if (typeof value !== 'number')
      return this.fail(`must be a number, not ${this.#what()}`, `use ${min} to ${max}`);
    if (value < min || value > max) return this.fail(`${value} is out of range`, `use ${min} to ${max}`);
    return value;
  }
  boolean(): boolean {
    const node = this.#node;
    if (isScalar(node) && typeof node.value === 'boolean') return node.value;
    return this.fail(`must be true or false, not ${this.#what()}`, 'use true or false');
  }
  choice<const T extends string>(allowed: readonly T[]): T {
    const value = this.text();
    if ((allowed as readonly string[]).includes(value)) return value as T;
    return this.fail(`unknown value "${value}"`, oneOf(value, allowed));
  }
  /** "250ms", "20s", "1m30s", "2h": milliseconds. */
  duration(): number {
    const value = this.text();
    const ms = parseDuration(value);
    if (ms === undefined)
      return this.fail(`"${value}" is no duration`, 'write a number and a unit: 250ms, 20s, 5m, 2h');
    return ms;
  }
  /** The value as plain data. */
  value(): unknown {
    const node = this.#node;
    return node === undefined || node === null ? undefined : (node as ParsedNode).toJS(this.#source.doc);
  }

  #sub(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
  #what(): string {
    if (this.absent) return 'missing';
    if (isMap(this.#node)) return 'a mapping';
    if (isSeq(this.#node)) return 'a list';
    const value = (this.#node as { value?: unknown }).value;
    return typeof value === 'string' ? `the text "${value}"` : String(value);
  }
}

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A Go duration in milliseconds, or undefined. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join('') !== text) return undefined;
  return parts.reduce((sum, p) => sum + Number(p[1]) * UNITS[p[2]!]!, 0);
}

/** Every non-empty document of a YAML text. Syntax errors are InputErrors with their place. */
export function readDocuments(text: string, file: string): Reader[] {
  const lines = new LineCounter();
  const docs = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const readers: Reader[] = [];
  for (const doc of Array.isArray(docs) ? docs : []) {
    const error = doc.errors[0];
    if (error !== undefined) {
      const at = lines.linePos(error.pos[0]);
      throw new InputError(`not valid YAML: ${error.message}`, {
        place: { file, line: at.line, column: at.col },
        mend: error.code === 'TAB_AS_INDENT' ? 'indent with spaces' : 'mend the syntax at this place',
      });
    }
    const reader = new Reader({ file, lines, doc }, doc.contents, '');
    if (!reader.absent) readers.push(reader);
  }
  return readers;
}
