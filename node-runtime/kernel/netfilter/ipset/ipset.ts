// ip sets of a namespace: net/netfilter/ipset/ip_set_core.c. Elements lie in maps of maps, one level per dimension, so that
// a lookup makes no key object and no text. A network dimension tries the prefix lengths that occur, longest first.
import type { Clock } from '../../clock/clock.ts';
import type { Netns } from '../../netns/netns.ts';
import { perNet } from '../../netns/per-net.ts';
import {
  type Dimension,
  dimensionsOf,
  isSetType,
  type Key,
  keyText,
  netKey,
  parseKey,
  type SetType,
} from './types.ts';

export interface SetOptions {
  readonly maxelem?: number;
  /** Seconds that an element lives unless it says otherwise; undefined: sets without timeouts. */
  readonly timeout?: number;
  /** Buckets as asked for; only shown. */
  readonly hashsize?: number;
}

/** A refused command, in ipset's words. */
export class IpsetError extends Error {}

interface Leaf {
  /** When it goes, in the clock's milliseconds; Infinity for never. */
  expires: number;
  readonly nomatch: boolean;
}
type Level = Map<Key, Level | Leaf>;

const isLeaf = (node: Level | Leaf): node is Leaf => !(node instanceof Map);

class Content {
  readonly type: SetType;
  readonly dimensions: readonly Dimension[];
  readonly maxelem: number;
  readonly timeout: number | undefined;
  readonly root: Level = new Map();
  /** Per dimension: how many elements have each prefix length. */
  readonly lengths: Map<number, number>[];
  /** The same as lists, longest first: what a lookup goes through. */
  readonly order: number[][];
  size = 0;

  constructor(type: SetType, options: SetOptions) {
    this.type = type;
    this.dimensions = dimensionsOf(type);
    this.maxelem = type === 'bitmap:port' ? 65_536 : (options.maxelem ?? 65_536);
    this.timeout = options.timeout;
    this.lengths = this.dimensions.map(() => new Map());
    this.order = this.dimensions.map(() => []);
  }
}

export class IpSet {
  name: string;
  readonly hashsize: number | undefined;
  #content: Content;
  readonly #clock: Clock;

  constructor(clock: Clock, name: string, type: SetType, options: SetOptions) {
    this.hashsize = options.hashsize;
    this.#clock = clock;
    this.name = name;
    this.#content = new Content(type, options);
  }

  get type(): SetType {
    return this.#content.type;
  }
  get size(): number {
    this.#expire();
    return this.#content.size;
  }
  get maxelem(): number {
    return this.#content.maxelem;
  }
  get timeout(): number | undefined {
    return this.#content.timeout;
  }
  get dimensions(): readonly Dimension[] {
    return this.#content.dimensions;
  }

  /** ip_set_swap: rules that name either set find the other's elements. */
  swap(other: IpSet): void {
    if (this.type !== other.type)
      throw new IpsetError('The sets cannot be swapped: their type does not match');
    const mine = this.#content;
    this.#content = other.#content;
    other.#content = mine;
  }

  /** The keys that "10.0.0.1,tcp:80" spells. */
  parse(text: string): Key[] {
    const parts = text.split(',');
    const { dimensions, type } = this.#content;
    if (parts.length !== dimensions.length)
      throw new IpsetError(
        parts.length < dimensions.length
          ? `Syntax error: ${['Second', 'Third'][parts.length - 1]} element is missing from ${text}.`
          : `Syntax error: cannot parse ${text}`,
      );
    return parts.map((part, i) => {
      const key = parseKey(dimensions[i]!, type === 'bitmap:port', part);
      if (typeof key === 'string') throw new IpsetError(key);
      return key;
    });
  }

  /** True when it was added; with `exist` an element that is there already is refreshed. */
  add(text: string, options: { exist?: boolean; timeout?: number; nomatch?: boolean } = {}): void {
    const keys = this.parse(text);
    const c = this.#content;
    const seconds = options.timeout ?? c.timeout;
    if (options.timeout !== undefined && c.timeout === undefined)
      throw new IpsetError("Unknown argument: `timeout'");
    const expires =
      seconds === undefined || seconds === 0 ? Number.POSITIVE_INFINITY : this.#clock.now() + seconds * 1000;
    const known = this.#leaf(keys);
    if (known !== undefined && known.expires > this.#clock.now()) {
      if (options.exist !== true)
        throw new IpsetError("Element cannot be added to the set: it's already added");
      known.expires = expires;
      return;
    }
    if (known !== undefined) this.#remove(keys);
    if (c.size >= c.maxelem) {
      this.#expire();
      if (c.size >= c.maxelem) throw new IpsetError('Hash is full, cannot add more elements');
    }
    let level = c.root;
    for (const key of keys.slice(0, -1)) {
      let next = level.get(key);
      if (next === undefined) level.set(key, (next = new Map()));
      level = next as Level;
    }
    level.set(keys.at(-1)!, { expires, nomatch: options.nomatch === true });
    c.size++;
    this.#count(keys, 1);
  }

  delete(text: string, options: { exist?: boolean } = {}): void {
    const keys = this.parse(text);
    if (this.#leaf(keys) === undefined) {
      if (options.exist === true) return;
      throw new IpsetError("Element cannot be deleted from the set: it's not added");
    }
    this.#remove(keys);
  }

