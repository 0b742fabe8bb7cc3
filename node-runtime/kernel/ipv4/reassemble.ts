// Putting fragments together again: net/ipv4/ip_fragment.c, RFC 791 section 3.2, RFC 815; overlaps kill the packet, as
// RFC 5722 asks for IPv6 and Linux does for both.
import type { Skb } from '../skb/skb.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import type { FragQueue } from './frag-queues.ts';
import { IPSKB_FRAG_PMTU } from './fragment.ts';
import type { Ipv4Net } from './net.ts';

const MAX_PACKET = 65_535;
const ETH_HLEN = 14;
/** struct sk_buff and its shared info: what a small fragment really costs. */
const OVERHEAD = 576;

/**
 * ip_defrag: keeps the fragment (`data` at the IP header) and returns undefined, or returns the whole packet that it
 * completes. Takes the skb. `user` keeps apart who asks: the local host, conntrack on the way in and on the way out.
 */
export function defrag(net: Ipv4Net, skb: Skb, user: string): Skb | undefined {
  const b = skb.bytes;
  const at = skb.data;
  net.ip.ReasmReqds++;
  const key = `${user}/${ip.src(b, at)}/${ip.dst(b, at)}/${ip.proto(b, at)}/${ip.id(b, at)}`;
  const queue = net.frags.find(key) ?? open(net, skb, key, user);
  if (queue === undefined) {
    net.ip.ReasmFails++;
    net.ns.kernel.drop(skb, 'FRAG_TOO_FAR', net.ns, 'ipfrag_high_thresh');
    return undefined;
  }
  return enqueue(net, queue, skb);
}

function open(net: Ipv4Net, skb: Skb, key: string, user: string): FragQueue | undefined {
  if (net.frags.memory > net.ns.sysctl.ipv4.ipfrag_high_thresh) return undefined;
  const queue: FragQueue = {
    key,
    user,
    src: ip.src(skb.bytes, skb.data),
    ...empty(),
    memory: 0,
    rid: 0,
    timer: net.ns.kernel.clock.after(net.ns.sysctl.ipv4.ipfrag_time * 1000, () => expire(net, queue)),
  };
  net.frags.add(queue);
  return queue;
}

const empty = (): Pick<
  FragQueue,
  'fragments' | 'len' | 'meat' | 'lastIn' | 'maxSize' | 'maxDfSize' | 'ecn'
> => ({ fragments: [], len: 0, meat: 0, lastIn: false, maxSize: 0, maxDfSize: 0, ecn: 0 });

/** ip_frag_queue. */
function enqueue(net: Ipv4Net, queue: FragQueue, skb: Skb): Skb | undefined {
  const b = skb.bytes;
  const at = skb.data;
  if (tooFar(net, queue)) restart(net, queue);
  const hlen = ip.ihl(b, at);
  const offset = ip.fragOffset(b, at);
  let end = offset + skb.len - hlen;
  if (ip.mf(b, at)) {
    end = offset + ((end - offset) & ~7);
    if (end > queue.len) {
      if (queue.lastIn) return discard(net, queue, skb);
      queue.len = end;
    }
  } else {
    if (end < queue.len || (queue.lastIn && end !== queue.len)) return discard(net, queue, skb);
    queue.lastIn = true;
    queue.len = end;
  }
  if (end === offset) return discard(net, queue, skb);
  const place = insertAt(queue, offset, end);
  if (place === 'duplicate') {
    net.ns.kernel.drop(skb, 'FRAG_REASM_OVERLAP', net.ns, 'duplicate fragment');
    return undefined;
  }
  if (place === 'overlap') return discard(net, queue, skb);
  skb.trim(hlen + end - offset);
  keep(net, queue, skb, place, offset, end);
  if (!queue.lastIn || queue.meat !== queue.len || queue.fragments[0]!.offset !== 0) {
    if (skb.trace !== 0)
      net.ns.kernel.traceEvent(skb, net.ns, 'reassemble', `fragment ${offset} to ${end} waits for the rest`, {
        offset,
        end,
      });
    return undefined;
  }
  return assemble(net, queue);
}

function keep(net: Ipv4Net, queue: FragQueue, skb: Skb, place: number, offset: number, end: number): void {
  const b = skb.bytes;
  const at = skb.data;
  const size = skb.len;
  queue.fragments.splice(place, 0, { skb, offset, end });
  queue.meat += end - offset;
  queue.ecn |= 1 << ip.ecn(b, at);
  queue.maxSize = Math.max(queue.maxSize, size);
  if (ip.df(b, at)) queue.maxDfSize = Math.max(queue.maxDfSize, size);
  net.frags.charge(queue, size + OVERHEAD);
}

/** Where in the list it belongs; a piece that lies within what is here is a duplicate, a partial overlap an attack. */
function insertAt(queue: FragQueue, offset: number, end: number): number | 'duplicate' | 'overlap' {
  const list = queue.fragments;
  let place = list.length;
  while (place > 0 && list[place - 1]!.offset > offset) place--;
  const before = list[place - 1];
  const next = list[place];
  if (before !== undefined && before.end > offset)
    return covered(queue, offset, end) ? 'duplicate' : 'overlap';
  if (next !== undefined && next.offset < end) return 'overlap';
  return place;
}

