// Runs a function when asked, not more often than it may, and now and then unasked: pkg/util/async/bounded_frequency_runner.go.
// A bucket of `burst` runs fills by one every `minInterval`; what is asked for in one turn of the clock is one run.
import type { Clock, Timer } from '../kernel/clock/clock.ts';

export interface BoundedFrequencyOptions {
  readonly clock: Clock;
  readonly run: () => void;
  /** Milliseconds; 0 for no limit. */
  readonly minInterval: number;
  readonly maxInterval: number;
  readonly burst: number;
}

export class BoundedFrequencyRunner {
  readonly #options: BoundedFrequencyOptions;
  #tokens: number;
  #filledAt: number;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: BoundedFrequencyOptions) {
    this.#options = options;
    this.#tokens = options.burst;
    this.#filledAt = options.clock.now();
    this.#at(options.clock.now() + options.maxInterval);
  }

  /** Asks for a run, as soon as one is allowed. */
  run(): void {
    if (!this.#stopped) this.#at(this.#options.clock.now() + this.#wait());
  }
  /** Asks for a run after this time, unless one comes before. */
  retryAfter(ms: number): void {
    if (!this.#stopped) this.#at(this.#options.clock.now() + ms);
  }
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** The earliest time wins. */
  #at(deadline: number): void {
    if (this.#timer !== undefined && this.#timer.deadline <= deadline) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.at(deadline, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    const { clock, run, maxInterval } = this.#options;
    const wait = this.#wait();
    if (wait > 0) {
      this.#at(clock.now() + wait);
      return;
    }
    this.#tokens--;
    this.#at(clock.now() + maxInterval);
    run();
  }

  /** Milliseconds until there is a token. */
  #wait(): number {
    const { clock, minInterval, burst } = this.#options;
    if (minInterval === 0) {
      this.#tokens = burst;
      return 0;
    }
    const now = clock.now();
    this.#tokens = Math.min(burst, this.#tokens + (now - this.#filledAt) / minInterval);
    this.#filledAt = now;
    // A thousandth of a token is what rounding may take.
    return this.#tokens > 0.999 ? 0 : (1 - this.#tokens) * minInterval;
  }
}
