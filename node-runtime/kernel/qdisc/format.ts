// Numbers as iproute2's tc prints them: sprint_time64, sprint_size, tc_print_rate (tc/tc_util.c) and C's %g.

/** printf's %.<precision>g. */
export function formatG(value: number, precision = 6): string {
  if (value === 0) return '0';
  const text = value.toExponential(precision - 1);
  const exponent = Number(text.slice(text.indexOf('e') + 1));
  if (exponent >= -4 && exponent < precision) return String(Number(value.toPrecision(precision)));
  const mantissa = Number(text.slice(0, text.indexOf('e')));
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

/** Milliseconds with three significant digits and the unit that suits: "20ms", "1.5s", "250us". */
export function formatTime(ms: number): string {
  if (ms >= 1000) return `${formatG(ms / 1000, 3)}s`;
  if (ms >= 1) return `${formatG(ms, 3)}ms`;
  if (ms >= 0.001) return `${formatG(ms * 1000, 3)}us`;
  return `${Math.round(ms * 1e6)}ns`;
}

/** As formatTime, but whole microseconds below a millisecond: what tbf prints its latency with. */
export const formatTicks = (ms: number): string => (ms < 1 ? `${Math.floor(ms * 1000)}us` : formatTime(ms));

/** A share of 1: 0.1 is "10%". */
export const formatPercent = (share: number): string => `${formatG(share * 100)}%`;

/** Bits per second, in the largest unit that loses no digit below a thousand of them: "10Mbit". */
export function formatRate(bits: number): string {
  const units = ['', 'K', 'M', 'G', 'T'];
  let unit = 0;
  let n = Math.floor(bits);
  while (unit < units.length - 1 && n >= 1000 && (n % 1000 === 0 || n >= 1_000_000)) {
    n = Math.floor(n / 1000);
    unit++;
  }
  return `${n}${units[unit]}bit`;
}

const KIB = 1024;
const MIB = KIB * KIB;

/** Bytes: "32Kb", "1540b". */
export function formatSize(bytes: number): string {
  if (bytes >= MIB && Math.abs(Math.round(bytes / MIB) * MIB - bytes) < KIB)
    return `${Math.round(bytes / MIB)}Mb`;
  if (bytes >= KIB && Math.abs(Math.round(bytes / KIB) * KIB - bytes) < 16)
    return `${Math.round(bytes / KIB)}Kb`;
  return `${bytes}b`;
}
