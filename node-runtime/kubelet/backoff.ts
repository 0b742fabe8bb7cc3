// How long a crashing container waits (k8s.io/client-go/util/flowcontrol/backoff.go with the kubelet's numbers): the first restart
// is at once, then 10 s after its end, doubling to five minutes; ten quiet minutes forget it.

export interface BackoffEntry {
  /** Milliseconds to wait after the container's end. */
  readonly delay: number;
  /** When it was last raised. */
  readonly updated: number;
}

export interface BackoffLimits {
  readonly initial: number;
  readonly max: number;
}

export const CONTAINER_BACKOFF: BackoffLimits = { initial: 10_000, max: 300_000 };

const expired = (entry: BackoffEntry, event: number, limits: BackoffLimits): boolean =>
  event - entry.updated > 2 * limits.max;

/** Until when a container that ended at `finished` has to wait; undefined: it may start now. */
export function backoffUntil(
  entry: BackoffEntry | undefined,
  finished: number,
  now: number,
  limits = CONTAINER_BACKOFF,
): number | undefined {
  if (entry === undefined || expired(entry, finished, limits)) return undefined;
  const until = finished + entry.delay;
  return now < until ? until : undefined;
}

/** The entry after a restart at `now` of a container that ended at `finished`. */
export function raiseBackoff(
  entry: BackoffEntry | undefined,
  finished: number,
  now: number,
  limits = CONTAINER_BACKOFF,
): BackoffEntry {
  if (entry === undefined || expired(entry, finished, limits)) return { delay: limits.initial, updated: now };
  return { delay: Math.min(entry.delay * 2, limits.max), updated: now };
}

/** A Go duration as kubectl shows it: "10s", "2m40s", "5m0s". */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const h = Math.floor(seconds / 3600);
  const m = Math.floor((seconds % 3600) / 60);
  const s = seconds % 60;
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`;
}
