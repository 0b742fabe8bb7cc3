// IPv4 options on their way through: net/ipv4/ip_options.c (ip_options_compile, ip_forward_options, ip_options_echo) and
// ip_rcv_options of ip_input.c. Record route and timestamp are filled in; source routes are refused, as
// conf/all/accept_source_route is 0; the rest passes by. Only packets with a header over 20 bytes come here.
import type { NetDevice } from '../netns/device.ts';
import type { Skb } from '../skb/skb.ts';
import { type Ipv4, ip4 } from '../wire/addr.ts';
import { put32, u32 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import {
  END,
  faultAt,
  LOOSE_ROUTE,
  NOP,
  RECORD_ROUTE,
  STRICT_ROUTE,
  TIMESTAMP,
  TS_AND_ADDR,
  TS_ONLY,
  TS_PRESPECIFIED,
} from '../wire/ipv4-options.ts';
import { addrType, inetSelectAddr, routeSource } from './devinet.ts';
import type { Ipv4Net } from './net.ts';
import { type Route, RT_SCOPE_LINK } from './route.ts';

/** Bit of skb.cb: a slot was taken on the way in whose address the way out decides: opt->rr_needaddr. */
const RR_NEEDADDR = 0x10;
const DAY = 86_400_000;
const NONE = new Uint8Array(0);

/** Offset of the option of that kind, or -1; the options have been found sound. */
function find(b: Uint8Array, at: number, kind: number): number {
  const end = at + ip.ihl(b, at);
  let i = at + ip.MIN_HLEN;
  while (i < end && b[i] !== END) {
    if (b[i] === kind) return i;
    i += b[i] === NOP ? 1 : b[i + 1]!;
  }
  return -1;
}

/** ip_rcv_options, after the route is known. False: the packet was dropped, and the sender told where it can know. */
export function receiveOptions(net: Ipv4Net, skb: Skb, dev: NetDevice): boolean {
  const b = skb.bytes;
  const at = skb.data;
  const { kernel } = net.ns;
  const fault = faultAt(b, at);
  if (fault >= 0) {
    net.ip.InHdrErrors++;
    kernel.ipv4.icmpSend(skb, net.ns, icmp.PARAMETER_PROBLEM, 0, fault << 24);
    kernel.drop(skb, 'IP_INHDR', dev, 'bad IP options');
    return false;
  }
  if (find(b, at, LOOSE_ROUTE) >= 0 || find(b, at, STRICT_ROUTE) >= 0) {
    kernel.drop(skb, 'IP_INHDR', dev, 'source routes are not accepted');
    return false;
  }
  const own = specDst(skb, dev);
  recordRoute(skb, own);
  recordTime(net, skb, own);
  ip.updateChecksum(b, at);
  return true;
}

/** fib_compute_spec_dst: by which of our addresses the sender would know us. */
function specDst(skb: Skb, dev: NetDevice): Ipv4 {
  const dst = ip.dst(skb.bytes, skb.data);
  if ((skb.dst as Route).type === 'local') return dst;
  return inetSelectAddr(dev, ip.src(skb.bytes, skb.data), RT_SCOPE_LINK) ?? dst;
}

function recordRoute(skb: Skb, own: Ipv4): void {
  const b = skb.bytes;
  const o = find(b, skb.data, RECORD_ROUTE);
  if (o < 0 || b[o + 2]! + 3 > b[o + 1]!) return;
  put32(b, o + b[o + 2]! - 1, own);
  b[o + 2]! += 4;
  skb.cb |= RR_NEEDADDR;
}

function recordTime(net: Ipv4Net, skb: Skb, own: Ipv4): void {
  const b = skb.bytes;
  const o = find(b, skb.data, TIMESTAMP);
  if (o < 0) return;
  const flag = b[o + 3]! & 15;
  const pointer = b[o + 2]!;
  if (pointer > b[o + 1]!) {
    // Full: the overflow counter says by how many stations.
    if (flag !== TS_PRESPECIFIED) b[o + 3]! += 0x10;
    return;
  }
  const slot = o + pointer - 1;
  const now = timeOfDay(net);
  if (flag === TS_ONLY) {
    put32(b, slot, now);
    b[o + 2]! += 4;
    return;
  }
  if (flag === TS_PRESPECIFIED && addrType(net, ip4(u32(b, slot))) === 'UNICAST') return;
  if (flag === TS_AND_ADDR) put32(b, slot, own);
  put32(b, slot + 4, now);
  b[o + 2]! += 8;
}

/**
 * ip_forward_options: the address of the device it leaves by takes the slot of a recorded route; `data` at the IP header.
 * A timestamp keeps the address it came in by, since Linux looks at its slot only behind a source route.
 */
export function forwardOptions(skb: Skb, route: Route): void {
  if ((skb.cb & RR_NEEDADDR) === 0) return;
  const b = skb.bytes;
  const o = find(b, skb.data, RECORD_ROUTE);
  if (o < 0) return;
  put32(b, o + b[o + 2]! - 5, routeSource(route));
  ip.updateChecksum(b, skb.data);
}

/**
 * ip_options_echo and ip_options_build: what an answer from `src` carries of the options of the packet whose IP header
 * is at `network`, with our own entries added where there is room.
 */
export function echoOptions(net: Ipv4Net, skb: Skb, src: Ipv4): Uint8Array {
  const b = skb.bytes;
  const at = skb.network;
  if (ip.ihl(b, at) === ip.MIN_HLEN || faultAt(b, at) >= 0) return NONE;
  const parts: number[] = [];
  const rr = find(b, at, RECORD_ROUTE);
  if (rr >= 0) {
    const option = b.slice(rr, rr + b[rr + 1]!);
    if (hasRoom(option, 4)) put32(option, take(option, 4), src);
    parts.push(...option);
  }
  const ts = find(b, at, TIMESTAMP);
  if (ts >= 0) {
    const option = b.slice(ts, ts + b[ts + 1]!);
    echoTime(net, option, src);
    parts.push(...option);
  }
  while (parts.length % 4 !== 0) parts.push(END);
  return Uint8Array.from(parts);
}

function echoTime(net: Ipv4Net, option: Uint8Array, src: Ipv4): void {
  const flag = option[3]! & 15;
  const now = timeOfDay(net);
  if (flag === TS_ONLY) {
    if (hasRoom(option, 4)) put32(option, take(option, 4), now);
    return;
  }
  if (!hasRoom(option, 8)) return;
  const slot = option[2]! - 1;
  if (flag === TS_PRESPECIFIED && addrType(net, ip4(u32(option, slot))) === 'UNICAST') return;
  if (flag === TS_AND_ADDR) put32(option, slot, src);
  put32(option, take(option, 8) + 4, now);
}

const hasRoom = (option: Uint8Array, size: number): boolean => option[2]! + size - 1 <= option[1]!;

/** Takes the next slot of an option; returns where it begins. */
function take(option: Uint8Array, size: number): number {
  const slot = option[2]! - 1;
  option[2] = slot + size + 1;
  return slot;
}

/** Milliseconds since midnight UT. */
function timeOfDay(net: Ipv4Net): number {
  const { clock } = net.ns.kernel;
  return Math.floor(clock.epoch + clock.now()) % DAY;
}
