// A hash table from MAC address to value that is asked with the address still in the frame: open addressing over two
// integer arrays, since a Map keyed by 48-bit numbers boxes a double for each frame it is asked about.
import { type Mac, mac } from '../wire/addr.ts';
import { u16, u32 } from '../wire/bytes.ts';

const FIRST_SIZE = 64;

export class MacTable<V> {
  /** Upper 16 bits plus one, so that 0 means "free"; lower 32 bits, signed. */
  #high = new Int32Array(FIRST_SIZE);
  #low = new Int32Array(FIRST_SIZE);
  #values: (V | undefined)[] = new Array(FIRST_SIZE).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Mac): V | undefined {
    const at = this.#find(Math.floor(key / 0x1_0000_0000), key | 0);
    return this.#high[at] === 0 ? undefined : this.#values[at];
  }

  /** As `get`, for the address at bytes[at..at+6). */
  getAt(bytes: Uint8Array, at: number): V | undefined {
    const slot = this.#find(u16(bytes, at), u32(bytes, at + 2) | 0);
    return this.#high[slot] === 0 ? undefined : this.#values[slot];
  }

  set(key: Mac, value: V): void {
    if (this.#size * 2 >= this.#high.length) this.#rehash(this.#high.length * 2);
    this.#put(Math.floor(key / 0x1_0000_0000), key | 0, value);
  }

  delete(key: Mac): boolean {
    let at = this.#find(Math.floor(key / 0x1_0000_0000), key | 0);
    if (this.#high[at] === 0) return false;
    this.#size--;
    // Linear probing without tombstones: what was pushed past the hole moves back into it.
    const mask = this.#high.length - 1;
    for (let next = (at + 1) & mask; this.#high[next] !== 0; next = (next + 1) & mask) {
      const home = hash(this.#high[next]! - 1, this.#low[next]!) & mask;
      if (((next - home) & mask) < ((next - at) & mask)) continue;
      this.#high[at] = this.#high[next]!;
      this.#low[at] = this.#low[next]!;
      this.#values[at] = this.#values[next];
      at = next;
    }
    this.#high[at] = 0;
    this.#values[at] = undefined;
    return true;
  }

  *entries(): IterableIterator<[Mac, V]> {
    for (let at = 0; at < this.#high.length; at++) {
      const high = this.#high[at]!;
      if (high !== 0) yield [mac((high - 1) * 0x1_0000_0000 + (this.#low[at]! >>> 0)), this.#values[at]!];
    }
  }

  /** The slot of the key, or the free one where it belongs. */
  #find(high: number, low: number): number {
    const mask = this.#high.length - 1;
    let at = hash(high, low) & mask;
    while (this.#high[at] !== 0 && (this.#low[at] !== low || this.#high[at] !== high + 1))
      at = (at + 1) & mask;
    return at;
  }

  #put(high: number, low: number, value: V): void {
    const at = this.#find(high, low);
    if (this.#high[at] === 0) this.#size++;
    this.#high[at] = high + 1;
    this.#low[at] = low;
    this.#values[at] = value;
  }

  #rehash(size: number): void {
    const high = this.#high;
    const low = this.#low;
    const values = this.#values;
    this.#high = new Int32Array(size);
    this.#low = new Int32Array(size);
    this.#values = new Array(size).fill(undefined);
    this.#size = 0;
    for (let at = 0; at < high.length; at++)
      if (high[at] !== 0) this.#put(high[at]! - 1, low[at]!, values[at]!);
  }
}

function hash(high: number, low: number): number {
  let h = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  h ^= h >>> 15;
  return h >>> 0;
}
