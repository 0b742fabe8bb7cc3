// A timer that is moved far more often than it fires: TCP sets its retransmission timer anew with every ACK. Moving it
// later is one store; only when the clock's timer fires too early is it set again. Linux: mod_timer on a timer wheel,
// which is cheap for another reason.
import type { Clock, Timer } from '../clock/clock.ts';

const OFF = Number.POSITIVE_INFINITY;

export class LazyTimer {
  readonly #clock: Clock;
  readonly #fn: () => void;
  #armed: Timer | undefined;
  /** When it is due; Infinity while it is off. */
  deadline = OFF;
  readonly #fire = (): void => {
    this.#armed = undefined;
    const due = this.deadline;
    if (due === OFF) return;
    if (due > this.#clock.now()) {
      this.#armed = this.#clock.at(due, this.#fire);
      return;
    }
    this.deadline = OFF;
    this.#fn();
  };

  constructor(clock: Clock, fn: () => void) {
    this.#clock = clock;
    this.#fn = fn;
  }

  get on(): boolean {
    return this.deadline !== OFF;
  }

  set(deadline: number): void {
    this.deadline = deadline;
    if (this.#armed !== undefined) {
      if (this.#armed.deadline <= deadline) return;
      this.#armed.cancel();
    }
    this.#armed = this.#clock.at(deadline, this.#fire);
  }

  /** Turns it off; the clock's timer stays and does nothing when it comes. */
  off(): void {
    this.deadline = OFF;
  }

  /** Turns it off for good: nothing holds its owner in memory any more. */
  destroy(): void {
    this.deadline = OFF;
    this.#armed?.cancel();
    this.#armed = undefined;
  }
}
