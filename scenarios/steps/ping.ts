// The ping command, its losses and round-trip times: what a link's delay is felt as.
import { formatRef, parseDuration, type Reader, type Ref } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { readRef } from './exec.ts';

interface Ping {
  readonly from: Ref;
  readonly to: Ref;
  readonly count: number;
  readonly lost: number;
  readonly rtt: { readonly min: number; readonly max: number } | undefined;
}

/** "40ms..48ms", "..5ms" or "1s..": inclusive bounds in milliseconds. */
export function readBounds(at: Reader): { min: number; max: number } {
  const text = at.text();
  const [low, high, ...rest] = text.split('..');
  const min = low === '' ? 0 : parseDuration(low ?? '');
  const max = high === '' ? Number.POSITIVE_INFINITY : parseDuration(high ?? '');
  if (min === undefined || max === undefined || rest.length > 0 || min > max)
    return at.fail(
      `"${text}" is no span of time`,
      'write the least and the most, as 40ms..48ms, ..5ms or 1s..',
    );
  return { min, max };
}

export const ping: Verb<Ping> = {
  name: 'ping',
  about: 'pings; checks how many were lost and that the median round trip lies in a span',
  read(at) {
    const f = at.fields(['from', 'to', 'count', 'lost', 'rtt']);
    return {
      from: readRef(f.from),
      to: readRef(f.to),
      count: f.count.or(3, (r) => r.integer(1, 1000)),
      lost: f.lost.or(0, (r) => r.integer(0, 1000)),
      rtt: f.rtt.optional(readBounds),
    };
  },
  async run(step, { cluster, report }) {
    const address = await cluster.address(step.to);
    const { stdout, stderr } = await cluster.exec(step.from, [
      'ping',
      '-n',
      '-c',
      String(step.count),
      '-i',
      '0.05',
      '-W',
      '1',
      address,
    ]);
    const times = [...stdout.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1])).sort((a, b) => a - b);
    const median = times[Math.floor(times.length / 2)];
    const lost = step.count - times.length;
    const inSpan =
      step.rtt === undefined || (median !== undefined && median >= step.rtt.min && median <= step.rtt.max);
    report.check({
      name: `${formatRef(step.from)} pings ${formatRef(step.to)}`,
      expected: [
        `${step.lost} of ${step.count} lost`,
        ...(step.rtt === undefined ? [] : [`round trip ${step.rtt.min} to ${step.rtt.max} ms`]),
      ].join(', '),
      seen: `${lost} lost${median === undefined ? '' : `, round trip ${median} ms`}`,
      ok: lost === step.lost && inSpan,
      ...(lost === step.lost && inSpan ? {} : { detail: (stdout + stderr).trimEnd().split('\n') }),
    });
  },
};
