// Which tuple a connection gets from NAT: get_unique_tuple and what it calls (net/netfilter/nf_nat_core.c). Addresses come
// from the range, the port is kept when nobody has it, and otherwise another is searched, beginning at a place that chance
// decides from the flow itself, so that a run can be repeated.
import { mix32 } from '../../netns/dice.ts';
import * as ip from '../../wire/ipv4.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import { DST, PORTS, PROTO, REPLY_TUPLE, SRC } from '../conntrack/entry.ts';
import { hashTuple } from '../conntrack/table.ts';
import { seqHasAdvanced, TCP_TIME_WAIT, tcpState } from '../conntrack/tcp.ts';
import { hasPorts, invertPorts } from '../conntrack/tuple.ts';
import { type Manip, type NatRange, NF_NAT_MANIP_DST, NF_NAT_MANIP_SRC } from './range.ts';

const MAX_ATTEMPTS = 128;
const HARDER_THRESHOLD = MAX_ATTEMPTS / 4;

/** The tuple being worked on, and for whom. */
export class Candidate {
  src = 0;
  dst = 0;
  ports = 0;
  proto = 0;
  slot = 0;
}

/** nf_nat_used_tuple: whether another connection has this one's reply tuple. Identical flows do not count. */
function used(ct: Conntrack, c: Candidate): number {
  const link = ct.find(c.dst, c.src, invertPorts(c.proto, c.ports), c.proto);
  if (link === 0 || link >>> 1 === c.slot) return 0;
  const { slots } = ct.table;
  const [a, i] = [slots.chunk(link >>> 1), slots.base(link >>> 1)];
  const [b, k] = [slots.chunk(c.slot), slots.base(c.slot)];
  const same = a[i + SRC] === b[k + SRC] && a[i + DST] === b[k + DST] && a[i + PORTS] === b[k + PORTS];
  return same ? 0 : link;
}

/** nf_nat_used_tuple_harder: towards the end of the search a TCP connection in TIME_WAIT gives way. */
function usedHarder(ct: Conntrack, c: Candidate, attemptsLeft: number): boolean {
  const link = used(ct, c);
  if (link === 0) return false;
  if (attemptsLeft > HARDER_THRESHOLD || c.proto !== ip.PROTO_TCP || (link & 1) === 0) return true;
  const { slots } = ct.table;
  const old = link >>> 1;
  if (tcpState(slots.chunk(old), slots.base(old)) !== TCP_TIME_WAIT) return true;
  if (!seqHasAdvanced(slots.chunk(old), slots.base(old), slots.chunk(c.slot), slots.base(c.slot)))
    return true;
  return !ct.kill(old);
}

/** The port or id that NAT may change: ICMP has one, on the "source" side. */
const keyOf = (c: Candidate, manip: Manip): number =>
  manip === NF_NAT_MANIP_SRC || c.proto === ip.PROTO_ICMP ? c.ports >>> 16 : c.ports & 0xffff;
function setKey(c: Candidate, manip: Manip, v: number): void {
  if (manip === NF_NAT_MANIP_SRC || c.proto === ip.PROTO_ICMP) c.ports = (v << 16) | (c.ports & 0xffff);
  else c.ports = (c.ports & ~0xffff) | v;
}

const within = (n: number, range: { readonly min: number; readonly max: number }): boolean =>
  n >= range.min && n <= range.max;

/** nf_in_range: whether the source as it is would do. */
function sourceInRange(proto: number, src: number, ports: number, range: NatRange): boolean {
  if (range.ips !== undefined && !within(src >>> 0, range.ips)) return false;
  if (range.ports === undefined) return true;
  return !(hasPorts(proto) || proto === ip.PROTO_ICMP) || within(ports >>> 16, range.ports);
}

