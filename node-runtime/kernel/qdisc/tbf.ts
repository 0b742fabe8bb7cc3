// The token bucket filter, net/sched/sch_tbf.c: packets leave at a rate, after a burst that the bucket allows; what waits is
// bounded in bytes. With `peakrate` a second, small bucket keeps the burst itself below a speed.
import type { Timer } from '../clock/clock.ts';
import type { NetDevice, Qdisc } from '../netns/device.ts';
import type { Skb } from '../skb/skb.ts';
import { formatRate, formatSize, formatTicks, formatTime } from './format.ts';
import { QdiscStats, sendOn } from './qdisc.ts';
import { toWire } from './to-wire.ts';

export interface TbfOptions {
  /** Bits per second. */
  readonly rate: number;
  /** Bytes in the full bucket: `burst`, also called buffer. A longer packet never passes. */
  readonly burst: number;
  /** Bytes that may wait; or `latency`, the milliseconds after which they would have left. */
  readonly limit?: number;
  readonly latency?: number;
  /** Bits per second, and the bytes of its bucket: `minburst`, also called mtu. */
  readonly peakrate?: number;
  readonly minburst?: number;
}

/** Bytes that may wait: tc's reckoning of `latency`. */
function limitOf(o: TbfOptions): number {
  if (o.limit !== undefined) return o.limit;
  const byRate = (o.rate / 8000) * o.latency! + o.burst;
  if (o.peakrate === undefined) return Math.floor(byRate);
  return Math.floor(Math.min(byRate, (o.peakrate / 8000) * o.latency! + o.minburst!));
}

function tbfText(o: TbfOptions, limit: number): string {
  let text = `tbf rate ${formatRate(o.rate)} burst ${formatSize(o.burst)}`;
  let latency = ((limit - o.burst) * 8000) / o.rate;
  if (o.peakrate !== undefined) {
    text += ` peakrate ${formatRate(o.peakrate)} minburst ${formatSize(o.minburst!)}`;
    latency = Math.max(latency, ((limit - o.minburst!) * 8000) / o.peakrate);
  }
  if (latency < 0) return `${text} limit ${formatSize(limit)} `;
  return `${text} lat ${latency >= 1 ? formatTime(latency) : formatTicks(latency)} `;
}

export class Tbf implements Qdisc {
  readonly text: string;
  readonly stats = new QdiscStats();
  readonly options: TbfOptions;
  readonly #dev: NetDevice;
  readonly #next: Qdisc | undefined;
  readonly #limit: number;
  /** Longest packet that can pass. */
  readonly #maxSize: number;
  #queue: Skb[] = [];
  #bytes = 0;
  /** Tokens in milliseconds of sending at the rate, as in Linux, and when they were counted. */
  #tokens: number;
  #peakTokens: number;
  #counted: number;
  #timer: Timer | undefined;

  /** Throws TypeError for options that tc or the kernel would refuse. */
  constructor(dev: NetDevice, options: TbfOptions, more: { next?: Qdisc } = {}) {
    if (!(options.rate > 0)) throw new TypeError('tbf: rate must be greater than zero');
    if (!(options.burst > 0)) throw new TypeError('tbf: burst must be greater than zero');
    if ((options.limit === undefined) === (options.latency === undefined))
      throw new TypeError('tbf: one of limit and latency is needed');
    if (options.peakrate !== undefined && !((options.minburst ?? 0) > 0))
      throw new TypeError('tbf: peakrate needs minburst');
    if (options.peakrate !== undefined && options.peakrate <= options.rate)
      throw new TypeError('tbf: peakrate is lower than or equal to rate');
    this.options = options;
    this.#dev = dev;
    this.#next = more.next;
    this.#limit = limitOf(options);
    this.text = tbfText(options, this.#limit);
    this.#maxSize =
      options.peakrate === undefined ? options.burst : Math.min(options.burst, options.minburst!);
    this.#tokens = this.#full;
    this.#peakTokens = this.#peakFull;
    this.#counted = dev.kernel.clock.now();
  }

  /** Packets that wait. */
  get backlog(): number {
    return this.#queue.length;
  }

  enqueue(skb: Skb): void {
    toWire(skb, this.#dev, this.#enqueueFrame);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const skb of this.#queue) skb.free();
    this.#queue = [];
    this.#bytes = 0;
  }

  get #full(): number {
    return (this.options.burst * 8000) / this.options.rate;
  }
  get #peakFull(): number {
    return this.options.peakrate === undefined ? 0 : (this.options.minburst! * 8000) / this.options.peakrate;
  }

  readonly #enqueueFrame = (skb: Skb): void => {
    if (skb.len > this.#maxSize)
      this.#drop(skb, `${skb.len} bytes can never pass a burst of ${this.#maxSize}`);
    else if (this.#bytes + skb.len > this.#limit) this.#drop(skb, `tbf limit ${this.#limit} bytes`);
    else {
      this.#queue.push(skb);
      this.#bytes += skb.len;
      if (this.#timer === undefined) this.#run(undefined);
    }
  };

  /** tbf_dequeue until the tokens are spent; `due`: when the head was to leave. */
  #run(due: number | undefined): void {
    const { clock } = this.#dev.kernel;
    for (let skb = this.#queue[0]; skb !== undefined; skb = this.#queue[0]) {
      const now = clock.now();
      const wait = this.#take(skb.len, now);
      if (wait > 0) {
        this.stats.overlimits++;
        if (skb.trace !== 0)
          this.#dev.kernel.traceEvent(skb, this.#dev, 'qdisc', `tbf: waits ${formatTime(wait)} for tokens`, {
            waitMs: wait,
            queuedBytes: this.#bytes,
          });
        const at = now + wait;
        this.#timer = clock.at(at, () => {
          this.#timer = undefined;
          this.#run(at);
        });
        return;
      }
      this.#queue.shift();
      this.#bytes -= skb.len;
      if (due !== undefined) skb.late += now - due;
      due = undefined;
      this.stats.packets++;
      this.stats.bytes += skb.len;
      sendOn(skb, this.#dev, this.#next);
    }
  }

  /** Pays for `len` bytes, or says how many milliseconds are missing. */
  #take(len: number, now: number): number {
    const earned = Math.min(now - this.#counted, this.#full);
    const { peakrate, rate } = this.options;
    let peak = 0;
    if (peakrate !== undefined)
      peak = Math.min(earned + this.#peakTokens, this.#peakFull) - (len * 8000) / peakrate;
    const tokens = Math.min(earned + this.#tokens, this.#full) - (len * 8000) / rate;
    // A timer fires at its deadline to within the clock's rounding.
    const short = Math.max(-tokens, -peak);
    if (short > 1e-9) return short;
    this.#counted = now;
    this.#tokens = Math.max(tokens, 0);
    this.#peakTokens = Math.max(peak, 0);
    return 0;
  }

  #drop(skb: Skb, detail: string): void {
    this.stats.dropped++;
    this.#dev.stats.txDropped++;
    this.#dev.kernel.drop(skb, 'QDISC_DROP', this.#dev, detail);
  }
}
