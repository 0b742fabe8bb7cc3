// Waiting longer after each failure, with jitter, so that a hundred nodes that lost the control plane together do not come
// back together: k8s.io/apimachinery/pkg/util/wait Backoff.
import type { ClientClock } from './transport.ts';

export interface BackoffOptions {
  readonly initial: number;
  readonly max: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Backoff {
  #clock: ClientClock;
  #options: BackoffOptions;
  #next: number;
  #timer: { cancel(): void } | undefined;
  #stopped = false;

  constructor(clock: ClientClock, options: BackoffOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#next = options.initial;
  }

  /** Runs `fn` after the wait that is due now; the next will be longer. */
  again(fn: () => void): void {
    if (this.#stopped) return;
    const wait = this.#next * (1 + this.#options.random());
    this.#next = Math.min(this.#next * 2, this.#options.max);
    this.#timer = this.#clock.after(Math.min(wait, this.#options.max), fn);
  }

  reset(): void {
    this.#next = this.#options.initial;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
