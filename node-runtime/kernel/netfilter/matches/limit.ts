// The limit match, a token bucket: net/netfilter/xt_limit.c.
import { type MatchExtension, type Test, XtError } from '../tables/extension.ts';
import { parseUint } from './values.ts';

export interface LimitMatch {
  readonly name: 'limit';
  /** Ten-thousandths of a second between two packets. */
  readonly interval: number;
  readonly burst: number;
}

const SCALE = 10_000;
const DEFAULT_BURST = 5;
/** Longest unit first, as print_rate looks for the one that keeps the number above 1. */
const UNITS: readonly (readonly [string, number])[] = [
  ['day', SCALE * 86_400],
  ['hour', SCALE * 3600],
  ['min', SCALE * 60],
  ['sec', SCALE],
];

function parseRate(text: string): number | undefined {
  const [number, unit] = text.split('/');
  const n = parseUint(number ?? '', 0xffff_ffff);
  const head = (unit ?? 'second').toLowerCase();
  const mult =
    head === ''
      ? undefined
      : (['day', 'hour', 'minute', 'second'] as const).findIndex((u) => u.startsWith(head));
  if (n === undefined || n === 0 || mult === undefined || mult < 0) return undefined;
  const interval = Math.floor(UNITS[mult]![1] / n);
  return interval === 0 ? undefined : interval;
}

function rateText(interval: number): string {
  let i = 1;
  // The first unit in which the rate is a whole number, or the last below it.
  for (; i < UNITS.length; i++) {
    const mult = UNITS[i]![1];
    if (interval > mult || Math.floor(mult / interval) < mult % interval) break;
  }
  const [unit, mult] = UNITS[i - 1]!;
  return `${Math.floor(mult / interval)}/${unit}`;
}

export const limit: MatchExtension<LimitMatch> = {
  name: 'limit',
  options: [
    { name: 'limit', args: 1 },
    { name: 'limit-burst', args: 1 },
  ],
  parse(given) {
    const rate = given.find((g) => g.name === 'limit');
    const interval = parseRate(rate?.value ?? '3/hour');
    if (interval === undefined) throw new XtError(`bad rate "${rate!.value}"'`);
    const g = given.find((x) => x.name === 'limit-burst');
    const burst = g === undefined ? DEFAULT_BURST : parseUint(g.value, 10_000);
    if (burst === undefined)
      throw new XtError('limit: bad value for option "--limit-burst", or out of range (0-10000).\n');
    return { name: 'limit', interval, burst };
  },
  save: (m) =>
    `--limit ${rateText(m.interval)}${m.burst === DEFAULT_BURST ? '' : ` --limit-burst ${m.burst}`}`,
  list: (m) => `limit: avg ${rateText(m.interval)} burst ${m.burst}`,
  compile({ interval, burst }, { ns }): Test {
    const { clock } = ns.kernel;
    const cost = interval / 10; // milliseconds a packet
    const cap = cost * burst;
    let credit = cap;
    let last = clock.now();
    return () => {
      const now = clock.now();
      credit = Math.min(cap, credit + (now - last));
      last = now;
      if (credit < cost) return false;
      credit -= cost;
      return true;
    };
  },
};
