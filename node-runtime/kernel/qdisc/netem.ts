// The network emulator, net/sched/sch_netem.c: delay, loss, duplication, damage, reordering and rate of a link. It works on
// wire frames: a super-segment is cut first and checksums are completed, so that what is lost or damaged is a frame.
//
// Two things are not Linux's. Chance is keyed (netem-chance.ts). And a packet carries along how late it was
// released (skb.late), which the next delay on its way is shortened by, so that a slow timer's errors do not add up.
import type { Timer } from '../clock/clock.ts';
import type { NetDevice, Qdisc } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';
import { DeadlineQueue } from './deadline-queue.ts';
import { formatTime } from './format.ts';
import { ExactChance, LinuxChance, type NetemChance } from './netem-chance.ts';
import { checkNetem, type NetemOptions } from './netem-options.ts';
import { NETEM_LIMIT, netemText } from './netem-text.ts';
import { QdiscStats, sendOn } from './qdisc.ts';
import { toWire } from './to-wire.ts';

const NS = 1e6;

export class Netem implements Qdisc {
  readonly text: string;
  readonly stats = new QdiscStats();
  readonly options: NetemOptions;
  readonly #kernel: Kernel;
  readonly #dev: NetDevice;
  readonly #next: Qdisc | undefined;
  readonly #chance: NetemChance;
  readonly #queue = new DeadlineQueue();
  readonly #limit: number;
  readonly #gap: number;
  #counter = 0;
  #timer: Timer | undefined;
  /** Next slot's time, or undefined without slots; what may still leave in this one. */
  #slotAt: number | undefined;
  #packetsLeft = 0;
  #bytesLeft = 0;

  /**
   * Throws TypeError for options that tc or the kernel would refuse. `place` keys its chance and tells apart queues of one
   * device; `next` is the queue that packets go on to, the device where there is none.
   */
  constructor(dev: NetDevice, options: NetemOptions, more: { place?: string; next?: Qdisc } = {}) {
    const wrong = checkNetem(options);
    if (wrong !== undefined) throw new TypeError(`netem: ${wrong}`);
    this.options = options;
    this.#kernel = dev.kernel;
    this.#dev = dev;
    this.#next = more.next;
    this.text = netemText(options);
    const place = more.place ?? `${dev.ns.name}/${dev.name}`;
    this.#chance =
      options.correlationModel === 'netem'
        ? new LinuxChance(dev.kernel.dice, place, options)
        : new ExactChance(dev.kernel.dice, place, options, dev.ethernet);
    this.#limit = options.limit ?? NETEM_LIMIT;
    this.#gap = options.reorder === undefined ? 0 : (options.reorder.gap ?? 1);
    if (options.slot !== undefined) this.#openSlot(this.#kernel.clock.now());
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
    for (let skb = this.#queue.shift(); skb !== undefined; skb = this.#queue.shift()) skb.free();
  }

  readonly #enqueueFrame = (skb: Skb): void => {
    this.#chance.begin(skb);
    this.#decide(skb, false);
  };

  /** netem_enqueue, draws in its order: duplicate, loss, corrupt, reorder, delay. */
  #decide(skb: Skb, copy: boolean): void {
    const chance = this.#chance;
    const twice = !copy && chance.duplicate();
    const lost = chance.loss() && !(this.options.ecn === true && this.#markCe(skb));
    if (lost && !twice) {
      this.#drop(skb, 'NETEM_LOSS');
      return;
    }
    // A packet that is both lost and duplicated is one packet.
    const second = twice && !lost ? skb.clone() : undefined;
    if (chance.corrupt()) this.#corrupt(skb);
    if (this.#queue.length >= this.#limit) {
      second?.free();
      this.#drop(skb, 'QDISC_DROP');
      return;
    }
    if (second === undefined) {
      this.#schedule(skb);
      return;
    }
    // The duplicate goes through all of this first, but is not duplicated again; the packet follows.
    if (skb.trace !== 0) this.#trace(skb, 'duplicated', {});
    chance.beginCopy();
    this.#decide(second, true);
    chance.resume();
    this.#schedule(skb);
  }

