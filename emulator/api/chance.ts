// Names and ids that look random and repeat with the seed: uids, generateName's suffixes, service addresses. A stream of
// numbers (sfc32) keyed by the seed and by where numbering stood when the server started, so that a restart never
// hands out an id twice.

/** k8s.io/apimachinery/pkg/util/rand: no vowels, so that no words come out. */
const ALPHANUMS = 'bcdfghjklmnpqrstvwxz2456789';

export class Chance {
  #a: number;
  #b: number;
  #c: number;
  #n = 1;

  constructor(seed: number, start: number) {
    this.#a = seed | 0;
    this.#b = start | 0;
    this.#c = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.floor(start / 0x1_0000_0000);
    for (let i = 0; i < 16; i++) this.u32();
  }

  u32(): number {
    const t = (this.#a + this.#b + this.#n++) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }

  /** In [0, n). */
  below(n: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * n);
  }

  /** As generateName and ReplicaSets append it. */
  suffix(length = 5): string {
    let text = '';
    for (let i = 0; i < length; i++) text += ALPHANUMS[this.below(ALPHANUMS.length)];
    return text;
  }

  /** A version 4 UUID (RFC 9562). */
  uuid(): string {
    const hex = [this.u32(), this.u32(), this.u32(), this.u32()]
      .map((n) => n.toString(16).padStart(8, '0'))
      .join('');
    const variant = '89ab'[Number.parseInt(hex[16]!, 16) & 3];
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

/** Ten stable characters for a text: FNV-1a, 64 bits in two halves, in the alphabet of generated names. */
export function hashText(text: string): string {
  let a = 0x811c9dc5;
  let b = 0xcbf29ce4;
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x01000193);
    b = Math.imul(b ^ text.charCodeAt(i), 0x01000197) + a;
  }
  let n = (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0);
  let out = '';
  for (let i = 0; i < 10; i++) {
    out += ALPHANUMS[Number(n % BigInt(ALPHANUMS.length))];
    n /= BigInt(ALPHANUMS.length);
  }
  return out;
}
