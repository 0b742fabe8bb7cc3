// Tells the API what became of pods (pkg/kubelet/status/status_manager.go): one report per pod under way at a time, the newest state when it
// is done, and again after a while when the API could not be reached. When a deleted pod has ended, it is removed for good.
import type { Pod, PodStatus } from '../../emulator/api/types/pod.ts';
import { isConflict, isNotFound } from '../api-client/errors.ts';
import { PODS } from '../api-client/resources.ts';
import type { DaemonLog, NodeApi } from '../flanneld/node-api.ts';
import type { Clock, Timer } from '../kernel/clock/clock.ts';
import { podStatus } from './pod-status.ts';
import type { PodWorker } from './pod-worker.ts';

const RETRY_MS = 1000;
const MAX_RETRY_MS = 10_000;

export interface StatusManagerOptions {
  readonly api: NodeApi;
  readonly clock: Clock;
  readonly log: DaemonLog;
  readonly hostIP: string;
}

interface Entry {
  readonly worker: PodWorker;
  sent: string;
  busy: boolean;
  dirty: boolean;
  retry: Timer | undefined;
  wait: number;
}

export class StatusManager {
  readonly #options: StatusManagerOptions;
  readonly #entries = new Map<PodWorker, Entry>();
  #stopped = false;

  constructor(options: StatusManagerOptions) {
    this.#options = options;
  }

  report(worker: PodWorker): void {
    if (this.#stopped) return;
    let entry = this.#entries.get(worker);
    if (entry === undefined) {
      entry = { worker, sent: '', busy: false, dirty: false, retry: undefined, wait: RETRY_MS };
      this.#entries.set(worker, entry);
    }
    entry.dirty = true;
    if (!entry.busy && entry.retry === undefined) void this.#send(entry);
  }

  forget(worker: PodWorker): void {
    this.#entries.get(worker)?.retry?.cancel();
    this.#entries.delete(worker);
  }

  stop(): void {
    this.#stopped = true;
    for (const entry of this.#entries.values()) entry.retry?.cancel();
  }

  async #send(entry: Entry): Promise<void> {
    entry.busy = true;
    try {
      while (entry.dirty && !this.#stopped) {
        // One turn gathers what changes together.
        await Promise.resolve();
        entry.dirty = false;
        await this.#once(entry);
        entry.wait = RETRY_MS;
      }
    } catch (error) {
      this.#failed(entry, error as Error);
    } finally {
      entry.busy = false;
    }
  }

  async #once({ worker, ...entry }: Entry): Promise<void> {
    const { api, clock, hostIP } = this.#options;
    const { pod, state } = worker;
    const { name, namespace = 'default', uid = '' } = pod.metadata;
    const status = podStatus({ pod, state, hostIP, now: clock.epoch + clock.now() });
    const text = JSON.stringify(status);
    if (text !== this.#sentOf(worker)) {
      const patch = { metadata: { uid }, status: withNulls(status, pod) };
      await api.patch(PODS, name, patch, { namespace, subresource: 'status' });
      this.#setSent(worker, text);
    }
    void entry;
    if (pod.metadata.deletionTimestamp !== undefined && worker.terminated)
      await api.delete(PODS, name, { namespace, gracePeriodSeconds: 0, uid });
  }

  #sentOf(worker: PodWorker): string | undefined {
    return this.#entries.get(worker)?.sent;
  }
  #setSent(worker: PodWorker, text: string): void {
    const entry = this.#entries.get(worker);
    if (entry !== undefined) entry.sent = text;
  }

  #failed(entry: Entry, error: Error): void {
    // Gone, or another pod of the same name: nothing to say any more.
    if (isNotFound(error) || isConflict(error) || this.#stopped) return;
    this.#options.log.warn(
      { err: error.message, pod: entry.worker.pod.metadata.name },
      'pod status not sent',
    );
    entry.dirty = true;
    entry.retry = this.#options.clock.after(entry.wait, () => {
      entry.retry = undefined;
      void this.#send(entry);
    });
    entry.wait = Math.min(entry.wait * 2, MAX_RETRY_MS);
  }
}

/** A merge patch takes a field away by null: what the API still has and the new status has not. */
function withNulls(status: PodStatus, pod: Pod): Readonly<Record<string, unknown>> {
  const gone = Object.keys(pod.status ?? {}).filter((key) => !(key in status));
  return { ...status, ...Object.fromEntries(gone.map((key) => [key, null])) };
}
