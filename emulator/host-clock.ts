// The host's time for a control plane whose nodes are processes: the same monotonic clock as theirs.
import type { Clock, Timer } from './api/clock.ts';

export function hostClock(): Clock {
  const now = (): number => {
    const [s, ns] = process.hrtime();
    return s * 1000 + ns / 1e6;
  };
  const at = (deadline: number, fn: () => void): Timer => {
    let timeout: NodeJS.Timeout;
    // setTimeout may come a little early, and takes no more than 31 bits: the clock is read again.
    const arm = (): void => {
      const left = deadline - now();
      if (left <= 0) timeout = setTimeout(fn, 0);
      else
        timeout = setTimeout(
          () => (now() >= deadline ? fn() : arm()),
          Math.min(Math.ceil(left), 0x7fff_ffff),
        );
    };
    arm();
    return { deadline, cancel: () => clearTimeout(timeout) };
  };
  return { epoch: Date.now() - now(), now, at, after: (ms, fn) => at(now() + ms, fn) };
}
