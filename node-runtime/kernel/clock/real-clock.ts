// The host's monotonic clock. All processes on one host read the same counter (CLOCK_MONOTONIC), so a deadline set in
// one node means the same instant in another. A setTimeout may fire up to a millisecond early, and would make the
// emulated link faster than asked: the clock is read again before anything is released.
import type { Clock, Timer } from './clock.ts';
import { TimerHeap } from './timer-heap.ts';

const monotonic = (): number => {
  const [s, ns] = process.hrtime();
  return s * 1000 + ns / 1e6;
};

export class RealClock implements Clock {
  readonly epoch = Date.now() - monotonic();
  #heap = new TimerHeap();
  #timeout: NodeJS.Timeout | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #firing = false;

  now(): number {
    return monotonic();
  }
  at(deadline: number, fn: () => void): Timer {
    const timer = this.#heap.add(deadline, fn);
    if (deadline < this.#armedFor && !this.#firing) this.#arm(deadline);
    return timer;
  }
  after(ms: number, fn: () => void): Timer {
    return this.at(monotonic() + ms, fn);
  }
  /** Drops every timer: a stopped node leaves nothing that keeps its process alive. */
  stop(): void {
    this.#heap = new TimerHeap();
    clearTimeout(this.#timeout);
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  #arm(deadline: number): void {
    clearTimeout(this.#timeout);
    this.#armedFor = deadline;
    // Timers beyond setTimeout's 31 bits are armed again on the way.
    const wait = Math.min(Math.max(Math.ceil(deadline - monotonic()), 0), 0x7fff_ffff);
    this.#timeout = setTimeout(() => this.#due(), wait);
  }

  #due(): void {
    this.#firing = true;
    try {
      // One reading bounds the turn: timers set meanwhile for "now" wait for the next one.
      const now = monotonic();
      while (this.#heap.fire(now)) {}
    } finally {
      this.#firing = false;
      this.#armedFor = Number.POSITIVE_INFINITY;
      const next = this.#heap.next();
      if (next !== undefined) this.#arm(next);
    }
  }
}