/** find_appropriate_src: the mapping that the same source has already, so that its other flows look alike. */
function takeKnownSource(ct: Conntrack, c: Candidate, range: NatRange): boolean {
  const { slots, sources } = ct.table;
  for (let slot = sources.head(c.src, c.ports >>> 16, c.proto); slot !== 0; slot = sources.next(slot)) {
    const e = slots.chunk(slot);
    const at = slots.base(slot);
    if (e[at + SRC] !== c.src || e[at + PORTS]! >>> 16 !== c.ports >>> 16) continue;
    if ((e[at + PROTO]! & 255) !== c.proto) continue;
    const mappedSrc = e[at + REPLY_TUPLE + DST]!;
    const mappedPorts = invertPorts(c.proto, e[at + REPLY_TUPLE + PORTS]!);
    if (!sourceInRange(c.proto, mappedSrc, mappedPorts, range)) continue;
    c.src = mappedSrc;
    setKey(c, NF_NAT_MANIP_SRC, mappedPorts >>> 16);
    return true;
  }
  return false;
}

/** find_best_ips_proto: one address of the range, by hash of the flow's ends. */
function chooseAddress(ct: Conntrack, c: Candidate, range: NatRange, manip: Manip): void {
  if (range.ips === undefined) return;
  const { min, max } = range.ips;
  let addr = min;
  if (max !== min) {
    const h = hashTuple(ct.table.tuples.seed, c.src, range.persistent ? 0 : c.dst, 0, 0) >>> 0;
    addr = min + Math.floor((h / 0x1_0000_0000) * (max - min + 1));
  }
  if (manip === NF_NAT_MANIP_SRC) c.src = addr | 0;
  else c.dst = addr | 0;
}

/** Ports among which an unspecified range may search: a privileged port stays privileged. */
function defaultPorts(key: number): { min: number; size: number } {
  if (key >= 1024) return { min: 1024, size: 65_535 - 1024 + 1 };
  return key < 512 ? { min: 1, size: 511 } : { min: 600, size: 1023 - 600 + 1 };
}

/** nf_nat_l4proto_unique_tuple. */
function choosePort(ct: Conntrack, c: Candidate, range: NatRange, manip: Manip): void {
  const icmp = c.proto === ip.PROTO_ICMP;
  if (!icmp && !hasPorts(c.proto)) return;
  const key = keyOf(c, manip);
  let min: number;
  let size: number;
  if (range.ports !== undefined) {
    min = Math.min(range.ports.min, range.ports.max);
    size = Math.abs(range.ports.max - range.ports.min) + 1;
  } else if (icmp) {
    min = 0;
    size = 65_536;
  } else {
    if (manip === NF_NAT_MANIP_DST) return; // a destination port is changed on demand only
    ({ min, size } = defaultPorts(key));
  }
  const flow = hashTuple(ct.table.tuples.seed ^ 0x6e6174, c.src, c.dst, c.ports, c.proto);
  let off = 0;
  if (range.basePort !== undefined) off = (key - range.basePort) & 0xffff;
  else if (range.randomFully || manip !== NF_NAT_MANIP_DST || range.random) off = mix32(flow) & 0xffff;
  let attempts = Math.min(size, MAX_ATTEMPTS);
  for (let round = 1; ; round++) {
    for (let i = 0; i < attempts; i++, off++) {
      setKey(c, manip, min + (off % size));
      if (!usedHarder(ct, c, attempts - i)) return;
    }
    if (attempts >= size || attempts < 16) return; // the last one tried stays; confirming it will fail
    attempts = attempts >>> 1;
    off = mix32(flow + round) & 0xffff;
  }
}

/** Changes `c` into the tuple that `range` gives this connection. */
export function uniqueTuple(ct: Conntrack, c: Candidate, range: NatRange, manip: Manip): void {
  const anyPort = range.random || range.randomFully;
  if (manip === NF_NAT_MANIP_SRC && !anyPort) {
    if (sourceInRange(c.proto, c.src, c.ports, range)) {
      if (used(ct, c) === 0) return;
    } else {
      const [src, ports] = [c.src, c.ports];
      if (takeKnownSource(ct, c, range)) {
        if (used(ct, c) === 0) return;
        c.src = src;
        c.ports = ports;
      }
    }
  }
  chooseAddress(ct, c, range, manip);
  if (!anyPort) {
    if (range.ports !== undefined) {
      const { min, max } = range.ports;
      if (range.basePort === undefined && within(keyOf(c, manip), range.ports)) {
        if (min === max || used(ct, c) === 0) return;
      }
    } else if (used(ct, c) === 0) return;
  }
  choosePort(ct, c, range, manip);
}
