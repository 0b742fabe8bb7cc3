// For tests: a peer that sends exactly the segments it is told to, and notes what it gets, in numbers relative to both
// sides' first. Tests read as a conversation: peer.send(…), expect(peer.heard()).toEqual([…]).
import { ETH_P_IP } from '../../skb/skb.ts';
import { u16 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import type { TcpOptions } from '../../wire/tcp-options.ts';
import { Lab } from '../test-kit.ts';

export interface Say {
  readonly flags: string;
  /** Relative to the peer's own first number; 0 is its SYN. */
  readonly seq?: number;
  /** Relative to the other side's. */
  readonly ack?: number;
  readonly window?: number;
  readonly data?: string | Uint8Array;
  readonly options?: TcpOptions;
}

const LETTERS: readonly [string, number][] = [
  ['F', tcp.FIN],
  ['S', tcp.SYN],
  ['R', tcp.RST],
  ['P', tcp.PSH],
  ['.', tcp.ACK],
];
const bits = (flags: string): number =>
  LETTERS.reduce((all, [letter, bit]) => all | (flags.includes(letter) ? bit : 0), 0);
const letters = (flags: number): string =>
  LETTERS.filter(([, bit]) => (flags & bit) !== 0)
    .map(([l]) => l)
    .join('');

export class ScriptedPeer {
  readonly lab: Lab;
  /** Its port, and the port of the other side. */
  port = 80;
  otherPort = 0;
  readonly isn = 1_000_000;
  otherIsn: number | undefined = undefined;
  #heard: string[] = [];
  /** When each line was heard. */
  times: number[] = [];

  /** Takes the place of host b: its stack answers ARP and nothing else. */
  constructor(lab = new Lab()) {
    this.lab = lab;
    // The neighbours know each other before the script begins.
    lab.ping(lab.a, '10.0.0.2', { ms: 10 });
    lab.run(1000);
    lab.devB.rxHandler = (skb) => {
      if (skb.protocol !== ETH_P_IP) return false;
      this.#note(skb.bytes, skb.data + 20, skb.tail);
      skb.free();
      return true;
    };
  }

  #note(b: Uint8Array, at: number, end: number): void {
    const seg = tcp.parse(b, at, end)!;
    if (this.otherIsn === undefined)
      this.otherIsn = (seg.flags & tcp.SYN) !== 0 ? seg.seq : (seg.seq - 1) | 0;
    this.otherPort = u16(b, at);
    const seq = (seg.seq - this.otherIsn) | 0;
    const len = end - at - seg.dataOffset;
    const parts = [letters(seg.flags)];
    parts.push(len > 0 ? `${seq}:${seq + len}` : `${seq}`);
    if ((seg.flags & tcp.ACK) !== 0) parts.push(`ack ${(seg.ack - this.isn) | 0}`);
    const sack = seg.options.sack?.map((s) => `${(s.left - this.isn) | 0}-${(s.right - this.isn) | 0}`);
    if (sack !== undefined) parts.push(`sack ${sack.join(' ')}`);
    this.lastWindow = seg.window;
    this.lastOptions = seg.options;
    this.#heard.push(parts.join(' '));
    this.times.push(this.lab.clock.now());
  }

  lastWindow = 0;
  lastOptions: TcpOptions = {};

  /** What came since this was last asked. */
  heard(): string[] {
    this.lab.run();
    this.times = [];
    return this.#heard.splice(0);
  }

  /** What comes within `ms`, each with its time in milliseconds since now. */
  listen(ms: number): string[] {
    const start = this.lab.clock.now();
    this.heard();
    this.lab.run(ms);
    const lines = this.#heard.map((line, i) => `${Math.round((this.times[i]! - start) * 10) / 10}: ${line}`);
    this.#heard = [];
    this.times = [];
    return lines;
  }

  send(say: Say): this {
    const { lab } = this;
    const data = typeof say.data === 'string' ? Buffer.from(say.data) : (say.data ?? new Uint8Array(0));
    const skb = lab.kernel.pool.alloc(100 + data.length);
    const at = skb.data;
    const payload = tcp.put(skb.bytes, at + 20, {
      srcPort: this.port,
      dstPort: this.otherPort,
      seq: (this.isn + (say.seq ?? 0)) >>> 0,
      ack: say.ack === undefined ? 0 : ((this.otherIsn ?? 0) + say.ack) >>> 0,
      flags: bits(say.flags),
      window: say.window ?? 65_535,
      ...(say.options === undefined ? {} : { options: say.options }),
    });
    skb.bytes.set(data, payload);
    skb.put(payload + data.length - at);
    const { addrA, addrB } = lab;
    ip.put(skb.bytes, at, { totalLen: skb.len, proto: ip.PROTO_TCP, src: addrB, dst: addrA, df: true });
    tcp.updateChecksum(skb.bytes, at + 20, skb.tail, addrB, addrA);
    lab.devA.header(skb, lab.devA.mac, lab.devB.mac, ETH_P_IP);
    lab.devA.netifRx(skb);
    lab.run();
    return this;
  }

  /** Puts bytes on the wire that may be anything. */
  throw(bytes: Uint8Array): void {
    const skb = this.lab.kernel.pool.copyOf(bytes);
    this.lab.devA.header(skb, this.lab.devA.mac, this.lab.devB.mac, ETH_P_IP);
    this.lab.devA.netifRx(skb);
    this.lab.run();
  }
}
