// The random numbers of Linux's netem, for runs that shall draw as it does: prandom_u32_state (lib/random32.c), a combined
// Tausworthe generator, and get_crandom (net/sched/sch_netem.c), its correlated draw.

export class Tausworthe {
  #s1: number;
  #s2: number;
  #s3: number;
  #s4: number;

  /** prandom_seed_state. */
  constructor(seed: bigint) {
    const i = Number(((seed >> 32n) ^ (seed << 10n) ^ seed) & 0xffffffffn);
    const atLeast = (least: number): number => (i < least ? i + least : i) >>> 0;
    this.#s1 = atLeast(2);
    this.#s2 = atLeast(8);
    this.#s3 = atLeast(16);
    this.#s4 = atLeast(128);
  }

  u32(): number {
    const step = (s: number, a: number, b: number, c: number, d: number): number =>
      (((s & c) << d) ^ (((s << a) ^ s) >>> b)) >>> 0;
    this.#s1 = step(this.#s1, 6, 13, 0xfffffffe, 18);
    this.#s2 = step(this.#s2, 2, 27, 0xfffffff8, 2);
    this.#s3 = step(this.#s3, 13, 21, 0xfffffff0, 7);
    this.#s4 = step(this.#s4, 3, 12, 0xffffff80, 13);
    return (this.#s1 ^ this.#s2 ^ this.#s3 ^ this.#s4) >>> 0;
  }
}

/** struct crndstate: a draw that leans on the one before. Its marginal is not uniform, which is netem's known fault. */
export class Crandom {
  #last: number;
  readonly #rho: bigint;
  readonly #prng: Tausworthe;

  /** `correlation` of 0 to 1; `last` is where it begins (Linux takes it from its entropy pool, not from the seed). */
  constructor(prng: Tausworthe, correlation: number, last: number) {
    this.#prng = prng;
    this.#rho = BigInt(Math.round(correlation * 0xffffffff));
    this.#last = last;
  }

  u32(): number {
    const value = this.#prng.u32();
    if (this.#rho === 0n) return value;
    const rho = this.#rho + 1n;
    const answer = (BigInt(value) * ((1n << 32n) - rho) + BigInt(this.#last) * rho) >> 32n;
    return (this.#last = Number(answer));
  }
}