  /** Reorder and delay: when the packet leaves. */
  #schedule(skb: Skb): void {
    const now = this.#kernel.clock.now();
    if (this.#gap !== 0 && this.#counter >= this.#gap - 1 && this.#chance.reorder()) {
      this.#counter = 0;
      if (skb.trace !== 0) this.#trace(skb, 'reordered: sent before those that wait', {});
      this.#release(skb);
      return;
    }
    this.#counter++;
    let delay = this.#chance.delay() / NS;
    let from = now;
    if ((this.options.rate ?? 0) > 0) {
      const last = this.#queue.last;
      if (last > now) {
        // It can begin to be sent when the one before it has been: what it waits for that counts as delay.
        delay = Math.max(0, delay - (last - now));
        from = last;
      }
      delay += this.#transmission(skb);
    } else if (this.options.jitterReorder === false && this.#queue.length > 0) {
      delay = Math.max(delay, this.#queue.last - now);
    }
    const made = this.#takeLateness(skb, delay);
    if (skb.trace !== 0)
      this.#trace(skb, `delayed by ${formatTime(Math.max(0, from - now + made))}`, {
        delayMs: Math.max(0, from - now + made),
        queued: this.#queue.length,
      });
    this.#queue.push(from + Math.max(0, made), skb);
    this.#run(now);
  }

  /** What the packet was late before is taken off its delay here; what is left of it stays with the packet. */
  #takeLateness(skb: Skb, delay: number): number {
    if (skb.late <= 0 || delay <= 0) return delay;
    const taken = Math.min(skb.late, delay);
    skb.late -= taken;
    return delay - taken;
  }

  /** packet_time_ns, in milliseconds. */
  #transmission(skb: Skb): number {
    const { rate = 0, packetOverhead = 0, cellSize = 0, cellOverhead = 0 } = this.options;
    let len = skb.len + packetOverhead;
    if (cellSize > 0) len = Math.ceil(len / cellSize) * (cellSize + cellOverhead);
    return (Math.max(0, len) * 8000) / rate;
  }

  /** netem_dequeue: lets go all whose time and slot have come, and leaves one timer for the next. */
  #run(now: number): void {
    const queue = this.#queue;
    for (;;) {
      const due = queue.first;
      if (due === Number.POSITIVE_INFINITY) break;
      if (this.#slotAt !== undefined && this.#slotAt < due && due <= now) this.#openSlot(now);
      if (due > now || (this.#slotAt !== undefined && this.#slotAt > now)) break;
      const skb = queue.shift()!;
      this.#spendSlot(skb, now);
      skb.late += now - due;
      this.#release(skb);
    }
    this.#arm();
  }

  #arm(): void {
    const due = this.#queue.first;
    const at = this.#slotAt === undefined ? due : Math.max(due, this.#slotAt);
    if (this.#timer !== undefined) {
      if (this.#timer.deadline === at) return;
      this.#timer.cancel();
      this.#timer = undefined;
    }
    if (at !== Number.POSITIVE_INFINITY) this.#timer = this.#kernel.clock.at(at, this.#fire);
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#run(this.#kernel.clock.now());
  };

  /** get_slot_next. */
  #openSlot(now: number): void {
    const { packets = 0, bytes = 0 } = this.options.slot!;
    this.#slotAt = this.#slotAt === undefined ? now : now + this.#chance.slot() / NS;
    this.#packetsLeft = packets === 0 ? Number.POSITIVE_INFINITY : packets;
    this.#bytesLeft = bytes === 0 ? Number.POSITIVE_INFINITY : bytes;
  }

  #spendSlot(skb: Skb, now: number): void {
    if (this.#slotAt === undefined) return;
    this.#packetsLeft--;
    this.#bytesLeft -= skb.len;
    if (this.#packetsLeft <= 0 || this.#bytesLeft <= 0) this.#openSlot(now);
  }

  #release(skb: Skb): void {
    this.stats.packets++;
    this.stats.bytes += skb.len;
    sendOn(skb, this.#dev, this.#next);
  }

  /** INET_ECN_set_ce: false where the packet's sender does not understand marks. */
  #markCe(skb: Skb): boolean {
    const at = this.#dev.ethernet ? skb.data + ethernet.HLEN : skb.data;
    const isIp = !this.#dev.ethernet || ethernet.type(skb.bytes, skb.data) === ETH_P_IP;
    if (!isIp || skb.tail - at < ip.MIN_HLEN || ip.ecn(skb.bytes, at) === 0) return false;
    ip.setTos(skb.bytes, at, ip.tos(skb.bytes, at) | 3);
    ip.updateChecksum(skb.bytes, at);
    if (skb.trace !== 0) this.#trace(skb, 'marked: congestion experienced', {});
    return true;
  }

  #corrupt(skb: Skb): void {
    const byte = this.#chance.place(skb.len);
    const bit = this.#chance.place(8);
    skb.bytes[skb.data + byte] = skb.bytes[skb.data + byte]! ^ (1 << bit);
    if (skb.trace !== 0) this.#trace(skb, `damaged: bit ${bit} of byte ${byte} flipped`, { byte, bit });
  }

  #drop(skb: Skb, reason: 'NETEM_LOSS' | 'QDISC_DROP'): void {
    this.stats.dropped++;
    this.#dev.stats.txDropped++;
    this.#kernel.drop(
      skb,
      reason,
      this.#dev,
      reason === 'QDISC_DROP' ? `netem limit ${this.#limit}` : undefined,
    );
  }

  #trace(skb: Skb, what: string, facts: Readonly<Record<string, string | number | boolean>>): void {
    this.#kernel.traceEvent(skb, this.#dev, 'qdisc', `netem: ${what}`, facts);
  }
}
