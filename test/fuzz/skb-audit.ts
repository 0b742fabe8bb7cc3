// Keeps the books of a kernel's packet buffers: every one that is allocated dies once, by a drop with a reason or by a
// function that has used it up, or is still somewhere in a queue. A second death, and a death without a reason in a
// function that is not known to use packets up, are errors.
import type { Kernel } from '../../node-runtime/kernel/netns/kernel.ts';
import { Skb } from '../../node-runtime/kernel/skb/skb.ts';

/** One in so many quiet deaths is asked who caused it: a stack is dear. */
const SAMPLE = 8;

export class SkbAudit {
  readonly live = new Set<Skb>();
  allocated = 0;
  dropped = 0;
  /** Used up without a reason: by whom, of those that were asked. */
  consumed = 0;
  readonly consumers = new Map<string, number>();
  /** All that this kernel ever had: a process may hold several kernels. */
  readonly #known = new WeakSet<Skb>();
  readonly #undo: () => void;
  #dropping = false;

  constructor(kernel: Kernel) {
    const { pool } = kernel;
    const alloc = pool.alloc.bind(pool);
    const drop = kernel.drop.bind(kernel);
    const { free } = Skb.prototype;
    const audit = this;
    pool.alloc = (len) => {
      const skb = alloc(len);
      if (audit.live.has(skb)) throw new Error('skb: allocated twice');
      audit.live.add(skb);
      audit.#known.add(skb);
      audit.allocated++;
      return skb;
    };
    kernel.drop = (...args) => {
      audit.#dropping = true;
      try {
        drop(...args);
      } finally {
        audit.#dropping = false;
      }
    };
    Skb.prototype.free = function (this: Skb) {
      if (!audit.#known.has(this)) {
        free.call(this);
        return;
      }
      if (!audit.live.delete(this)) throw new Error('skb: freed twice');
      if (audit.#dropping) audit.dropped++;
      else if (audit.consumed++ % SAMPLE === 0) audit.#ask();
      free.call(this);
    };
    this.#undo = () => {
      pool.alloc = alloc;
      kernel.drop = drop;
      Skb.prototype.free = free;
    };
  }

  /** The test takes a packet over that has left the kernel. */
  take(skb: Skb): void {
    if (!this.live.delete(skb)) throw new Error('skb: handed out after its death');
    this.consumed++;
  }

  #ask(): void {
    const { prepareStackTrace, stackTraceLimit } = Error;
    Error.stackTraceLimit = 3;
    Error.prepareStackTrace = (_, sites) => sites;
    const sites = new Error().stack as unknown as NodeJS.CallSite[];
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
    const site = sites[2];
    const file = /([\w-]+)\.ts/.exec(site?.getFileName() ?? '')?.[1] ?? '?';
    const name = `${file}/${site?.getFunctionName() ?? site?.getMethodName() ?? '?'}`;
    this.consumers.set(name, (this.consumers.get(name) ?? 0) + 1);
  }

  stop(): void {
    this.#undo();
  }
}
