import { describe, expect, it } from 'vitest';
import { formatG, formatPercent, formatRate, formatSize, formatTime } from './format.ts';

describe('as tc prints (iproute2 6.1)', () => {
  it.each([
    [992, '992bit'],
    [1000, '1Kbit'],
    [1496, '1496bit'],
    [20_000, '20Kbit'],
    [1_000_000, '1Mbit'],
    [12_345_672, '12345Kbit'],
    [2_500_000_000, '2500Mbit'],
    [1_000_000_000, '1Gbit'],
  ])('rate %d: %s', (bits, text) => expect(formatRate(bits)).toBe(text));

  it.each([
    [1, '1b'],
    [1000, '1000b'],
    [1023, '1023b'],
    [1024, '1Kb'],
    [1540, '1540b'],
    [5000, '5000b'],
    [32_768, '32Kb'],
    [100_000, '100000b'],
    [1_048_576, '1Mb'],
    [1_050_000, '1050000b'],
  ])('size %d: %s', (bytes, text) => expect(formatSize(bytes)).toBe(text));

  it.each([
    [20, '20ms'],
    [122.88, '123ms'],
    [1500, '1.5s'],
    [264_123, '264s'],
    [0.25, '250us'],
    [0.000_4, '400ns'],
    [1, '1ms'],
    [12_345_678, '1.23e+04s'],
  ])('time %d ms: %s', (ms, text) => expect(formatTime(ms)).toBe(text));

  it.each([
    [0.1, '10%'],
    [0.0007, '0.07%'],
    [1, '100%'],
    [1 / 3, '33.3333%'],
    [0.000001, '0.0001%'],
    [0.0000001, '1e-05%'],
  ])('share %d: %s', (share, text) => expect(formatPercent(share)).toBe(text));

  it('%g', () =>
    expect([0, 1e6, 123456, 1234567].map((n) => formatG(n))).toEqual([
      '0',
      '1e+06',
      '123456',
      '1.23457e+06',
    ]));
});
