// A packet on its way through a table: struct xt_action_param with the fields that matches read most, taken from the bytes
// once per table. One object per depth of nesting is kept and filled again for each packet.
import type { HookState } from '../../netns/hooks.ts';
import type { Skb } from '../../skb/skb.ts';
import * as ip from '../../wire/ipv4.ts';

export class Packet {
  skb!: Skb;
  state!: HookState;
  b!: Uint8Array;
  /** Offset of the IP header, of the transport header, and where the packet ends. */
  at = 0;
  l4 = 0;
  end = 0;
  /** Addresses as signed 32-bit words, to be compared with a rule's. */
  src = 0;
  dst = 0;
  proto = 0;
  /** Fragment offset in bytes: behind the first fragment there is no transport header. */
  fragOff = 0;
  inName = '';
  outName = '';
  /** Set by a match that finds the packet not worth keeping. */
  hotdrop = false;

  fill(skb: Skb, state: HookState): void {
    this.skb = skb;
    this.state = state;
    this.inName = state.in?.name ?? '';
    this.outName = state.out?.name ?? '';
    this.hotdrop = false;
    this.refresh();
  }

  /** Reads the headers again after a target changed the packet. */
  refresh(): void {
    const { skb } = this;
    const b = skb.bytes;
    const at = skb.network;
    this.b = b;
    this.at = at;
    this.l4 = at + ip.ihl(b, at);
    this.end = Math.min(skb.tail, at + ip.totalLen(b, at));
    this.src = ip.src(b, at) | 0;
    this.dst = ip.dst(b, at) | 0;
    this.proto = ip.proto(b, at);
    this.fragOff = ip.fragOffset(b, at);
  }

  /** Bytes of the IP packet, as rules count them. */
  get len(): number {
    return this.skb.tail - this.at;
  }
  /** Whether `n` bytes of transport header are there. */
  has(n: number): boolean {
    return this.fragOff === 0 && this.l4 + n <= this.end;
  }
}
