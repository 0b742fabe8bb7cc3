// The way in: net/ipv4/ip_input.c. From the device to PRE_ROUTING, the route, and then either forward.ts or LOCAL_IN
// and the protocol.
import type { NetDevice } from '../netns/device.ts';
import { NF_INET_LOCAL_IN, NF_INET_PRE_ROUTING } from '../netns/hooks.ts';
import type { Skb } from '../skb/skb.ts';
import { formatIpv4 } from '../wire/addr.ts';
import { u16 } from '../wire/bytes.ts';
import { fold } from '../wire/checksum.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import type { InputVerdict } from './flow.ts';
import { ipForward } from './forward.ts';
import { IPSKB_DOREDIRECT } from './fragment.ts';
import { type InDevice, type Ipv4Net, inDevice } from './net.ts';
import { receiveOptions } from './options.ts';
import { traceRoute } from './output.ts';
import { defrag } from './reassemble.ts';
import type { Route } from './route.ts';
import { findInput } from './route-input.ts';

/** First octet of a header without options: version 4, 20 bytes. */
const NO_OPTIONS = 0x45;

/** Whether the header's words sum to zero; most headers have ten of them. */
function headerSumOk(b: Uint8Array, at: number, hlen: number): boolean {
  let acc = 0;
  for (let i = at; i < at + hlen; i += 2) acc += u16(b, i);
  return fold(acc) === 0xffff;
}

/** ip_rcv: `data` at the IP header. Takes the skb. */
export function ipRcv(skb: Skb, dev: NetDevice): void {
  const from = inDevice(dev);
  const { net } = from;
  const { kernel } = dev;
  net.ip.InReceives++;
  const b = skb.bytes;
  const at = skb.data;
  const size = skb.tail - at;
  const first = size >= ip.MIN_HLEN ? b[at]! : 0;
  const hlen = (first & 15) << 2;
  if (first >>> 4 !== 4 || hlen < ip.MIN_HLEN || hlen > size) {
    net.ip.InHdrErrors++;
    kernel.drop(skb, 'IP_INHDR', dev);
    return;
  }
  if (!headerSumOk(b, at, hlen)) {
    net.ip.InCsumErrors++;
    net.ip.InHdrErrors++;
    kernel.drop(skb, 'IP_CSUM', dev);
    return;
  }
  const len = u16(b, at + 2);
  if (size < len) {
    net.ip.InTruncatedPkts++;
    kernel.drop(skb, 'PKT_TOO_SMALL', dev);
    return;
  }
  if (len < hlen) {
    net.ip.InHdrErrors++;
    kernel.drop(skb, 'IP_INHDR', dev);
    return;
  }
  // The medium may have padded the packet.
  skb.tail = at + len;
  skb.network = at;
  skb.transport = at + hlen;
  skb.cb = 0;
  skb.sk = undefined;
  skb.fragMaxSize = 0;
  if (dev.ns.hooks.isEmpty(NF_INET_PRE_ROUTING)) {
    rcvFinish(skb, from);
    return;
  }
  const dst = skb.dst === undefined ? 0 : ip.dst(b, at);
  const kept = dev.ns.hooks.run(skb, from.preRouting);
  if (kept === undefined) return;
  // A packet that looped back brings its route along; with another destination it is no longer the right one.
  if (kept.dst !== undefined && ip.dst(kept.bytes, kept.data) !== dst) kept.dst = undefined;
  rcvFinish(kept, from);
}

/** ip_rcv_finish: what becomes of it. */
function rcvFinish(skb: Skb, from: InDevice): void {
  const { net, dev } = from;
  if (skb.dst === undefined) {
    const b = skb.bytes;
    const verdict = findInput(net, ip.dst(b, skb.data), ip.src(b, skb.data), dev, net.verdict);
    if (verdict.route === undefined) {
      noRoute(skb, from, verdict);
      return;
    }
    skb.dst = verdict.route;
    if (verdict.redirect) skb.cb |= IPSKB_DOREDIRECT;
  }
  const route = skb.dst as Route;
  if (skb.bytes[skb.data] !== NO_OPTIONS && !receiveOptions(net, skb, dev)) return;
  if (route.type === 'unicast') {
    if (skb.trace !== 0) traceRoute(net.ns, skb, route, route.dev!);
    ipForward(skb, from);
    return;
  }
  if (route.type === 'broadcast') {
    if (ip.dst(skb.bytes, skb.data) >>> 28 === 0xe) net.ip.InMcastPkts++;
    else net.ip.InBcastPkts++;
  }
  localDeliver(skb, from);
}

