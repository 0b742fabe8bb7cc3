// Packets that wait, each until its own time: netem's tfifo (net/sched/sch_netem.c). A binary heap over parallel
// arrays; equal deadlines leave in the order they came.
import type { Skb } from '../skb/skb.ts';

export class DeadlineQueue {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #skbs: Skb[] = [];
  #order = 0;
  #last = Number.NEGATIVE_INFINITY;

  get length(): number {
    return this.#skbs.length;
  }
  /** The earliest deadline; Infinity when nothing waits. */
  get first(): number {
    return this.#times.length === 0 ? Number.POSITIVE_INFINITY : this.#times[0]!;
  }
  /** The packet of the earliest deadline. */
  get head(): Skb | undefined {
    return this.#skbs[0];
  }
  /** The latest deadline in the queue; -Infinity when nothing waits. */
  get last(): number {
    return this.#skbs.length === 0 ? Number.NEGATIVE_INFINITY : this.#last;
  }

  push(deadline: number, skb: Skb): void {
    // The earliest leave first, so the latest stays the latest until the queue is empty.
    this.#last = this.#skbs.length === 0 ? deadline : Math.max(this.#last, deadline);
    const order = this.#order++;
    let i = this.#times.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#times[parent]! <= deadline) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#put(i, deadline, order, skb);
  }

  shift(): Skb | undefined {
    const top = this.#skbs[0];
    if (top === undefined) return undefined;
    const time = this.#times.pop()!;
    const order = this.#orders.pop()!;
    const skb = this.#skbs.pop()!;
    const length = this.#times.length;
    if (length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#before(child + 1, this.#times[child]!, this.#orders[child]!)) child++;
      if (!this.#before(child, time, order)) break;
      this.#move(child, i);
      i = child;
    }
    this.#put(i, time, order, skb);
    return top;
  }

  #before(i: number, time: number, order: number): boolean {
    return this.#times[i]! < time || (this.#times[i] === time && this.#orders[i]! < order);
  }
  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#orders[to] = this.#orders[from]!;
    this.#skbs[to] = this.#skbs[from]!;
  }
  #put(at: number, time: number, order: number, skb: Skb): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#skbs[at] = skb;
  }
}
