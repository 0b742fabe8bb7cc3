// Chance that can be repeated. A decision is a pure function of the cluster's seed and a key that names what is being
// decided (purpose, place, flow, ordinal), never a draw from a shared stream: an extra packet in one flow moves no
// other. Streams, for models with memory, are seeded by such a key.

/** 32 well-mixed bits from a seed and a text key (FNV-1a, then murmur3's finaliser). */
export function hash32(seed: number, key: string): number {
  let h = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  return mix32(h);
}

export function mix32(h: number): number {
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A stream of 32-bit numbers (sfc32) that depends on nothing but its key. */
export class Stream {
  #a: number;
  #b: number;
  #c: number;
  #n = 1;
  constructor(seed: number, key: string) {
    this.#a = hash32(seed, `${key}/a`);
    this.#b = hash32(seed, `${key}/b`);
    this.#c = hash32(seed, `${key}/c`);
    for (let i = 0; i < 12; i++) this.u32();
  }
  u32(): number {
    const t = (this.#a + this.#b + this.#n++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }
  /** In [0, 1). */
  float(): number {
    return this.u32() / 0x1_0000_0000;
  }
  /** In [0, n). */
  below(n: number): number {
    return Math.floor(this.float() * n);
  }
}

/** A node's dice: everything random in it comes from here. */
export class Dice {
  readonly seed: number;
  readonly place: string;
  constructor(seed: number, place: string) {
    this.seed = seed;
    this.place = place;
  }
  /** 32 bits decided by the key alone. */
  u32(purpose: string, key: string | number): number {
    return hash32(this.seed, `${purpose}|${this.place}|${key}`);
  }
  stream(purpose: string): Stream {
    return new Stream(this.seed, `${purpose}|${this.place}`);
  }
}
