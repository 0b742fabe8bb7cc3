// One node's share of a clock that many nodes read: its timers can be held while the others' go on (a paused node), and
// dropped all at once (a killed one). The time itself is everybody's.
import type { Clock, Timer } from './clock.ts';
import { TimerHeap } from './timer-heap.ts';

export class GatedClock implements Clock {
  readonly epoch: number;
  readonly #inner: Clock;
  #heap = new TimerHeap();
  #armed: Timer | undefined;
  #held = false;
  #dead = false;

  constructor(inner: Clock) {
    this.#inner = inner;
    this.epoch = inner.epoch;
  }
  now(): number {
    return this.#inner.now();
  }
  at(deadline: number, fn: () => void): Timer {
    const timer = this.#heap.add(deadline, fn);
    if (this.#armed === undefined || deadline < this.#armed.deadline) this.#arm();
    return timer;
  }
  after(ms: number, fn: () => void): Timer {
    return this.at(this.#inner.now() + ms, fn);
  }

  hold(): void {
    this.#held = true;
    this.#armed?.cancel();
    this.#armed = undefined;
  }
  /** What came due meanwhile fires now, in order. */
  release(): void {
    this.#held = false;
    this.#arm();
  }
  /** Drops every timer, for good. */
  kill(): void {
    this.#dead = true;
    this.#armed?.cancel();
    this.#armed = undefined;
    this.#heap = new TimerHeap();
  }

  #arm(): void {
    if (this.#held || this.#dead) return;
    const deadline = this.#heap.next();
    if (deadline === undefined) return;
    this.#armed?.cancel();
    this.#armed = this.#inner.at(deadline, () => this.#due());
  }
  #due(): void {
    this.#armed = undefined;
    const now = this.#inner.now();
    try {
      while (!this.#held && this.#heap.fire(now)) {}
    } finally {
      if (this.#armed === undefined) this.#arm();
    }
  }
}
