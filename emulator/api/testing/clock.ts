// A clock for tests of the control plane, which moves when told.
import type { Clock, Timer } from '../clock.ts';

interface Waiting extends Timer {
  readonly fn: () => void;
}

export class TestClock implements Clock {
  readonly epoch: number;
  #now = 0;
  #waiting: Waiting[] = [];

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.epoch = epoch;
  }
  now(): number {
    return this.#now;
  }
  at(deadline: number, fn: () => void): Timer {
    const timer: Waiting = {
      deadline: Math.max(deadline, this.#now),
      fn,
      cancel: () => {
        this.#waiting = this.#waiting.filter((w) => w !== timer);
      },
    };
    this.#waiting.push(timer);
    this.#waiting.sort((a, b) => a.deadline - b.deadline);
    return timer;
  }
  after(ms: number, fn: () => void): Timer {
    return this.at(this.#now + ms, fn);
  }
  /** Fires all that is due within `ms`, letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || next.deadline > end) break;
      this.#waiting.shift();
      this.#now = next.deadline;
      next.fn();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** Lets everything that is due now happen, streams included. */
export async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
