// ICMP that we send: __icmp_send, icmp_reply and their limits (net/ipv4/icmp.c), ip_rt_send_redirect (route.c).
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { ETH_P_IP, PACKET_HOST, type Skb } from '../skb/skb.ts';
import { TRACE_REPLY } from '../trace/event.ts';
import { ANY, BROADCAST, formatIpv4, type Ipv4, ip4, isMulticast } from '../wire/addr.ts';
import { put32 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { inetSelectAddr, isLocal } from './devinet.ts';
import { type Ipv4Net, ipv4Net } from './net.ts';
import { echoOptions } from './options.ts';
import { localOut } from './output.ts';
import { type Route, RT_SCOPE_LINK } from './route.ts';
import { findOutput, outputMtu } from './route-output.ts';

/** Internetwork control (RFC 1812 section 4.3.2.5), and the bits of the offender's TOS that an error keeps. */
const PRECEDENCE_CONTROL = 0xc0;
const TOS_MASK = 0x1e;
/** RFC 1812 section 4.3.2.3: as much of the offender as fits. */
const MAX_ERROR = 576;
/** INADDR_DUMMY (RFC 7600): better than a source of 0.0.0.0. */
const DUMMY = ip4(0xc0000008);
const HIGHEST_TYPE = 18;

/** Whether an error about the packet may be sent at all (RFC 1122 section 3.2.2). */
function mayComplain(net: Ipv4Net, offender: Skb): boolean {
  const b = offender.bytes;
  const at = offender.network;
  if (at < 0 || at + ip.MIN_HLEN > offender.tail || offender.pktType !== PACKET_HOST) return false;
  const route = offender.dst as Route | undefined;
  if (route?.type === 'broadcast' || route?.type === 'multicast') return false;
  if (route === undefined && net.fib.lookup(ip.dst(b, at))?.type === 'broadcast') return false;
  // Class E is as good as unicast.
  const dst = ip.dst(b, at);
  if (isMulticast(dst) || dst === BROADCAST) return false;
  if (ip.fragOffset(b, at) !== 0) return false;
  if (ip.proto(b, at) !== ip.PROTO_ICMP) return true;
  const inner = at + ip.ihl(b, at);
  if (inner >= offender.tail) return false;
  const type = icmp.type(b, inner);
  return type <= HIGHEST_TYPE && !icmp.isError(type);
}

/** icmpv4_mask_allow: types that are never limited. */
function unlimited(net: Ipv4Net, type: number, code: number): boolean {
  if (type > HIGHEST_TYPE) return true;
  if (type === icmp.DEST_UNREACH && code === icmp.FRAG_NEEDED) return true;
  return (net.ns.sysctl.ipv4.icmp_ratemask & (1 << type)) === 0;
}

/** Ipv4Ops.icmpSend. `info` is the second word's lower half for frag-needed, the whole word otherwise. */
export function icmpSend(offender: Skb, ns: Netns, type: number, code: number, info = 0): void {
  const net = ipv4Net(ns);
  if (!mayComplain(net, offender)) return;
  const { ipv4: conf } = ns.sysctl;
  const now = ns.kernel.clock.now();
  const fromLoopback = net.lo !== undefined && offender.iif === net.lo.ifindex;
  const limited = !fromLoopback && !unlimited(net, type, code);
  if (limited && !net.globalLimit.allow(conf.icmp_msgs_per_sec, conf.icmp_msgs_burst, now)) {
    net.icmp.OutRateLimitGlobal++;
    return;
  }
  const to = ip.src(offender.bytes, offender.network);
  const error = findOutput(net, to, errorSource(net, offender), 0, true, net.choice);
  if (error !== undefined) {
    net.icmp.OutErrors++;
    return;
  }
  const { route, dev, src } = net.choice;
  if (limited && dev !== net.lo && !net.peers.allow(to, conf.icmp_ratelimit, now)) {
    net.icmp.OutRateLimitHost++;
    return;
  }
  if (limited) net.globalLimit.consume();
  sendError(net, offender, type, code, info, to, src === ANY ? DUMMY : src, route, dev);
}

/** The address the packet was sent to, if it was ours; else 0: what the route to the sender suggests. */
function errorSource(net: Ipv4Net, offender: Skb): Ipv4 {
  const b = offender.bytes;
  const route = offender.dst as Route | undefined;
  const dst = ip.dst(b, offender.network);
  if (route === undefined ? isLocal(net, dst) : route.type === 'local') return dst;
  if (net.ns.sysctl.ipv4.icmp_errors_use_inbound_ifaddr === 0 || offender.iif === 0) return ANY;
  const dev = net.ns.devices.get(offender.iif);
  if (dev === undefined) return ANY;
  return inetSelectAddr(dev, ip.src(b, offender.network), RT_SCOPE_LINK) ?? ANY;
}

function sendError(
  net: Ipv4Net,
  offender: Skb,
  type: number,
  code: number,
  info: number,
  dst: Ipv4,
  src: Ipv4,
  route: Route,
  dev: NetDevice,
): void {
  const { kernel, sysctl } = net.ns;
  const from = offender.network;
  const options = echoOptions(net, offender, src);
  const hlen = ip.MIN_HLEN + options.length;
  const room = Math.min(outputMtu(net, route, dev, dst), MAX_ERROR) - hlen - icmp.HLEN;
  const quoted = Math.min(offender.tail - from, room);
  if (quoted < ip.MIN_HLEN) return;
  const skb = kernel.pool.alloc(hlen + icmp.HLEN + quoted);
  const at = skb.put(hlen + icmp.HLEN + quoted);
  const b = skb.bytes;
  const body = at + hlen;
  icmp.setType(b, body, type);
  icmp.setCode(b, body, code);
  put32(b, body + 4, info);
  b.set(offender.bytes.subarray(from, from + quoted), body + icmp.HLEN);
  icmp.updateChecksum(b, body, skb.tail);
  const tos = icmp.isError(type) ? (ip.tos(offender.bytes, from) & TOS_MASK) | PRECEDENCE_CONTROL : 0;
  header(skb, at, { src, dst, tos, ttl: sysctl.ipv4.ip_default_ttl, options });
  skb.dst = route;
  // As icmp_glue_bits: NAT puts the error's addresses back even before the offender's connection is confirmed.
  if (icmp.isError(type)) kernel.ctAttach?.(skb, offender);
  if (offender.trace !== 0) skb.trace = offender.trace | TRACE_REPLY;
  if (sysctl.ipv4.fwmark_reflect !== 0) skb.mark = offender.mark;
  net.icmp.OutMsgs++;
  net.icmp.outTypes[type]!++;
  if (skb.trace !== 0)
    kernel.traceEvent(
      skb,
      net.ns,
      'icmp',
      `answers with ICMP ${icmpName(type, code)} to ${formatIpv4(dst)}`,
      {
        type,
        code,
        source: formatIpv4(src),
        destination: formatIpv4(dst),
        ...(type === icmp.DEST_UNREACH && code === icmp.FRAG_NEEDED ? { mtu: info } : {}),
      },
    );
  localOut(skb, net.ns);
}

type Head = Pick<ip.Ipv4Fields, 'src' | 'dst' | 'tos' | 'ttl' | 'options'>;

function header(skb: Skb, at: number, head: Head): void {
  skb.transport = ip.put(skb.bytes, at, { ...head, totalLen: skb.tail - at, proto: ip.PROTO_ICMP });
  skb.network = at;
  skb.protocol = ETH_P_IP;
}

const NAMES: Readonly<Record<string, string>> = {
  '3/0': 'net unreachable',
  '3/1': 'host unreachable',
  '3/2': 'protocol unreachable',
  '3/3': 'port unreachable',
  '3/4': 'fragmentation needed',
  '3/13': 'administratively prohibited',
  '11/0': 'time exceeded in transit',
  '11/1': 'fragment reassembly time exceeded',
};
const icmpName = (type: number, code: number): string =>
  NAMES[`${type}/${code}`] === undefined
    ? `type ${type} code ${code}`
    : `${NAMES[`${type}/${code}`]} (${type}/${code})`;

/** icmp_reply: `data` at the ICMP header of the question, which is not freed; the answer keeps its body. */
export function icmpReply(
  question: Skb,
  ns: Netns,
  type: number,
  src: Ipv4,
  patch?: (skb: Skb, at: number) => void,
): void {
  const net = ipv4Net(ns);
  const { kernel, sysctl } = ns;
  const dst = ip.src(question.bytes, question.network);
  if (findOutput(net, dst, src, 0, true, net.choice) !== undefined) return;
  const { route } = net.choice;
  const len = question.tail - question.data;
  const options = echoOptions(net, question, src);
  const hlen = ip.MIN_HLEN + options.length;
  const skb = kernel.pool.alloc(hlen + len);
  const at = skb.put(hlen + len);
  const body = at + hlen;
  skb.bytes.set(question.bytes.subarray(question.data, question.tail), body);
  icmp.setType(skb.bytes, body, type);
  icmp.setCode(skb.bytes, body, 0);
  patch?.(skb, body);
  icmp.updateChecksum(skb.bytes, body, skb.tail);
  const tos = ip.tos(question.bytes, question.network);
  header(skb, at, { src, dst, tos, ttl: sysctl.ipv4.ip_default_ttl, options });
  skb.dst = route;
  if (question.trace !== 0) skb.trace = question.trace | TRACE_REPLY;
  if (sysctl.ipv4.fwmark_reflect !== 0) skb.mark = question.mark;
  net.icmp.OutMsgs++;
  net.icmp.outTypes[type]!++;
  localOut(skb, ns);
}

/** ip_rt_send_redirect: there is a better first hop, on the sender's own link. */
export function sendRedirect(net: Ipv4Net, skb: Skb, route: Route): void {
  const now = net.ns.kernel.clock.now();
  if (!net.peers.allowRedirect(ip.src(skb.bytes, skb.network), now)) return;
  const gateway = route.gateway === ANY ? ip.dst(skb.bytes, skb.network) : route.gateway;
  icmpSend(skb, net.ns, icmp.REDIRECT, icmp.REDIRECT_HOST, gateway);
}
