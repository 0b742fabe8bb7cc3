// What one side of a link may have under way, and what waits behind it: at most CREDIT bytes unacknowledged, then a
// queue as long as the device's, then the drop that a full transmit ring makes. Nothing hides in socket buffers.
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import type { DropReason } from '../kernel/trace/drop-reason.ts';

/** Bytes that may be unacknowledged per direction. */
export const CREDIT = 256 * 1024;
/** The receiver acknowledges whenever it has taken this much; well below CREDIT, so that the sender need not stop. */
export const ACK_EVERY = 64 * 1024;

export class Outbox {
  readonly peer: string;
  readonly #kernel: Kernel;
  readonly #write: (skb: Skb) => number;
  #queue: Skb[] = [];
  #head = 0;
  #dev: NetDevice | undefined;
  #open = false;
  unacked = 0;
  frames = 0;
  bytes = 0;
  dropped = 0;

  /** `write` puts a frame on the line, disposes of the skb and says how many bytes of credit that took. */
  constructor(kernel: Kernel, peer: string, write: (skb: Skb) => number) {
    this.#kernel = kernel;
    this.peer = peer;
    this.#write = write;
  }

  get queued(): number {
    return this.#queue.length - this.#head;
  }
  get open(): boolean {
    return this.#open;
  }

  /** Takes the skb, whose data is at the Ethernet header: on the line, into the queue, or dropped. */
  offer(skb: Skb, dev: NetDevice): void {
    this.#dev = dev;
    if (this.#open && this.unacked < CREDIT && this.queued === 0) {
      this.#emit(skb, dev);
      return;
    }
    if (this.queued >= dev.txQueueLen) {
      this.drop(skb, dev, 'LINK_QUEUE_FULL');
      return;
    }
    if (skb.trace !== 0)
      this.#kernel.traceEvent(
        skb,
        dev,
        'link',
        this.#open
          ? `waits: ${this.unacked} bytes to ${this.peer} are not acknowledged yet`
          : `waits for the link to ${this.peer} to open`,
        { peer: this.peer, queued: this.queued },
      );
    this.#queue.push(skb);
  }

  /** A line is there, with full credit. */
  opened(): void {
    this.#open = true;
    this.unacked = 0;
    this.#drain();
  }
  /** The line is gone; what was under way is lost, what waits goes on waiting. */
  closed(): void {
    this.#open = false;
    this.unacked = 0;
  }
  /** The peer has taken `bytes` more. */
  credit(bytes: number): void {
    this.unacked = Math.max(0, this.unacked - bytes);
    this.#drain();
  }
  /** Nobody will come for what waits. */
  discard(reason: DropReason): void {
    const dev = this.#dev;
    while (this.queued > 0 && dev !== undefined) this.drop(this.#shift(), dev, reason);
  }
  drop(skb: Skb, dev: NetDevice, reason: DropReason): void {
    this.dropped++;
    dev.stats.txDropped++;
    this.#kernel.drop(skb, reason, dev, this.peer);
  }

  #drain(): void {
    while (this.#open && this.unacked < CREDIT && this.queued > 0) this.#emit(this.#shift(), this.#dev!);
  }
  #shift(): Skb {
    const skb = this.#queue[this.#head]!;
    if (++this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return skb;
  }
  #emit(skb: Skb, dev: NetDevice): void {
    this.frames++;
    this.bytes += skb.len;
    if (skb.trace !== 0)
      this.#kernel.traceEvent(skb, dev, 'link', `${skb.len} bytes on the link to ${this.peer}`, {
        peer: this.peer,
        bytes: skb.len,
      });
    this.unacked += this.#write(skb);
  }
}
