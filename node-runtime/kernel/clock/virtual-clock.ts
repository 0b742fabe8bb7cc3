// A clock that stands still until it is told to move. One is shared by all the nodes of an inline cluster.
import type { Clock, Timer } from './clock.ts';
import { TimerHeap } from './timer-heap.ts';

export class VirtualClock implements Clock {
  readonly epoch: number;
  #now = 0;
  #heap = new TimerHeap();

  constructor(epoch = 0) {
    this.epoch = epoch;
  }
  now(): number {
    return this.#now;
  }
  at(deadline: number, fn: () => void): Timer {
    return this.#heap.add(Math.max(deadline, this.#now), fn);
  }
  after(ms: number, fn: () => void): Timer {
    return this.at(this.#now + ms, fn);
  }
  /** The next deadline, or undefined when nothing waits. */
  next(): number | undefined {
    return this.#heap.next();
  }
  /** Moves to `time` and fires all that is due on the way, each at its own deadline. `settle` runs after each. */
  advanceTo(time: number, settle: () => void = () => {}): void {
    for (;;) {
      const deadline = this.#heap.next();
      if (deadline === undefined || deadline > time) break;
      this.#now = Math.max(this.#now, deadline);
      this.#heap.fire(this.#now);
      settle();
    }
    this.#now = Math.max(this.#now, time);
  }
  advance(ms: number, settle?: () => void): void {
    this.advanceTo(this.#now + ms, settle);
  }
}