/** ip_error and the martian paths: no route, so answered or silently gone. */
function noRoute(skb: Skb, from: InDevice, verdict: InputVerdict): void {
  const { net, dev } = from;
  const { reason, error } = verdict;
  const { kernel } = dev;
  const src = ip.src(skb.bytes, skb.data);
  if (reason === 'IP_RPFILTER') net.ip.IPReversePathFilter++;
  if (reason === 'IP_LOCAL_SOURCE') net.ip.IPLocalSource++;
  if (reason === 'IP_INADDRERRORS') net.ip.InAddrErrors++;
  if (error === 'ENETUNREACH') net.ip.InNoRoutes++;
  const code = dev.conf.forwarding === 0 ? undefined : CODES[error ?? 'EINVAL'];
  if (code !== undefined && net.peers.allowRouteError(src, kernel.clock.now()))
    kernel.ipv4.icmpSend(skb, net.ns, icmp.DEST_UNREACH, code);
  kernel.drop(skb, reason, dev, skb.trace === 0 ? undefined : detail(skb));
}

const CODES: Readonly<Record<NonNullable<InputVerdict['error']>, number | undefined>> = {
  EHOSTUNREACH: icmp.HOST_UNREACH,
  ENETUNREACH: icmp.NET_UNREACH,
  EACCES: icmp.ADMIN_PROHIBITED,
  EINVAL: undefined,
};

const detail = (skb: Skb): string =>
  `${formatIpv4(ip.src(skb.bytes, skb.data))} to ${formatIpv4(ip.dst(skb.bytes, skb.data))}`;

/** ip_local_deliver: whole packets only, past LOCAL_IN, to the protocol. Takes the skb. */
export function localDeliver(skb: Skb, from: InDevice): void {
  const { net } = from;
  if (ip.isFragment(skb.bytes, skb.data)) {
    const whole = defrag(net, skb, 'local');
    if (whole === undefined) return;
    skb = whole;
  }
  if (!net.ns.hooks.isEmpty(NF_INET_LOCAL_IN)) {
    const kept = net.ns.hooks.run(skb, from.localIn);
    if (kept === undefined) return;
    skb = kept;
  }
  deliver(net, skb, from.dev);
}

/** ip_protocol_deliver_rcu. */
function deliver(net: Ipv4Net, skb: Skb, dev: NetDevice): void {
  const { kernel } = dev;
  const proto = ip.proto(skb.bytes, skb.network);
  if (skb.trace !== 0) {
    kernel.traceReplies.delivered(skb, net.ns.inum, kernel.clock.now());
    const ttl = ip.ttl(skb.bytes, skb.network);
    kernel.traceEvent(skb, dev, 'input', `for this host: protocol ${proto}`, {
      proto,
      ttl,
      src: formatIpv4(ip.src(skb.bytes, skb.network)),
      dst: formatIpv4(ip.dst(skb.bytes, skb.network)),
    });
  }
  skb.transport = skb.data + ip.ihl(skb.bytes, skb.data);
  skb.data = skb.transport;
  const raw = kernel.rawDeliver?.(skb, net.ns) ?? false;
  const protocol = kernel.inetProtocols[proto];
  if (protocol !== undefined) {
    net.ip.InDelivers++;
    protocol.handler(skb, net.ns);
  } else if (raw) {
    net.ip.InDelivers++;
    skb.free();
  } else {
    net.ip.InUnknownProtos++;
    kernel.ipv4.icmpSend(skb, net.ns, icmp.DEST_UNREACH, icmp.PROT_UNREACH);
    kernel.drop(skb, 'IP_NOPROTO', dev);
  }
}
