// A long chain compiled to look-ups, so that a packet is compared with the rules that it can match and with no other. Linux
// walks its rules one by one (ip_tables.c); kube-proxy's chains have tens of thousands, of which all but a few ask for one
// destination address, one port or one source address. Those are found by hash, the rest lie in a list, and the walk takes
// from these in the order of the rules. A rule that is passed over this way is one whose first comparisons would have failed
// without touching anything, so verdicts, counters, sets and chance are the same as in the plain walk.
import { u16 } from '../../wire/bytes.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Packet } from './packet.ts';
import type { Rule } from './rule.ts';

/** Chains shorter than this are walked: looking up costs as much. */
export const INDEX_FROM = 8;

type Places = readonly number[];
const NONE: Places = [];
const END = 0x7fff_ffff;

/** Bytes of transport header without which a port match drops the packet, by protocol; 0: no ports. */
function portHeader(proto: number): number {
  if (proto === ip.PROTO_TCP) return 20;
  if (proto === ip.PROTO_UDP) return 8;
  return proto === ip.PROTO_SCTP ? 12 : 0;
}

const portKey = (proto: number, port: number): number => (proto << 16) | port;

/** The protocol and destination port that a rule asks for before anything that remembers or draws; −1: none. */
function portOf({ spec }: Rule): number {
  const { proto, matches } = spec;
  if (proto === undefined || proto.invert || portHeader(proto.num) === 0) return -1;
  const first = matches.find((m) => m.name !== 'comment');
  if (first?.name !== 'tcp' && first?.name !== 'udp' && first?.name !== 'sctp') return -1;
  const { dport } = first;
  if (dport === undefined || dport.invert || dport.min !== dport.max) return -1;
  return portKey(proto.num, dport.min);
}

export class ChainIndex {
  /** Of the chain, when this was made of it. */
  readonly version: number;
  readonly #byDst = new Map<number, number[]>();
  readonly #bySrc = new Map<number, number[]>();
  readonly #byPort = new Map<number, number[]>();
  /** Rules that any packet may match, as far as can be told here. */
  readonly #rest: number[] = [];

  constructor(rules: readonly Rule[], version: number) {
    this.version = version;
    rules.forEach((rule, i) => {
      const port = portOf(rule);
      if (rule.dstMask === -1 && !rule.dstInvert) add(this.#byDst, rule.dstAddr, i);
      else if (port >= 0) add(this.#byPort, port, i);
      else if (rule.srcMask === -1 && !rule.srcInvert) add(this.#bySrc, rule.srcAddr, i);
      else this.#rest.push(i);
    });
  }

  /** Whether looking up is worth it: most rules are found by hash. */
  get pays(): boolean {
    return this.#byDst.size + this.#bySrc.size + this.#byPort.size > this.#rest.length;
  }

  /** The first rule from place `i` on that the packet may match; beyond the chain's end when there is none. */
  next(p: Packet, i: number): number {
    let found = from(this.#rest, i);
    if (this.#byDst.size > 0) found = Math.min(found, from(this.#byDst.get(p.dst) ?? NONE, i));
    if (this.#bySrc.size > 0) found = Math.min(found, from(this.#bySrc.get(p.src) ?? NONE, i));
    if (this.#byPort.size > 0 && p.fragOff === 0) {
      const need = portHeader(p.proto);
      if (need !== 0 && p.l4 + need <= p.end)
        found = Math.min(found, from(this.#byPort.get(portKey(p.proto, u16(p.b, p.l4 + 2))) ?? NONE, i));
    }
    return found;
  }
}

/** Whether the port rules see what they need; a packet cut short may be dropped by any of them, so it goes the long way. */
export function isWhole(p: Packet): boolean {
  if (p.fragOff !== 0) return p.proto !== ip.PROTO_TCP;
  const need = portHeader(p.proto);
  return need === 0 || p.l4 + need <= p.end;
}

function add(map: Map<number, number[]>, key: number, i: number): void {
  const places = map.get(key);
  if (places === undefined) map.set(key, [i]);
  else places.push(i);
}

/** The first place from `i` on in an ascending list. */
function from(places: Places, i: number): number {
  const n = places.length;
  if (n === 0 || places[n - 1]! < i) return END;
  let low = 0;
  let high = n - 1;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (places[mid]! < i) low = mid + 1;
    else high = mid;
  }
  return places[low]!;
}
