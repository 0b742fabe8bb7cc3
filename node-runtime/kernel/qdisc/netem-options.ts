// What `tc qdisc add … netem` takes, as a plain record. Shares are of 1, times milliseconds, rates bits per second.
import type { DistributionName, DistributionTable } from './distribution.ts';

/** A share of packets, and how much each decision leans on the one before. */
export interface Share {
  readonly share: number;
  readonly correlation?: number;
}

export type LossModel =
  | ({ readonly model: 'random' } & Share)
  /** Four states; defaults p31 = 1 - p13, p32 = 0, p23 = 1, p14 = 0. */
  | {
      readonly model: 'state';
      readonly p13: number;
      readonly p31?: number;
      readonly p32?: number;
      readonly p23?: number;
      readonly p14?: number;
    }
  /** Gilbert-Elliott; `h1` and `k1` are 1-h and 1-k: loss in the bad state (default 1) and in the good one (default 0). */
  | {
      readonly model: 'gemodel';
      readonly p: number;
      readonly r?: number;
      readonly h1?: number;
      readonly k1?: number;
    };

export interface SlotOptions {
  /** Time between slots: between min and max, or drawn around `delay`. */
  readonly min?: number;
  readonly max?: number;
  readonly distribution?: DistributionName;
  readonly delay?: number;
  readonly jitter?: number;
  /** What may leave in one slot; 0 or none: unlimited. */
  readonly packets?: number;
  readonly bytes?: number;
}

export interface NetemOptions {
  /** Packets that may wait; 1000. */
  readonly limit?: number;
  readonly delay?: number;
  readonly jitter?: number;
  readonly delayCorrelation?: number;
  /** 'uniform' when not given, as in the kernel. A table of one's own: rising order, 8192 is one jitter. */
  readonly distribution?: DistributionName | DistributionTable;
  readonly loss?: LossModel;
  /** Mark rather than lose, where the packet's sender understands it. */
  readonly ecn?: boolean;
  readonly duplicate?: Share;
  readonly corrupt?: Share;
  readonly reorder?: Share & { readonly gap?: number };
  readonly rate?: number;
  /** Bytes added to each packet's length for the rate; may be negative. */
  readonly packetOverhead?: number;
  readonly cellSize?: number;
  readonly cellOverhead?: number;
  readonly slot?: SlotOptions;
  /** False: jitter never lets a packet pass another. Not in Linux, where only `rate` has that effect. */
  readonly jitterReorder?: boolean;
  /**
   * 'exact', the default: correlated decisions keep the share that was asked for. 'netem': drawn as Linux draws,
   * whose correlated shares come out far from what was asked.
   */
  readonly correlationModel?: 'exact' | 'netem';
  /** Seed of Linux's generator, for 'netem'. */
  readonly seed?: bigint;
}

/** What is wrong with the options, in tc's or the kernel's terms, or undefined. */
export function checkNetem(o: NetemOptions): string | undefined {
  const shares: [string, number | undefined][] = [
    ['delay correlation', o.delayCorrelation],
    ['duplicate', o.duplicate?.share],
    ['duplicate correlation', o.duplicate?.correlation],
    ['corrupt', o.corrupt?.share],
    ['corrupt correlation', o.corrupt?.correlation],
    ['reorder', o.reorder?.share],
    ['reorder correlation', o.reorder?.correlation],
    ...Object.entries(o.loss ?? {})
      .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
      .map(([name, value]): [string, number] => [`loss ${name}`, value]),
  ];
  for (const [name, value] of shares)
    if (value !== undefined && !(value >= 0 && value <= 1)) return `${name} must be between 0% and 100%`;
  for (const [name, value] of [
    ['delay', o.delay],
    ['jitter', o.jitter],
    ['rate', o.rate],
  ] as const)
    if (value !== undefined && !(value >= 0 && Number.isFinite(value))) return `${name} must not be negative`;
  if (o.limit !== undefined && !(Number.isInteger(o.limit) && o.limit >= 0))
    return 'limit must be a whole number';
  if (o.reorder !== undefined && (o.delay ?? 0) === 0)
    return 'reordering not possible without specifying some delay';
  if (o.ecn === true && o.loss === undefined) return 'ecn requires a loss model';
  if (o.distribution !== undefined && ((o.delay ?? 0) === 0 || (o.jitter ?? 0) === 0))
    return 'distribution specified but no latency and jitter values';
  return undefined;
}
