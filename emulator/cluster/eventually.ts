// Trying again until it holds: a cluster converges, and a check that may have to wait says for how long. Time is the
// cluster's, so that a minute of it may pass in a moment where time is virtual.
import type { Cluster } from './cluster.ts';

/**
 * Calls `attempt` until it returns something other than undefined, or `timeout` milliseconds passed: then undefined.
 * Always tries at least once, and once more at the end. What is not there yet (E_NOT_FOUND: a pod that is being started again has
 * no address) is tried again too; whoever is still missing at the end is what it rejects with.
 */
export async function eventually<T>(
  cluster: Pick<Cluster, 'now' | 'sleep'>,
  timeout: number,
  attempt: () => Promise<T | undefined>,
  interval = 100,
): Promise<T | undefined> {
  const end = cluster.now() + timeout;
  for (;;) {
    let missing: unknown;
    try {
      const result = await attempt();
      if (result !== undefined) return result;
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'E_NOT_FOUND') throw error;
      missing = error;
    }
    const left = end - cluster.now();
    if (left > 0) await cluster.sleep(Math.min(interval, left));
    else if (missing !== undefined) throw missing;
    else return undefined;
  }
}
