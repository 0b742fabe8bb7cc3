// ICMP that we receive: icmp_rcv and what it dispatches to (net/ipv4/icmp.c), ip_do_redirect (route.c).
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { CHECKSUM_UNNECESSARY, type Skb } from '../skb/skb.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import { put32 } from '../wire/bytes.ts';
import * as icmp from '../wire/icmp.ts';
import * as ip from '../wire/ipv4.ts';
import { addrType, andConf, inetSelectAddr, orConf } from './devinet.ts';
import { icmpReply } from './icmp-xmit.ts';
import { NUD_VALID } from './neigh.ts';
import { type Ipv4Net, ipv4Net } from './net.ts';
import { Route, RT_SCOPE_LINK } from './route.ts';
import { updatePmtu } from './route-output.ts';

const HIGHEST_TYPE = 18;
/** ip_rt_gc_timeout: how long a redirect is believed. */
const REDIRECT_TIME = 300_000;
const DAY = 86_400_000;

/** inetProtocols[1].handler: `data` at the ICMP header. Takes the skb. */
export function icmpRcv(skb: Skb, ns: Netns): void {
  const net = ipv4Net(ns);
  const { kernel } = ns;
  const b = skb.bytes;
  const at = skb.data;
  net.icmp.InMsgs++;
  if (skb.len < icmp.HLEN) {
    failed(net, skb, 'PKT_TOO_SMALL');
    return;
  }
  if (skb.ipSummed !== CHECKSUM_UNNECESSARY && !icmp.checksumOk(b, at, skb.tail)) {
    net.icmp.InCsumErrors++;
    failed(net, skb, 'ICMP_CSUM');
    return;
  }
  const type = icmp.type(b, at);
  if (type > HIGHEST_TYPE) {
    failed(net, skb, 'UNHANDLED_PROTO');
    return;
  }
  net.icmp.inTypes[type]!++;
  const toAll = (skb.dst as Route | undefined)?.type === 'broadcast';
  if (toAll && ns.sysctl.ipv4.icmp_echo_ignore_broadcasts !== 0 && type !== icmp.ECHO_REPLY) {
    kernel.drop(skb, 'NOT_SPECIFIED', ns, 'ICMP to a broadcast address is ignored');
    return;
  }
  let wrong: Wrong | undefined;
  switch (type) {
    case icmp.ECHO_REPLY:
      if (kernel.pingRcv === undefined) {
        kernel.drop(skb, 'NO_SOCKET', ns);
        return;
      }
      kernel.pingRcv(skb, ns);
      return;
    case icmp.ECHO:
      if (ns.sysctl.ipv4.icmp_echo_ignore_all !== 0) {
        kernel.drop(skb, 'NOT_SPECIFIED', ns, 'echo requests are ignored (net.ipv4.icmp_echo_ignore_all)');
        return;
      }
      echo(net, skb);
      break;
    case icmp.TIMESTAMP:
      wrong = timestamp(net, skb);
      break;
    case icmp.REDIRECT:
    case icmp.DEST_UNREACH:
    case icmp.TIME_EXCEEDED:
    case icmp.PARAMETER_PROBLEM:
    case icmp.SOURCE_QUENCH:
      wrong = errorRcv(net, skb, type);
      break;
  }
  if (wrong === undefined) skb.free();
  else failed(net, skb, wrong);
}

/** Why a message of ours is not understood. */
type Wrong = 'PKT_TOO_SMALL' | 'ICMP_CSUM' | 'UNHANDLED_PROTO' | 'IP_INHDR';

function failed(net: Ipv4Net, skb: Skb, reason: Wrong): void {
  net.icmp.InErrors++;
  net.ns.kernel.drop(
    skb,
    reason,
    net.ns,
    reason === 'UNHANDLED_PROTO' ? 'unknown ICMP type or code' : undefined,
  );
}

function echo(net: Ipv4Net, skb: Skb): void {
  if (skb.trace !== 0)
    net.ns.kernel.traceEvent(skb, net.ns, 'icmp', 'echo request: the kernel answers it', {
      id: icmp.id(skb.bytes, skb.data),
      seq: icmp.seq(skb.bytes, skb.data),
    });
  icmpReply(skb, net.ns, icmp.ECHO_REPLY, replySource(net, skb));
}

/** fib_compute_spec_dst: the address that was asked, or for a broadcast the one towards the asker. */
function replySource(net: Ipv4Net, skb: Skb): Ipv4 {
  const dst = ip.dst(skb.bytes, skb.network);
  if ((skb.dst as Route | undefined)?.type === 'local') return dst;
  const dev = net.ns.devices.get(skb.iif);
  return dev === undefined
    ? ANY
    : (inetSelectAddr(dev, ip.src(skb.bytes, skb.network), RT_SCOPE_LINK) ?? ANY);
}

