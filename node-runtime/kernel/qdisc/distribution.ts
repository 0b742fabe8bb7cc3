// How netem draws a delay: tabledist of net/sched/sch_netem.c, and the tables that iproute2 ships in netem/ (normal.c,
// pareto.c, paretonormal.c), made here by the same formulas. A table is an inverse cumulative distribution in
// rising order, 8192 standing for one jitter.

export type DistributionName = 'uniform' | 'normal' | 'pareto' | 'paretonormal';
export type DistributionTable = Int16Array;

const SCALE = 8192;
const SIZE = 4096;
const MAX = 32_767;
const MIN = -32_768;

/** The named table; undefined for 'uniform', which needs none. */
export function distributionTable(name: DistributionName): DistributionTable | undefined {
  switch (name) {
    case 'uniform':
      return undefined;
    case 'normal':
      return normal();
    case 'pareto':
      return pareto();
    case 'paretonormal': {
      const a = normal();
      const b = pareto();
      return Int16Array.from(a, (n, i) => clamp(Math.trunc((n + 3 * b[i]!) / 4)));
    }
  }
}

const clamp = (n: number): number => Math.max(MIN, Math.min(MAX, n));

/** The inverse of the normal distribution function, tabulated by walking up its integral from -10 to 10. */
function normal(): DistributionTable {
  const bins = SIZE * 4;
  const inverse = new Float64Array(bins);
  for (let i = 0; i < bins; i++) inverse[i] = Number.NEGATIVE_INFINITY;
  for (let x = -10; x < 10.05; x += 0.00005) {
    const i = Math.round(bins * normalCdf(x));
    if (i >= 0 && i < bins) inverse[i] = x;
  }
  const table = new Int16Array(SIZE);
  for (let i = 0; i < SIZE; i++) {
    let at = i * 4;
    while (at < bins - 1 && inverse[at] === Number.NEGATIVE_INFINITY) at++;
    table[i] = clamp(Math.round(inverse[at]! * SCALE));
  }
  return table;
}

function pareto(): DistributionTable {
  const table = new Int16Array(SIZE);
  const top = SIZE * 16;
  for (let n = 0; n < SIZE; n++) {
    const x = (top - n * 16) / top;
    table[n] = clamp(Math.round(((x ** (-1 / 3) - 1.5) * 4 * SCALE) / 3));
  }
  return table;
}

/** The share of a standard normal distribution below `x`; Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
export function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return x >= 0 ? 1 - tail : tail;
}

/** A delay in nanoseconds around `mu` for 32 random bits `x`, as Linux computes it. May be negative. */
export function tableDelay(
  mu: number,
  sigma: number,
  x: number,
  table: DistributionTable | undefined,
): number {
  if (sigma === 0) return mu;
  if (table === undefined) return (x % (2 * sigma)) + mu - sigma;
  const t = table[x % table.length]!;
  let rest = (sigma % SCALE) * t;
  rest += rest >= 0 ? SCALE / 2 : -SCALE / 2;
  return Math.trunc(rest / SCALE) + Math.trunc(sigma / SCALE) * t + mu;
}
