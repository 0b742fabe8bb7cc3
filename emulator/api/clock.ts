// Time as the control plane sees it: the same shape as the nodes' clock, so that an inline cluster can hand one virtual
// clock to both. Nothing in the API server or the controllers asks the host for the time.

export interface Timer {
  readonly deadline: number;
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since an epoch that all processes of a cluster share. */
  now(): number;
  /** Wall-clock time of this clock's zero, in milliseconds since 1970. */
  readonly epoch: number;
  at(deadline: number, fn: () => void): Timer;
  after(ms: number, fn: () => void): Timer;
}

/** metav1.Time: RFC 3339 in UTC with whole seconds. */
export const timestamp = (clock: Clock, plusMs = 0): string => formatTime(clock.epoch + clock.now() + plusMs);

export const formatTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** metav1.MicroTime. */
export function microTimestamp(clock: Clock): string {
  const ms = clock.epoch + clock.now();
  const micros = Math.floor((ms - Math.floor(ms)) * 1000);
  return `${new Date(ms).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`;
}