  has(text: string): boolean {
    const leaf = this.#leaf(this.parse(text));
    return leaf !== undefined && leaf.expires > this.#clock.now();
  }

  flush(): void {
    const c = this.#content;
    this.#content = new Content(c.type, {
      maxelem: c.maxelem,
      ...(c.timeout === undefined ? {} : { timeout: c.timeout }),
    });
  }

  /** Elements as `ipset list` prints them, in no order that means anything. */
  members(): string[] {
    const c = this.#content;
    const now = this.#clock.now();
    const any = c.type === 'bitmap:port';
    const out: string[] = [];
    const walk = (level: Level, depth: number, head: string): void => {
      for (const [key, node] of level) {
        const text = head + keyText(c.dimensions[depth]!, any, key);
        if (!isLeaf(node)) walk(node, depth + 1, `${text},`);
        else if (node.expires > now) {
          const left =
            c.timeout === undefined
              ? ''
              : ` timeout ${node.expires === Number.POSITIVE_INFINITY ? 0 : Math.floor((node.expires - now) / 1000)}`;
          out.push(`${text}${left}${node.nomatch ? ' nomatch' : ''}`);
        }
      }
    };
    walk(c.root, 0, '');
    return out;
  }

  /** The kernel-side lookup (ip_set_test): `a`, `b`, `c` are address or port of each dimension. */
  test(a: Key, b: Key, c: Key): boolean {
    const leaf = this.#find(this.#content.root, 0, a, b, c);
    return leaf !== undefined && !leaf.nomatch && leaf.expires > this.#clock.now();
  }

  #find(level: Level, depth: number, a: Key, b: Key, c: Key): Leaf | undefined {
    const value = depth === 0 ? a : depth === 1 ? b : c;
    if (this.#content.dimensions[depth] !== 'net') {
      const node = level.get(value);
      if (node === undefined) return undefined;
      return isLeaf(node) ? node : this.#find(node, depth + 1, a, b, c);
    }
    for (const len of this.#content.order[depth]!) {
      const node = level.get(netKey(value, len));
      if (node === undefined) continue;
      const found = isLeaf(node) ? node : this.#find(node, depth + 1, a, b, c);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #leaf(keys: readonly Key[]): Leaf | undefined {
    let node: Level | Leaf | undefined = this.#content.root;
    for (const key of keys) {
      if (node === undefined || isLeaf(node)) return undefined;
      node = node.get(key);
    }
    return node as Leaf | undefined;
  }

  #remove(keys: readonly Key[]): void {
    const path: Level[] = [this.#content.root];
    for (const key of keys.slice(0, -1)) path.push(path.at(-1)!.get(key) as Level);
    for (let i = keys.length - 1; i >= 0; i--) {
      path[i]!.delete(keys[i]!);
      if (path[i]!.size > 0) break;
    }
    this.#content.size--;
    this.#count(keys, -1);
  }

  /** Keeps the list of prefix lengths that occur. */
  #count(keys: readonly Key[], by: 1 | -1): void {
    const c = this.#content;
    keys.forEach((key, i) => {
      if (c.dimensions[i] !== 'net') return;
      const counts = c.lengths[i]!;
      const n = (counts.get(key % 64) ?? 0) + by;
      if (n === 0) counts.delete(key % 64);
      else counts.set(key % 64, n);
      c.order[i] = [...counts.keys()].sort((x, y) => y - x);
    });
  }

  #expire(): void {
    if (this.#content.timeout === undefined) return;
    const now = this.#clock.now();
    const dead: Key[][] = [];
    const walk = (level: Level, head: Key[]): void => {
      for (const [key, node] of level) {
        if (!isLeaf(node)) walk(node, [...head, key]);
        else if (node.expires <= now) dead.push([...head, key]);
      }
    };
    walk(this.#content.root, []);
    for (const keys of dead) this.#remove(keys);
  }
}

export class IpSets {
  readonly sets = new Map<string, IpSet>();
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(name: string): IpSet {
    const set = this.sets.get(name);
    if (set === undefined) throw new IpsetError('The set with the given name does not exist');
    return set;
  }

  create(name: string, type: string, options: SetOptions & { exist?: boolean } = {}): IpSet {
    if (!isSetType(type)) throw new IpsetError(`Syntax error: unknown settype ${type}`);
    const known = this.sets.get(name);
    if (known !== undefined) {
      if (options.exist === true && known.type === type) return known;
      throw new IpsetError('Set cannot be created: set with the same name already exists');
    }
    const set = new IpSet(this.#clock, name, type, options);
    this.sets.set(name, set);
    return set;
  }

  /** ip_set_rename: not while a rule names it (`inUse`). */
  rename(from: string, to: string, inUse: boolean): void {
    const set = this.get(from);
    if (inUse) throw new IpsetError('Set cannot be renamed: it is in use by another system');
    if (this.sets.has(to))
      throw new IpsetError('Set cannot be renamed: a set with the new name already exists');
    this.sets.delete(from);
    set.name = to;
    this.sets.set(to, set);
  }

  /** `inUse`: whether a rule names it. */
  destroy(name: string, inUse: boolean): void {
    this.get(name);
    if (inUse) throw new IpsetError('Set cannot be destroyed: it is in use by a kernel component');
    this.sets.delete(name);
  }
}

export const ipsets = perNet('ip_set', (ns: Netns) => new IpSets(ns.kernel.clock));
