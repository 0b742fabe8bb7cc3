import { describe, expect, it } from 'vitest';
import { distributionTable, normalCdf, tableDelay } from './distribution.ts';

const numbers = (name: 'normal' | 'pareto' | 'paretonormal') => {
  const table = distributionTable(name)!;
  const values = Array.from(table, (v) => v / 8192);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const sd = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  return { table, values, mean, sd };
};

describe('tables', () => {
  // What iproute2's own tables give.
  it.each([
    { name: 'normal' as const, mean: -0.001, sd: 1.0, min: -4 },
    { name: 'pareto' as const, mean: -0.034, sd: 0.82, min: -0.667 },
    { name: 'paretonormal' as const, mean: -0.025, sd: 0.834, min: -1.5 },
  ])('$name: mean $mean, deviation $sd, from $min', (row) => {
    const { table, values, mean, sd } = numbers(row.name);
    expect(table.length).toBe(4096);
    expect(mean).toBeCloseTo(row.mean, 2);
    expect(sd).toBeCloseTo(row.sd, 2);
    expect(Math.min(...values)).toBeCloseTo(row.min, 2);
    expect(values).toEqual([...values].sort((a, b) => a - b));
  });

  it('pareto: 29.6 % of the entries are not negative', () => {
    const { values } = numbers('pareto');
    expect(values.filter((v) => v >= 0).length / values.length).toBeCloseTo(0.296, 2);
  });
});

describe('tableDelay', () => {
  it.each([
    { mu: 20e6, sigma: 0, x: 12345, delay: 20e6 },
    { mu: 20e6, sigma: 5e6, x: 0, delay: 15e6 },
    { mu: 20e6, sigma: 5e6, x: 9_999_999, delay: 24_999_999 },
    { mu: 1e6, sigma: 5e6, x: 10_000_000, delay: -4e6 },
  ])('uniform, $mu ± $sigma for $x: $delay', ({ mu, sigma, x, delay }) =>
    expect(tableDelay(mu, sigma, x, undefined)).toBe(delay),
  );

  it('by a table: jitter times the entry over 8192, rounded away from zero', () => {
    const table = Int16Array.of(8192, -8192, 1, -1);
    expect([0, 1, 2, 3, 4].map((x) => tableDelay(1000, 4096, x, table))).toEqual([
      5096, -3096, 1001, 999, 5096,
    ]);
  });

  it('the normal distribution function', () => {
    expect([-1.96, 0, 1, 3].map((x) => Number(normalCdf(x).toFixed(4)))).toEqual([
      0.025, 0.5, 0.8413, 0.9987,
    ]);
  });
});
