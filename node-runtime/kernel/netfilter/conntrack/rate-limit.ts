// At most ten lines in five seconds: net_ratelimit (DEFAULT_RATELIMIT_INTERVAL, include/linux/ratelimit.h).
import type { Clock } from '../../clock/clock.ts';

export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #interval: number;
  #begin = Number.NEGATIVE_INFINITY;
  #printed = 0;

  constructor(clock: Clock, burst = 10, intervalMs = 5000) {
    this.#clock = clock;
    this.#burst = burst;
    this.#interval = intervalMs;
  }

  allow(): boolean {
    const now = this.#clock.now();
    if (now - this.#begin >= this.#interval) {
      this.#begin = now;
      this.#printed = 0;
    }
    return this.#printed++ < this.#burst;
  }
}
