// A binary heap of deadlines, the part that both clocks share. Cancelled timers stay until they reach the top: a
// cancel is one store, and TCP cancels far more timers than fire.
import type { Timer } from './clock.ts';

export class HeapTimer implements Timer {
  readonly deadline: number;
  readonly order: number;
  fn: (() => void) | undefined;
  constructor(deadline: number, order: number, fn: () => void) {
    this.deadline = deadline;
    this.order = order;
    this.fn = fn;
  }
  cancel(): void {
    this.fn = undefined;
  }
}

const before = (a: HeapTimer, b: HeapTimer): boolean =>
  a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);

export class TimerHeap {
  #heap: HeapTimer[] = [];
  #order = 0;

  add(deadline: number, fn: () => void): HeapTimer {
    const timer = new HeapTimer(deadline, this.#order++, fn);
    const heap = this.#heap;
    let i = heap.length;
    heap.push(timer);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(timer, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = timer;
    return timer;
  }

  /** The earliest deadline that is still wanted, or undefined. */
  next(): number | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.fn === undefined) this.#pop();
    return this.#heap[0]?.deadline;
  }

  /** Takes and runs the earliest timer if it is due at `now`; false if none is. */
  fire(now: number): boolean {
    const deadline = this.next();
    if (deadline === undefined || deadline > now) return false;
    const timer = this.#pop();
    const fn = timer.fn!;
    timer.fn = undefined;
    fn();
    return true;
  }

  get size(): number {
    return this.#heap.length;
  }

  #pop(): HeapTimer {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
