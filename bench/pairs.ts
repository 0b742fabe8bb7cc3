// Pairs of measurements and what is concluded from them: ours and the baseline alternate, so that whatever else the machine
// does falls on both, and the median of the pairs' ratios is quoted.
import type { Measured, Pair, Result, Row } from './row.ts';

/** Of the baseline; beyond it the row is void. */
const MAX_SPREAD = 0.6;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** By linear interpolation between the two nearest; NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}

export const spread = (values: readonly number[]): number =>
  (Math.max(...values) - Math.min(...values)) / median(values);

/** Measures ours and the baseline in turn, `n` times, and every other time the baseline first. */
export async function alternate(
  n: number,
  ours: () => Promise<number>,
  baseline: () => Promise<number>,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let i = 0; i < n; i++) {
    const first = i % 2 === 0;
    const a = first ? await ours() : undefined;
    const b = await baseline();
    pairs.push({ value: a ?? (await ours()), baseline: b });
  }
  return pairs;
}

/** Three significant digits: more would be noise, and make every run a change. */
const round = (x: number): number => Number(x.toPrecision(4));

const bare = (row: Row): Omit<Result, 'skipped'> => ({
  name: row.name,
  unit: row.unit,
  value: null,
  baseline: null,
  ratio: null,
  better: row.better,
  must: row.must ?? null,
  aim: row.aim ?? null,
  met: null,
});

export const skippedRow = (row: Row, why: string): Result => ({ ...bare(row), skipped: why });

/** The ratio as told from the pairs. */
export const ratioOf = (pairs: readonly Pair[]): number => median(pairs.map((p) => p.value / p.baseline));

export function conclude(row: Row, { pairs, cpuUnit, note, void: why }: Measured): Result {
  if (pairs.length === 0 || pairs.some((p) => !(p.value >= 0) || !(p.baseline >= 0)))
    return skippedRow(row, why ?? 'nothing was measured');
  const baselines = pairs.map((p) => p.baseline);
  const own = pairs.map((p) => p.value);
  const ratio = ratioOf(pairs);
  const bounded = row.bounds === 'value' ? Math.max(...own) : ratio;
  const control = row.bounds === 'value' ? 0 : spread(baselines);
  const cpus = pairs.flatMap((p) => (p.cpu === undefined ? [] : [p.cpu]));
  const skipped =
    why ??
    (control > MAX_SPREAD
      ? `void: the baseline's spread was ${percent(control)}, and over ${percent(MAX_SPREAD)} nothing can be told`
      : row.usual !== undefined && median(baselines) < row.usual / 2
        ? `void: the baseline reached ${round(median(baselines))} ${row.unit}, under half of its usual ${row.usual}`
        : undefined);
  const met =
    row.must === undefined || skipped !== undefined
      ? null
      : row.better === 'higher'
        ? bounded >= row.must
        : bounded <= row.must;
  return {
    ...bare(row),
    value: round(row.bounds === 'value' ? bounded : median(own)),
    baseline: round(median(baselines)),
    ratio: Number.isFinite(ratio) ? round(ratio) : null,
    met,
    pairs: pairs.length,
    spread: round(control),
    ownSpread: row.bounds === 'value' ? 0 : round(spread(own)),
    ...(cpus.length === 0 || cpuUnit === undefined
      ? {}
      : {
          cpu: {
            unit: cpuUnit,
            value: round(median(cpus.map((c) => c.value))),
            baseline: round(median(cpus.map((c) => c.baseline))),
          },
        }),
    ...(note === undefined ? {} : { note }),
    ...(skipped === undefined ? {} : { skipped }),
  };
}

export const percent = (share: number): string => `${Math.round(share * 100)} %`;
