import { describe, expect, it } from 'vitest';
import { alternate, conclude, median, quantile, skippedRow, spread } from './pairs.ts';
import type { Row } from './row.ts';

const row: Row = {
  name: 'r',
  unit: 'bytes/s',
  better: 'higher',
  must: 0.3,
  aim: 0.6,
  about: 'ours',
  against: 'theirs',
};
const pairs = (...list: (readonly [number, number])[]) =>
  list.map(([value, baseline]) => ({ value, baseline }));

describe('figures', () => {
  it.each([
    [[3], 0.5, 3],
    [[1, 2], 0.5, 1.5],
    [[9, 1, 5], 0.5, 5],
    [[1, 2, 3, 4, 5], 0.99, 4.96],
  ])('quantile of %j at %d is %d', (values, q, expected) => {
    expect(quantile(values, q)).toBeCloseTo(expected);
  });
  it('spread is the range by the median', () => expect(spread([8, 10, 12])).toBe(0.4));
  it('nothing has no median', () => expect(median([])).toBeNaN());
});

describe('a conclusion', () => {
  it('quotes the median of the ratios, which is not the ratio of the medians', () => {
    // Medians 4 and 10: 0.4. Ratios 0.1, 0.5, 0.8.
    const result = conclude(row, { pairs: pairs([1, 10], [4, 8], [8, 10]) });
    expect(result).toMatchObject({ value: 4, baseline: 10, ratio: 0.5, met: true, pairs: 3, spread: 0.2 });
    expect(result.skipped).toBeUndefined();
  });
  it.each([
    ['higher', 0.29, false],
    ['higher', 0.3, true],
    ['lower', 0.3, true],
    ['lower', 0.31, false],
  ] as const)('%s is better, ratio %d: met %s', (better, ratio, met) => {
    expect(conclude({ ...row, better }, { pairs: pairs([ratio, 1]) }).met).toBe(met);
  });
  it('is void when the baseline spreads, and keeps its figures', () => {
    const result = conclude(row, { pairs: pairs([5, 10], [5, 5], [5, 12]) });
    expect(result).toMatchObject({ met: null, ratio: 0.5, skipped: expect.stringContaining('70 %') });
  });
  it('is void when the baseline is under half its usual', () => {
    const usual = { ...row, usual: 100 };
    expect(conclude(usual, { pairs: pairs([49, 49]) }).skipped).toMatch(/under half/);
    expect(conclude(usual, { pairs: pairs([50, 50]) }).skipped).toBeUndefined();
  });
  it('of a row without bounds only reports', () => {
    const { must: _, aim: __, ...report } = row;
    expect(conclude(report, { pairs: pairs([1, 1]) })).toMatchObject({ must: null, aim: null, met: null });
  });
  it('of nothing, or of no number, is a skip', () => {
    expect(conclude(row, { pairs: [] }).skipped).toBe('nothing was measured');
    expect(conclude(row, { pairs: pairs([Number.NaN, 1]) })).toEqual(skippedRow(row, 'nothing was measured'));
  });
  it('a baseline of zero has no ratio that JSON could hold', () => {
    expect(conclude({ ...row, better: 'lower' }, { pairs: pairs([0, 0]) }).ratio).toBeNull();
  });
  it('carries the CPU of both sides', () => {
    const cpu = { value: 3, baseline: 1 };
    const measured = { pairs: [{ value: 1, baseline: 1, cpu }], cpuUnit: 'ns/byte' };
    expect(conclude(row, measured).cpu).toEqual({ unit: 'ns/byte', value: 3, baseline: 1 });
  });
});

it('alternates, and begins with either in turn', async () => {
  const order: string[] = [];
  const measure = (name: string, value: number) => async () => {
    order.push(name);
    return value;
  };
  const got = await alternate(3, measure('ours', 1), measure('baseline', 2));
  expect(order.join(' ')).toBe('ours baseline baseline ours ours baseline');
  expect(got).toEqual(pairs([1, 2], [1, 2], [1, 2]));
});
