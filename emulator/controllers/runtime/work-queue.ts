// Keys that are due, each once, however often it was named: k8s.io/client-go/util/workqueue. A key that is named while it
// is being worked on is due again afterwards, and one that failed comes back later, and later each time.
import type { Clock, Timer } from '../../api/clock.ts';

const FIRST_RETRY = 5;
const LAST_RETRY = 30_000;

export class WorkQueue {
  #clock: Clock;
  #work: (key: string) => Promise<void>;
  #limit: number;
  #due: string[] = [];
  #queued = new Set<string>();
  #active = new Set<string>();
  #failures = new Map<string, number>();
  #timers = new Map<string, Timer>();
  #scheduled = false;
  #stopped = false;

  constructor(clock: Clock, limit: number, work: (key: string) => Promise<void>) {
    this.#clock = clock;
    this.#limit = limit;
    this.#work = work;
  }

  add(key: string): void {
    if (this.#stopped || this.#queued.has(key)) return;
    this.#queued.add(key);
    this.#due.push(key);
    this.#schedule();
  }

  /** Due after `ms`, unless it is due before. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    const waiting = this.#timers.get(key);
    const deadline = this.#clock.now() + ms;
    if (waiting !== undefined && waiting.deadline <= deadline) return;
    waiting?.cancel();
    this.#timers.set(
      key,
      this.#clock.after(ms, () => {
        this.#timers.delete(key);
        this.add(key);
      }),
    );
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#due.length = 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    const busy: string[] = [];
    while (this.#due.length > 0 && this.#active.size < this.#limit && !this.#stopped) {
      const key = this.#due.shift()!;
      if (this.#active.has(key)) {
        busy.push(key);
        continue;
      }
      this.#queued.delete(key);
      void this.#run(key);
    }
    this.#due.unshift(...busy);
  }

  async #run(key: string): Promise<void> {
    this.#active.add(key);
    try {
      await this.#work(key);
      this.#failures.delete(key);
    } catch {
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      this.addAfter(key, Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY));
    } finally {
      this.#active.delete(key);
      if (this.#due.length > 0) this.#schedule();
    }
  }
}
