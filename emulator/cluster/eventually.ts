// Trying again until it holds: a cluster converges, and a check that may have to wait says for how long. Time is the
// cluster's, so that a minute of it may pass in a moment where time is virtual.
import type { Cluster } from './cluster.ts';

/**
 * Calls `attempt` until it returns something other than undefined, or `timeout` milliseconds passed: then undefined.
 * Always tries at least once, and once more at the end.
 */
export async function eventually<T>(
  cluster: Pick<Cluster, 'now' | 'sleep'>,
  timeout: number,
  attempt: () => Promise<T | undefined>,
  interval = 100,
): Promise<T | undefined> {
  const end = cluster.now() + timeout;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    const left = end - cluster.now();
    if (left <= 0) return undefined;
    await cluster.sleep(Math.min(interval, left));
  }
}
