// Counters, gauges and histograms as Prometheus's clients have them, cheap enough for every query: a series is an object that its
// user keeps. Text is made by prom-client, and only when somebody asks.
import type { Registry } from 'prom-client';

type Labels = Readonly<Record<string, string>>;

export class Counter {
  value = 0;
  readonly labels: Labels;
  constructor(labels: Labels) {
    this.labels = labels;
  }
  inc(by = 1): void {
    this.value += by;
  }
}

export class Gauge extends Counter {
  set(value: number): void {
    this.value = value;
  }
}

export class Histogram {
  readonly counts: Float64Array;
  sum = 0;
  count = 0;
  readonly labels: Labels;
  readonly bounds: readonly number[];
  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }
  observe(value: number): void {
    this.sum += value;
    this.count++;
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i++)
      if (value <= bounds[i]!) {
        this.counts[i]!++;
        return;
      }
  }
}

type Series = Counter | Gauge | Histogram;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly bounds: readonly number[];
  readonly series: Map<string, Series>;
}

/** Series of one name are bounded: labels that a client chooses may not fill the memory. */
const MAX_SERIES = 10_000;

/** All families of a run; they survive reloads, as CoreDNS's registry does. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#series(name, help, 'counter', labels, [], () => new Counter(labels)) as Counter;
  }
  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    return this.#series(name, help, 'gauge', labels, [], () => new Gauge(labels)) as Gauge;
  }
  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    return this.#series(
      name,
      help,
      'histogram',
      labels,
      bounds,
      () => new Histogram(labels, bounds),
    ) as Histogram;
  }

  #series(
    name: string,
    help: string,
    type: Family['type'],
    labels: Labels,
    bounds: readonly number[],
    make: () => Series,
  ): Series {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { name, help, type, bounds, series: new Map() };
      this.#families.set(name, family);
    }
    const key = Object.values(labels).join('\0');
    let series = family.series.get(key);
    if (series === undefined) {
      series = make();
      if (family.series.size < MAX_SERIES) family.series.set(key, series);
    }
    return series;
  }

  /** Registers every family with prom-client, which writes the exposition format. */
  registerWith(registry: Registry): void {
    for (const family of this.#families.values()) {
      if (registry.getSingleMetric(family.name) !== undefined) continue;
      const metric = { name: family.name, get: () => Promise.resolve(exposed(family)) };
      (registry as unknown as { registerMetric(m: typeof metric): void }).registerMetric(metric);
    }
  }
}

interface Exposed {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: 'sum';
  readonly values: { readonly labels: Labels; readonly value: number; readonly metricName?: string }[];
}

function exposed({ name, help, type, series }: Family): Exposed {
  const values: Exposed['values'] = [];
  for (const one of series.values()) {
    if (!(one instanceof Histogram)) {
      values.push({ labels: one.labels, value: one.value });
      continue;
    }
    let below = 0;
    for (const [i, bound] of one.bounds.entries()) {
      below += one.counts[i]!;
      values.push({ labels: { ...one.labels, le: `${bound}` }, value: below, metricName: `${name}_bucket` });
    }
    values.push({ labels: { ...one.labels, le: '+Inf' }, value: one.count, metricName: `${name}_bucket` });
    values.push({ labels: one.labels, value: one.sum, metricName: `${name}_sum` });
    values.push({ labels: one.labels, value: one.count, metricName: `${name}_count` });
  }
  return { name, help, type, aggregator: 'sum', values };
}
