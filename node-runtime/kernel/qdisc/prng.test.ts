import { describe, expect, it } from 'vitest';
import { threshold } from './loss-chain.ts';
import { Crandom, Tausworthe } from './prng.ts';

describe("Linux's generator", () => {
  it.each([
    { seed: 1n, words: [276959246, 18909696, 2298495022, 9442690] },
    { seed: 42n, words: [3053367555, 794645456, 722109529, 489076602] },
  ])('seed $seed', ({ seed, words }) => {
    const prng = new Tausworthe(seed);
    expect(words.map(() => prng.u32())).toEqual(words);
  });

  it('seed 42, loss 10%: the first packets lost', () => {
    const prng = new Tausworthe(42n);
    const lost = Array.from({ length: 200 }, (_, i) => ({ i, x: prng.u32() })).filter(
      (d) => d.x <= threshold(0.1),
    );
    expect(lost.map((d) => d.i).slice(0, 8)).toEqual([13, 27, 37, 38, 39, 43, 49, 53]);
    expect(lost.length).toBe(20);
  });

  it.each([
    { asked: 0.25, rho: 0.25, lost: 0.165 },
    { asked: 0.1, rho: 0.25, lost: 0.017 },
    { asked: 0.3, rho: 0.5, lost: 0.129 },
    { asked: 0.75, rho: 0.25, lost: 0.834 },
  ])(
    "correlated draws lose less than asked, as netem's do: $asked with $rho loses $lost",
    ({ asked, rho, lost }) => {
      const draws = new Crandom(new Tausworthe(7n), rho, 0x80000000);
      let n = 0;
      for (let i = 0; i < 30_000; i++) if (draws.u32() <= threshold(asked)) n++;
      expect(n / 30_000).toBeCloseTo(lost, 1.7);
    },
  );
});
