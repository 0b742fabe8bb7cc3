// Which answers to trace: a small table of the flows, reversed, of traced packets that were delivered in this kernel.
// Linux has nothing like it. Each delivered packet entitles one answer, and only for a while, so that one traced
// packet of a long connection does not trace the rest of it.
import type { Skb } from '../skb/skb.ts';
import { u16, u32 } from '../wire/bytes.ts';
import { TRACE_REPLY } from './event.ts';

const ENTRIES = 64;
/** Milliseconds for which an answer is waited for. */
const PATIENCE = 10_000;
const ICMP = 1;

interface Awaited {
  trace: number;
  expires: number;
  /** Namespace in which the answer is made. */
  inum: number;
  src: number;
  dst: number;
  proto: number;
  /** Source and destination port of the answer. */
  a: number;
  b: number;
}

/** Where the ports lie; -1 for packets that have none to tell. */
function portsAt(skb: Skb): number {
  const at = skb.network;
  if ((u16(skb.bytes, at + 6) & 0x1fff) !== 0) return -1;
  const transport = at + ((skb.bytes[at]! & 15) << 2);
  return transport + 4 <= skb.tail ? transport : -1;
}

export class TraceReplies {
  readonly #awaited: Awaited[] = [];

  /** How many answers are waited for: 0 is all that an untraced packet has to ask. */
  get size(): number {
    return this.#awaited.length;
  }

  /** A traced packet (IP header at `network`) was delivered in namespace `inum`. */
  delivered(skb: Skb, inum: number, now: number): void {
    // Answers are not answered, and an echo's reply carries its trace id anyway.
    if ((skb.trace & TRACE_REPLY) !== 0) return;
    const b = skb.bytes;
    const at = skb.network;
    const ports = portsAt(skb);
    if (ports < 0) return;
    const proto = b[at + 9]!;
    if (proto === ICMP) return;
    if (this.#awaited.length >= ENTRIES) this.#awaited.shift();
    this.#awaited.push({
      trace: skb.trace,
      expires: now + PATIENCE,
      inum,
      src: u32(b, at + 16),
      dst: u32(b, at + 12),
      proto,
      a: u16(b, ports + 2),
      b: u16(b, ports),
    });
  }

  /** The trace id that a packet made in namespace `inum` inherits, or 0. Ask only while `size` is not 0. */
  claim(skb: Skb, inum: number, now: number): number {
    while (this.#awaited.length > 0 && this.#awaited[0]!.expires <= now) this.#awaited.shift();
    const b = skb.bytes;
    const at = skb.network;
    const ports = portsAt(skb);
    if (ports < 0) return 0;
    const src = u32(b, at + 12);
    const dst = u32(b, at + 16);
    const found = this.#awaited.findIndex(
      (w) =>
        w.inum === inum &&
        w.src === src &&
        w.dst === dst &&
        w.proto === b[at + 9] &&
        w.a === u16(b, ports) &&
        w.b === u16(b, ports + 2),
    );
    if (found === -1) return 0;
    return this.#awaited.splice(found, 1)[0]!.trace | TRACE_REPLY;
  }
}
