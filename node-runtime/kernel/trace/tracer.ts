// Two records of what happened to packets: the events of traced ones, and a ring of the last drops, traced or not.
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import { describe } from '../wire/describe.ts';
import type { DropReason } from './drop-reason.ts';
import type { TraceEvent, TraceSink, TraceStage } from './event.ts';

/** How many drops are remembered, and how much of each. */
const RING = 256;
const SNAP = 96;

export interface DropRecord {
  readonly time: number;
  readonly netns: string;
  readonly dev: string | undefined;
  readonly reason: DropReason;
  readonly detail: string | undefined;
  readonly trace: number;
  /** How long the packet was, from the same header as `bytes`. */
  readonly length: number;
  /** First bytes, from the Ethernet header where there is one, else from the IP header. */
  readonly bytes: Uint8Array;
  readonly hasMac: boolean;
}

export class Tracer {
  sink: TraceSink | undefined;
  /** Captures that also show what died. */
  readonly dropSinks = new Set<(drop: DropRecord) => void>();
  readonly dropped = new Map<DropReason, number>();
  #ring: DropRecord[] = [];
  #next = 0;
  #seq = 0;

  /** Call only under `skb.trace !== 0`. */
  event(
    skb: Skb,
    at: { readonly time: number; readonly netns: string; readonly dev?: string | undefined },
    stage: TraceStage,
    text: string,
    facts: TraceEvent['facts'] = {},
  ): void {
    this.sink?.({
      trace: skb.trace,
      seq: this.#seq++,
      time: at.time,
      netns: at.netns,
      ...(at.dev === undefined ? {} : { dev: at.dev }),
      stage,
      text,
      facts,
      packet: describeSkb(skb),
    });
  }

  drop(skb: Skb, reason: DropReason, time: number, netns: string, dev?: string, detail?: string): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
    const { start, hasMac } = outermost(skb);
    const record: DropRecord = {
      time,
      netns,
      dev,
      reason,
      detail,
      trace: skb.trace,
      length: skb.tail - start,
      bytes: skb.bytes.slice(start, Math.min(skb.tail, start + SNAP)),
      hasMac,
    };
    if (this.#ring.length < RING) this.#ring.push(record);
    else this.#ring[this.#next] = record;
    this.#next = (this.#next + 1) % RING;
    for (const sink of this.dropSinks) sink(record);
  }

  /** The remembered drops, oldest first. */
  drops(): readonly DropRecord[] {
    return this.#ring.length < RING
      ? [...this.#ring]
      : [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }
}

/** Where the packet's outermost known header begins now. */
function outermost(skb: Skb): { start: number; hasMac: boolean } {
  if (skb.mac >= 0 && skb.mac <= skb.data && skb.tail - skb.mac >= 14)
    return { start: skb.mac, hasMac: true };
  if (skb.network >= 0 && skb.network <= skb.data) return { start: skb.network, hasMac: false };
  return { start: skb.data, hasMac: false };
}

/** One line for the packet as it lies: frame if it has an Ethernet header, packet otherwise. */
export function describeSkb(skb: Skb): string {
  const { start, hasMac } = outermost(skb);
  return describe(skb.bytes, start, skb.tail, hasMac ? 'ether' : skb.protocol === ETH_P_IP ? 'ipv4' : 'raw');
}