/** Milliseconds since midnight UT (RFC 792), receive and transmit time alike. */
function timestamp(net: Ipv4Net, skb: Skb): Wrong | undefined {
  if (skb.len < icmp.HLEN + 12) return 'PKT_TOO_SMALL';
  const { clock } = net.ns.kernel;
  const now = Math.floor(clock.epoch + clock.now()) % DAY;
  icmpReply(skb, net.ns, icmp.TIMESTAMP_REPLY, replySource(net, skb), (reply, at) => {
    put32(reply.bytes, at + icmp.HLEN + 4, now);
    put32(reply.bytes, at + icmp.HLEN + 8, now);
    reply.tail = at + icmp.HLEN + 12;
  });
  return undefined;
}

/** icmp_unreach and icmp_redirect: whoever sent the quoted packet is told. */
function errorRcv(net: Ipv4Net, skb: Skb, type: number): Wrong | undefined {
  const b = skb.bytes;
  const at = skb.data;
  const quote = at + icmp.HLEN;
  if (ip.checkHeader(b, quote, skb.tail) !== undefined) return 'IP_INHDR';
  const code = icmp.code(b, at);
  let info = 0;
  if (type === icmp.DEST_UNREACH) {
    if (code > icmp.PRECEDENCE_CUTOFF) return 'UNHANDLED_PROTO';
    if (code === icmp.FRAG_NEEDED) {
      const discovery = net.ns.sysctl.ipv4.ip_no_pmtu_disc;
      if (discovery === 2) return undefined;
      if (discovery === 0 || discovery === 3) info = icmp.mtu(b, at);
    }
  } else if (type === icmp.PARAMETER_PROBLEM) info = icmp.pointer(b, at);
  else if (type === icmp.REDIRECT) {
    info = icmp.gateway(b, at);
    const dev = net.ns.devices.get(skb.iif);
    if (dev !== undefined)
      redirected(net, dev, ip.src(b, skb.network), ip.dst(b, quote), icmp.gateway(b, at));
  } else if (type === icmp.TIME_EXCEEDED && code === icmp.REASSEMBLY_EXCEEDED) return undefined;
  if (
    net.ns.sysctl.ipv4.icmp_ignore_bogus_error_responses === 0 &&
    addrType(net, ip.dst(b, quote)) === 'BROADCAST'
  )
    return undefined;
  return deliverError(net, skb, quote, type, code, info);
}

/**
 * Whether a smaller path MTU is noted here. Not for TCP, which looks first whether the quoted sequence number is one it
 * has sent; of ICMP only for the kernel's own echo replies (icmp_err): for the rest a socket must have asked.
 */
const learnsHere = (b: Uint8Array, quote: number, proto: number): boolean =>
  proto === ip.PROTO_ICMP
    ? icmp.type(b, quote + ip.ihl(b, quote)) === icmp.ECHO_REPLY
    : proto !== ip.PROTO_TCP;

/** icmp_socket_deliver. */
function deliverError(
  net: Ipv4Net,
  skb: Skb,
  quote: number,
  type: number,
  code: number,
  info: number,
): Wrong | undefined {
  const b = skb.bytes;
  if (quote + ip.ihl(b, quote) + 8 > skb.tail) return 'PKT_TOO_SMALL';
  const proto = ip.proto(b, quote);
  if (type === icmp.DEST_UNREACH && code === icmp.FRAG_NEEDED && learnsHere(b, quote, proto))
    updatePmtu(net.ns, ip.dst(b, quote), info);
  const saved = skb.data;
  skb.data = quote;
  net.ns.kernel.rawError?.(skb, net.ns, type, code, info);
  net.ns.kernel.inetProtocols[proto]?.error?.(skb, net.ns, type, code, info);
  skb.data = saved;
  return undefined;
}

/** __ip_do_redirect: believed only from the gateway in use, for a neighbour that answers. */
function redirected(net: Ipv4Net, dev: NetDevice, from: Ipv4, dst: Ipv4, gateway: Ipv4): void {
  const accept =
    dev.conf.forwarding !== 0 ? andConf(dev, 'accept_redirects') : orConf(dev, 'accept_redirects');
  if (!accept || gateway === from || addrType(net, gateway) !== 'UNICAST') return;
  const route = net.fib.lookup(dst);
  if (route === undefined || route.gateway !== from || route.dev !== dev) return;
  const neigh = net.neigh.create(dev, gateway);
  if (neigh === undefined) return;
  if ((neigh.state & NUD_VALID) === 0) {
    net.neigh.eventSend(neigh, undefined);
    return;
  }
  const better = new Route({ ...route, gateway, proto: 'redirect' });
  net.exceptions.learnRedirect(dst, better, route, net.ns.kernel.clock.now() + REDIRECT_TIME);
}