/** Whether one unbroken run of fragments holds all of offset..end. */
function covered(queue: FragQueue, offset: number, end: number): boolean {
  let reach = -1;
  for (const fragment of queue.fragments) {
    if (fragment.offset > offset && fragment.offset !== reach) break;
    if (fragment.end > offset || reach >= 0) reach = fragment.end;
  }
  return reach >= end;
}

/** ip_frag_too_far: so many other fragments of its source came between that ids may have wrapped. */
function tooFar(net: Ipv4Net, queue: FragQueue): boolean {
  const max = net.ns.sysctl.ipv4.ipfrag_max_dist;
  if (max === 0) return false;
  const n = net.frags.count(queue.src);
  const distance = n - queue.rid;
  queue.rid = n;
  return queue.fragments.length > 0 && distance > max;
}

/** ip_frag_reinit. */
function restart(net: Ipv4Net, queue: FragQueue): void {
  net.ip.ReasmFails++;
  for (const { skb } of queue.fragments) net.ns.kernel.drop(skb, 'FRAG_TOO_FAR', net.ns);
  net.frags.charge(queue, -queue.memory);
  Object.assign(queue, empty());
}

function discard(net: Ipv4Net, queue: FragQueue, skb: Skb): undefined {
  net.ip.ReasmFails++;
  net.frags.remove(queue);
  for (const fragment of queue.fragments) net.ns.kernel.drop(fragment.skb, 'FRAG_REASM_OVERLAP', net.ns);
  net.ns.kernel.drop(skb, 'FRAG_REASM_OVERLAP', net.ns);
  return undefined;
}

/** ip_expire: the end host tells the sender, if it knows enough of the packet to do so. */
function expire(net: Ipv4Net, queue: FragQueue): void {
  const { kernel } = net.ns;
  net.frags.remove(queue);
  net.ip.ReasmTimeout++;
  net.ip.ReasmFails++;
  const first = queue.fragments[0];
  if (first !== undefined && first.offset === 0) {
    const dst = ip.dst(first.skb.bytes, first.skb.network);
    if (queue.user === 'local' || net.fib.lookup(dst)?.type === 'local')
      kernel.ipv4.icmpSend(first.skb, net.ns, icmp.TIME_EXCEEDED, icmp.REASSEMBLY_EXCEEDED);
  }
  for (const { skb } of queue.fragments) kernel.drop(skb, 'FRAG_REASM_TIMEOUT', net.ns);
}

/** ip_frag_ecn_table: congestion seen by one fragment was met by the packet; with and without ECN do not mix. */
const CONGESTED = 1 << 3;
const ecnInvalid = (seen: number): boolean => (seen & 1) !== 0 && (seen & 0b1110) !== 0;

/** ip_frag_reasm: one packet with the first fragment's header. */
function assemble(net: Ipv4Net, queue: FragQueue): Skb | undefined {
  const { kernel } = net.ns;
  const first = queue.fragments[0]!.skb;
  const hlen = ip.ihl(first.bytes, first.data);
  net.frags.remove(queue);
  if (hlen + queue.len > MAX_PACKET || ecnInvalid(queue.ecn)) {
    net.ip.ReasmFails++;
    for (const { skb } of queue.fragments)
      kernel.drop(skb, 'FRAG_REASM_OVERLAP', net.ns, 'the whole is not a packet');
    return undefined;
  }
  const whole = kernel.pool.alloc(hlen + queue.len);
  const at = whole.put(hlen + queue.len);
  const b = whole.bytes;
  // The Ethernet header comes along for those who bridge.
  if (first.mac >= 0 && first.data - first.mac === ETH_HLEN) {
    b.set(first.bytes.subarray(first.mac, first.data), at - ETH_HLEN);
    whole.mac = at - ETH_HLEN;
  }
  b.set(first.bytes.subarray(first.data, first.data + hlen), at);
  for (const { skb, offset, end } of queue.fragments) {
    const from = skb.data + ip.ihl(skb.bytes, skb.data);
    b.set(skb.bytes.subarray(from, from + end - offset), at + hlen + offset);
  }
  whole.inherit(first);
  whole.network = at;
  whole.transport = at + hlen;
  seal(whole, queue, hlen);
  net.ip.ReasmOKs++;
  if (whole.trace !== 0)
    kernel.traceEvent(
      whole,
      net.ns,
      'reassemble',
      `${queue.fragments.length} fragments make a packet of ${whole.len} bytes`,
      {
        fragments: queue.fragments.length,
        bytes: whole.len,
      },
    );
  for (const { skb } of queue.fragments) skb.free();
  return whole;
}

function seal(whole: Skb, queue: FragQueue, hlen: number): void {
  const b = whole.bytes;
  const at = whole.network;
  const allDf = queue.maxDfSize === queue.maxSize;
  whole.fragMaxSize = Math.max(queue.maxDfSize, queue.maxSize);
  if (allDf) whole.cb |= IPSKB_FRAG_PMTU;
  if ((queue.ecn & CONGESTED) !== 0) ip.setTos(b, at, ip.tos(b, at) | 3);
  ip.setTotalLen(b, at, hlen + queue.len);
  ip.setFragField(b, at, allDf ? ip.FLAG_DF : 0);
  ip.updateChecksum(b, at);
}
