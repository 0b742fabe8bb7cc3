// A received segment as the input functions see it: struct tcp_skb_cb and tcp_options_received. One record per
// namespace is filled again for every segment, so the receive path makes no object.
import type { Skb } from '../../skb/skb.ts';
import type { Ipv4 } from '../../wire/addr.ts';
import { u16, u32 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import {
  END,
  MAX_WSCALE,
  MSS,
  NOP,
  SACK,
  SACK_PERMITTED,
  TIMESTAMPS,
  WINDOW_SCALE,
} from '../../wire/tcp-options.ts';

export class Segment {
  skb!: Skb;
  src = 0 as Ipv4;
  dst = 0 as Ipv4;
  sport = 0;
  dport = 0;
  seq = 0;
  /** seq plus payload plus SYN and FIN. */
  end = 0;
  ack = 0;
  flags = 0;
  /** As sent, not scaled. */
  window = 0;
  dataAt = 0;
  dataLen = 0;
  /** Payload per packet of a super-segment, else 0. */
  gsoSize = 0;
  sawTs = false;
  tsval = 0;
  tsecr = 0;
  sackOk = false;
  sawWscale = false;
  wscale = 0;
  /** 0: no such option. */
  mss = 0;
  /** Left and right edges by turns; `sacks` of the blocks are filled. */
  readonly sack = new Int32Array(8);
  sacks = 0;

  /** Reads the header at `skb.data`, which `tcp.check` has passed. */
  read(skb: Skb): void {
    const b = skb.bytes;
    const at = skb.data;
    this.skb = skb;
    this.src = ip.src(b, skb.network);
    this.dst = ip.dst(b, skb.network);
    this.sport = u16(b, at);
    this.dport = u16(b, at + 2);
    this.seq = u32(b, at + 4) | 0;
    this.ack = u32(b, at + 8) | 0;
    const hlen = (b[at + 12]! >>> 4) << 2;
    this.flags = b[at + 13]!;
    this.window = u16(b, at + 14);
    this.dataAt = at + hlen;
    this.dataLen = skb.tail - this.dataAt;
    this.gsoSize = skb.gsoSize;
    const control = ((this.flags & tcp.SYN) >> 1) + (this.flags & tcp.FIN);
    this.end = (this.seq + this.dataLen + control) | 0;
    this.sawTs = false;
    this.sacks = 0;
    // tcp_parse_aligned_timestamp: nearly every segment carries this and nothing else.
    if (hlen === 32 && u32(b, at + 20) === 0x0101080a) {
      this.sawTs = true;
      this.tsval = u32(b, at + 24) | 0;
      this.tsecr = u32(b, at + 28) | 0;
    } else if (hlen > tcp.MIN_HLEN) this.#options(b, at + tcp.MIN_HLEN, this.dataAt);
    else if ((this.flags & tcp.SYN) !== 0) this.#noSynOptions();
  }

  #noSynOptions(): void {
    this.mss = 0;
    this.sackOk = false;
    this.sawWscale = false;
    this.wscale = 0;
  }

  /** tcp_parse_options: options that only a SYN may carry are ignored elsewhere. */
  #options(b: Uint8Array, at: number, end: number): void {
    const syn = (this.flags & tcp.SYN) !== 0;
    this.#noSynOptions();
    while (at < end) {
      const kind = b[at]!;
      if (kind === END) return;
      if (kind === NOP) {
        at++;
        continue;
      }
      if (at + 1 >= end) return;
      const len = b[at + 1]!;
      if (len < 2 || at + len > end) return;
      if (kind === TIMESTAMPS && len === 10) {
        this.sawTs = true;
        this.tsval = u32(b, at + 2) | 0;
        this.tsecr = u32(b, at + 6) | 0;
      } else if (kind === SACK && len >= 10 && (len - 2) % 8 === 0 && !syn) this.#sackBlocks(b, at, len);
      else if (syn && kind === MSS && len === 4) this.mss = u16(b, at + 2);
      else if (syn && kind === SACK_PERMITTED && len === 2) this.sackOk = true;
      else if (syn && kind === WINDOW_SCALE && len === 3) {
        this.sawWscale = true;
        this.wscale = Math.min(b[at + 2]!, MAX_WSCALE);
      }
      at += len;
    }
  }

  #sackBlocks(b: Uint8Array, at: number, len: number): void {
    this.sacks = Math.min((len - 2) >> 3, 4);
    for (let i = 0; i < this.sacks; i++) {
      this.sack[2 * i] = u32(b, at + 2 + 8 * i);
      this.sack[2 * i + 1] = u32(b, at + 6 + 8 * i);
    }
  }

  get syn(): boolean {
    return (this.flags & tcp.SYN) !== 0;
  }
  get fin(): boolean {
    return (this.flags & tcp.FIN) !== 0;
  }
  get rst(): boolean {
    return (this.flags & tcp.RST) !== 0;
  }
  get hasAck(): boolean {
    return (this.flags & tcp.ACK) !== 0;
  }
}
