// Work that is due now: the kernel's softirq. A device that hands a frame to another device puts it here rather than
// calling, so that no path nests without bound, and a node that is stepped ("run until idle") does all that it can
// do without time passing. Linux: net/core/dev.c, enqueue_to_backlog and net_rx_action.

/** How many jobs run before the event loop gets a turn: supervision must get through a flood. */
const BUDGET = 4096;

export class RunQueue {
  #jobs: (() => void)[] = [];
  #head = 0;
  #running = false;
  #scheduled = false;
  #held = false;
  #idle: (() => void)[] = [];

  /** Queues `job`; it runs in this turn of the event loop, after the caller returned. */
  push(job: () => void): void {
    this.#jobs.push(job);
    if (this.#running || this.#scheduled || this.#held) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#turn());
  }

  /** Lets jobs gather without running any: a node that stands still while others in its process go on. */
  hold(): void {
    this.#held = true;
  }
  release(): void {
    this.#held = false;
    if (this.pending === 0 || this.#running || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#turn());
  }

  /** Called each time the queue has run dry, or its budget is spent: where links send what has gathered. */
  onIdle(fn: () => void): void {
    this.#idle.push(fn);
  }

  get pending(): number {
    return this.#jobs.length - this.#head;
  }

  /** Runs jobs now, up to the budget; the rest goes on in the next turn. Does nothing when called from within a job. */
  run(): void {
    if (!this.#running) this.#turn();
  }

  #turn(): void {
    if (this.#running) return;
    this.#scheduled = false;
    if (this.#held) return;
    this.#running = true;
    try {
      const stop = this.#head + BUDGET;
      while (this.#head < this.#jobs.length && this.#head < stop) this.#jobs[this.#head++]!();
    } finally {
      this.#running = false;
      if (this.#head === this.#jobs.length) {
        this.#jobs.length = 0;
        this.#head = 0;
      } else if (this.#head > BUDGET) {
        this.#jobs.splice(0, this.#head);
        this.#head = 0;
      }
      if (this.pending > 0 && !this.#scheduled) {
        this.#scheduled = true;
        setImmediate(() => this.#turn());
      }
    }
    for (const fn of this.#idle) fn();
  }
}
