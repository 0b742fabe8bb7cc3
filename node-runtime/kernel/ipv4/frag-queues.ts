// Where fragments wait for the rest of their packet: net/ipv4/inet_fragment.c and struct ipq of ip_fragment.c. Only the
// keeping is here; what a fragment does to its queue is reassemble.ts.
import type { Timer } from '../clock/clock.ts';
import type { Skb } from '../skb/skb.ts';

export interface Fragment {
  readonly skb: Skb;
  /** Where its data lies in the packet, and where it ends (exclusive). */
  readonly offset: number;
  readonly end: number;
}

export interface FragQueue {
  readonly key: string;
  readonly user: string;
  readonly src: number;
  /** In order of offset, without overlaps. */
  fragments: Fragment[];
  /** Bytes of data of the whole as known so far, and bytes here. */
  len: number;
  meat: number;
  lastIn: boolean;
  /** Largest fragment, header included; and the largest among those that must not be fragmented. */
  maxSize: number;
  maxDfSize: number;
  /** Which ECN code points were seen, a bit each. */
  ecn: number;
  memory: number;
  /** How many fragments its source had sent when it was last added to: ipq.rid. */
  rid: number;
  timer: Timer;
}

export class FragQueues {
  readonly #queues = new Map<string, FragQueue>();
  /** Fragments seen per source: inet_peer.rid, for ipfrag_max_dist. */
  readonly #seen = new Map<number, number>();
  /** Bytes that wait, with the kernel's overhead. */
  memory = 0;

  get size(): number {
    return this.#queues.size;
  }
  find(key: string): FragQueue | undefined {
    return this.#queues.get(key);
  }
  add(queue: FragQueue): void {
    this.#queues.set(queue.key, queue);
  }
  charge(queue: FragQueue, bytes: number): void {
    queue.memory += bytes;
    this.memory += bytes;
  }
  /** Takes the queue out; its fragments are the caller's. */
  remove(queue: FragQueue): void {
    queue.timer.cancel();
    if (this.#queues.get(queue.key) !== queue) return;
    this.#queues.delete(queue.key);
    this.memory -= queue.memory;
  }
  /** Counts a fragment of `src`; returns how many there were. */
  count(src: number): number {
    if (this.#seen.size >= 1024 && !this.#seen.has(src)) this.#seen.clear();
    const n = (this.#seen.get(src) ?? 0) + 1;
    this.#seen.set(src, n);
    return n;
  }
}
