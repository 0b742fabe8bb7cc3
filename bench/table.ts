// A result in one line, for people.
import { percent } from './pairs.ts';
import type { Result } from './row.ts';

const PREFIX = ['', 'k', 'M', 'G'];

/** 1.23 GB/s: figures with the prefix that makes them short; a small figure keeps its digits. */
export function figure(value: number, unit: string): string {
  if (unit === 'ratio') return value.toPrecision(3);
  let i = 0;
  for (; value >= 1000 && i < PREFIX.length - 1 && /^(bytes|packets|frames|links)/.test(unit); i++)
    value /= 1000;
  const digits = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  return `${digits} ${PREFIX[i]}${unit.replace(/^bytes/, 'B')}`;
}

export function line(r: Result): string {
  const measured =
    r.value === null || r.baseline === null
      ? ''
      : `${figure(r.value, r.unit)} : ${figure(r.baseline, r.unit)}${r.ratio === null ? '' : ` = ${r.ratio.toFixed(2)}`}`;
  const sign = r.better === 'higher' ? '≥' : '≤';
  const bound = r.must === null ? 'report' : `must ${sign} ${r.must}, aim ${sign} ${r.aim}`;
  const cpu =
    r.cpu === undefined
      ? ''
      : `; CPU ${figure(r.cpu.value, r.cpu.unit)} : ${figure(r.cpu.baseline, r.cpu.unit)}`;
  const verdict = r.skipped === undefined ? (r.met === null ? 'shown' : r.met ? 'met' : 'MISSED') : 'skipped';
  const more = [
    measured === '' ? undefined : `${measured} (${bound}${cpu}; spread ${percent(r.spread ?? 0)})`,
    r.skipped,
    r.note,
  ].filter((part) => part !== undefined);
  return `${verdict.padEnd(7)} ${r.name}: ${more.join('; ')}`;
}
