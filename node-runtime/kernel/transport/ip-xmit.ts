// The IPv4 header of what sockets send: ip_build_and_send_pkt and __ip_queue_xmit (net/ipv4/ip_output.c) up to
// ip_local_out, which the ipv4 room does. Identification and checksum are filled in there.
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import type { Ipv4 } from '../wire/addr.ts';
import { put16, put32 } from '../wire/bytes.ts';
import type { Errno } from './errno.ts';
import { IP_PMTUDISC_DO, IP_PMTUDISC_PROBE, IP_PMTUDISC_WANT, type Sock } from './sock.ts';

export const IP_HLEN = 20;
const DF = 0x4000;

/** ip_dont_fragment and the size test of __ip_make_skb: may a packet of `len` bytes be cut on its way? */
export const wantsDf = (sk: Sock, len: number, mtu: number): boolean =>
  sk.pmtudisc === IP_PMTUDISC_DO ||
  sk.pmtudisc === IP_PMTUDISC_PROBE ||
  (sk.pmtudisc === IP_PMTUDISC_WANT && len <= mtu);

/**
 * Puts the IP header in front of the transport header at `skb.data`. `id` 0: ip_local_out chooses, and leaves it 0 with
 * DF; connected sockets count their own (inet_sk(sk)->inet_id).
 */
export function pushIpHeader(
  skb: Skb,
  protocol: number,
  src: Ipv4,
  dst: Ipv4,
  ttl: number,
  tos: number,
  df: boolean,
  id = 0,
): void {
  skb.transport = skb.data;
  const at = skb.push(IP_HLEN);
  const b = skb.bytes;
  skb.network = at;
  skb.protocol = ETH_P_IP;
  b[at] = 0x45;
  b[at + 1] = tos;
  put16(b, at + 2, skb.tail - at);
  put16(b, at + 4, id);
  put16(b, at + 6, df ? DF : 0);
  b[at + 8] = ttl;
  b[at + 9] = protocol;
  put16(b, at + 10, 0);
  put32(b, at + 12, src);
  put32(b, at + 16, dst);
}

/** Hands a packet with its IP header to ip_local_out as `sk`'s. `trace` 0: the socket's own trace id, if it has one. */
export function localOut(sk: Sock, skb: Skb, trace: number): Errno | undefined {
  skb.sk = sk;
  skb.mark = sk.mark;
  skb.priority = sk.priority;
  skb.trace = trace !== 0 ? trace : sk.trace;
  if (skb.trace !== 0)
    sk.kernel.traceEvent(skb, sk.ns, 'send', `sent by a ${sk.proto} socket`, {
      socket: sk.ino,
      owner: sk.owner,
      bytes: skb.len,
    });
  return sk.kernel.ipv4.localOut(skb, sk.ns);
}
