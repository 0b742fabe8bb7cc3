// The recent past of a store: a ring of events, so that a watch that was cut can go on where it stopped. What has fallen
// out of the ring is Gone; upstream's watch cache (apiserver/pkg/storage/cacher/watch_cache.go) forgets likewise.
import type { StoreEvent } from './store.ts';

export class EventLog {
  #ring: (StoreEvent | undefined)[];
  #next = 0;
  #forgotten: number;

  /** `start`: the revision before the first event. */
  constructor(size: number, start: number) {
    this.#ring = new Array<StoreEvent | undefined>(size).fill(undefined);
    this.#forgotten = start;
  }

  /** A watch from this revision, or a later one, misses nothing. */
  get oldest(): number {
    return this.#forgotten;
  }

  push(event: StoreEvent): void {
    const at = this.#next % this.#ring.length;
    const lost = this.#ring[at];
    if (lost !== undefined) this.#forgotten = lost.stored.revision;
    this.#ring[at] = event;
    this.#next++;
  }

  /** Calls `fn` for each event of `resource` after `revision`, oldest first. */
  since(revision: number, resource: string, fn: (event: StoreEvent) => void): void {
    const size = this.#ring.length;
    for (let i = this.#lowerBound(revision); i < this.#next; i++) {
      const event = this.#ring[i % size]!;
      if (event.stored.resource === resource) fn(event);
    }
  }

  /** The first place in the ring whose event is after `revision`; revisions only grow. */
  #lowerBound(revision: number): number {
    const size = this.#ring.length;
    let low = Math.max(0, this.#next - size);
    let high = this.#next;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#ring[middle % size]!.stored.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
