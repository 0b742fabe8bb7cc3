// What a benchmark is: rows, each a figure of ours beside a baseline's, measured by a group of rows that share what they
// start. To add one, write a file in groups/ that exports a Group and name it in groups/index.ts.

export interface Row {
  readonly name: string;
  /** Of `value` and `baseline`: "bytes/s", "ms". */
  readonly unit: string;
  /** Which way is good; `ratio` is always ours by the baseline's. */
  readonly better: 'higher' | 'lower';
  /** Bounds of the ratio, or of our worst value where `bounds` says so; without them the row only reports. */
  readonly must?: number;
  readonly aim?: number;
  readonly bounds?: 'value';
  /** What ours is, and what it is compared with. */
  readonly about: string;
  readonly against: string;
  /** What the baseline usually reaches: under half of it the machine was not free, and the row is void. */
  readonly usual?: number;
}

/** CPU per unit of work, of ours and of the baseline. */
export interface Cpu {
  readonly unit: string;
  readonly value: number;
  readonly baseline: number;
}

export interface Pair {
  readonly value: number;
  readonly baseline: number;
  readonly cpu?: { readonly value: number; readonly baseline: number } | undefined;
}

/** An entry of results.json. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  /** Medians; the ratio is the median of the pairs' ratios, not the ratio of these. */
  readonly value: number | null;
  readonly baseline: number | null;
  readonly ratio: number | null;
  readonly better: 'higher' | 'lower';
  readonly must: number | null;
  readonly aim: number | null;
  /** Whether `must` is; null where there is none, or no valid measurement. */
  readonly met: boolean | null;
  readonly pairs?: number;
  /** (max - min) / median of the baseline, and of ours. */
  readonly spread?: number;
  readonly ownSpread?: number;
  readonly cpu?: Cpu;
  readonly note?: string;
  /** Why there is no figure, or why it does not count. */
  readonly skipped?: string;
}

export interface Measured {
  readonly pairs: readonly Pair[];
  readonly cpuUnit?: string;
  readonly note?: string;
  /** Why this measurement does not count, found by the row itself. */
  readonly void?: string;
}

/** What a group is handed. */
export interface Bench {
  /** Pairs to measure where a pair costs about a second; never less than five unless asked for. */
  readonly pairs: number;
  wanted(row: string): boolean;
  /** Seconds until the group is ended: those with long pairs stop before, with fewer. */
  left(): number;
  report(row: string, measured: Measured): void;
  skip(row: string, why: string): void;
  /** Done at the end of the group, however it ends; the last first. */
  defer(fn: () => void | Promise<void>): void;
  say(text: string): void;
}

export interface Group {
  readonly name: string;
  readonly rows: readonly Row[];
  /** Seconds after which the group is ended; what it reported until then counts. */
  readonly limit: number;
  run(bench: Bench): Promise<void>;
  /** Options for the Node that runs it. */
  readonly execArgv?: readonly string[];
  /** Run by the parent after a group that did not end by itself: what a killed process cannot clean up. */
  cleanUp?(): void;
}
