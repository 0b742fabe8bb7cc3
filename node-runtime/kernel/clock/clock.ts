// Time as the kernel sees it. The kernel never sleeps and never asks the host for the time: it reads a Clock that
// was handed in, and leaves timers with it. RealClock follows the host's monotonic clock; VirtualClock moves only
// when its owner says so, which is what makes an hour of timers run in a test's millisecond.

export interface Timer {
  /** When it is due, in the clock's milliseconds. */
  readonly deadline: number;
  /** Harmless when it has fired or was cancelled before. */
  cancel(): void;
}

export interface Clock {
  /** Milliseconds, with fractions, since an epoch that all processes of a cluster share. Never goes back. */
  now(): number;
  /** Wall-clock time of this clock's zero, in milliseconds since 1970: for what people read. */
  readonly epoch: number;
  /** Calls `fn` once, at `deadline` or after, never before. Same deadlines fire in the order they were set. */
  at(deadline: number, fn: () => void): Timer;
  after(ms: number, fn: () => void): Timer;
}
