// REJECT: drops the packet and tells its sender: net/ipv4/netfilter/ipt_REJECT.c, nf_reject_ipv4.c.
import { NF_INET_FORWARD, NF_INET_LOCAL_IN, NF_INET_LOCAL_OUT } from '../../netns/hooks.ts';
import { CHECKSUM_NONE, CHECKSUM_UNNECESSARY, ETH_P_IP } from '../../skb/skb.ts';
import { pseudoHeader, verify } from '../../wire/checksum.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import { Conntrack } from '../conntrack/conntrack.ts';
import { ctAttach } from '../conntrack/of-skb.ts';
import { type TargetExtension, XT_DROP, XT_STOLEN, XtError } from '../tables/extension.ts';
import type { Packet } from '../tables/packet.ts';

/** Reply types by name, with another name for each, and the code of the ICMP unreachable (−1: a TCP reset). */
const TYPES = [
  ['icmp-net-unreachable', 'net-unreach', icmp.NET_UNREACH],
  ['icmp-host-unreachable', 'host-unreach', icmp.HOST_UNREACH],
  ['icmp-proto-unreachable', 'proto-unreach', icmp.PROT_UNREACH],
  ['icmp-port-unreachable', 'port-unreach', icmp.PORT_UNREACH],
  ['icmp-net-prohibited', 'net-prohib', icmp.NET_PROHIBITED],
  ['icmp-host-prohibited', 'host-prohib', icmp.HOST_PROHIBITED],
  ['tcp-reset', 'tcp-rst', -1],
  ['icmp-admin-prohibited', 'admin-prohib', icmp.ADMIN_PROHIBITED],
] as const;
type RejectType = (typeof TYPES)[number][0];

export interface RejectTarget {
  readonly name: 'REJECT';
  readonly with: RejectType;
}

function parseType(text: string): RejectType {
  const lower = text.toLowerCase();
  const found = TYPES.find(([name, alias]) => name.startsWith(lower) || alias.startsWith(lower));
  if (found === undefined) throw new XtError(`unknown reject type "${text}"`);
  return found[0];
}

/** A packet whose checksum is wrong gets no answer: it may not be from who it says. */
function sound(p: Packet): boolean {
  const { skb, b, l4, end } = p;
  if (skb.ipSummed !== CHECKSUM_NONE) return true;
  const length = end - l4;
  switch (p.proto) {
    case ip.PROTO_TCP:
      return verify(b, l4, end, pseudoHeader(p.src >>> 0, p.dst >>> 0, ip.PROTO_TCP, length));
    case ip.PROTO_UDP:
      if (length < 8 || (b[l4 + 6] === 0 && b[l4 + 7] === 0)) return length >= 8;
      return verify(b, l4, end, pseudoHeader(p.src >>> 0, p.dst >>> 0, ip.PROTO_UDP, length));
    case ip.PROTO_ICMP:
      return verify(b, l4, end);
    default:
      return true;
  }
}

/** nf_send_reset: what the other end's kernel would have said had nobody listened. */
function sendReset(p: Packet): void {
  const { b, l4, end, skb, state } = p;
  if (!p.has(tcp.MIN_HLEN)) return;
  const flags = tcp.flags(b, l4);
  if ((flags & tcp.RST) !== 0) return;
  const { netns } = state;
  const out = netns.kernel.pool.alloc(ip.MIN_HLEN + tcp.MIN_HLEN);
  const at = out.data;
  out.put(ip.MIN_HLEN + tcp.MIN_HLEN);
  const acked = (flags & tcp.ACK) !== 0;
  const consumed =
    end - l4 - tcp.dataOffset(b, l4) + ((flags & tcp.SYN) !== 0 ? 1 : 0) + ((flags & tcp.FIN) !== 0 ? 1 : 0);
  const [src, dst] = [ip.dst(b, p.at), ip.src(b, p.at)];
  const transport = ip.put(out.bytes, at, {
    totalLen: ip.MIN_HLEN + tcp.MIN_HLEN,
    proto: ip.PROTO_TCP,
    df: true,
    ttl: netns.sysctl.ipv4.ip_default_ttl,
    src,
    dst,
  });
  tcp.put(out.bytes, transport, {
    srcPort: tcp.dstPort(b, l4),
    dstPort: tcp.srcPort(b, l4),
    seq: acked ? tcp.ack(b, l4) : 0,
    ack: acked ? 0 : (tcp.seq(b, l4) + consumed) >>> 0,
    flags: acked ? tcp.RST : tcp.RST | tcp.ACK,
    window: 0,
  });
  tcp.updateChecksum(out.bytes, transport, out.tail, src, dst);
  out.network = at;
  out.transport = transport;
  out.protocol = ETH_P_IP;
  out.ipSummed = CHECKSUM_UNNECESSARY;
  out.trace = skb.trace;
  if (netns.sysctl.ipv4.fwmark_reflect !== 0) out.mark = skb.mark;
  // The answer belongs to the connection that it ends, so NAT translates it back.
  ctAttach(out, p.skb);
  netns.kernel.ipv4.localOut(out, netns);
}

export const reject: TargetExtension<RejectTarget> = {
  name: 'REJECT',
  options: [{ name: 'reject-with', args: 1 }],
  hooks: [NF_INET_LOCAL_IN, NF_INET_FORWARD, NF_INET_LOCAL_OUT],
  tables: ['filter'],
  parse(given) {
    const g = given.find((x) => x.name === 'reject-with');
    return { name: 'REJECT', with: g === undefined ? 'icmp-port-unreachable' : parseType(g.value) };
  },
  save: (t) => `--reject-with ${t.with}`,
  list: (t) => `reject-with ${t.with}`,
  check: (t, _env, rule) =>
    t.with === 'tcp-reset' && (rule.proto?.num !== ip.PROTO_TCP || rule.proto.invert)
      ? 'Invalid argument'
      : undefined,
  compile(t) {
    const code = TYPES.find(([name]) => name === t.with)![2];
    return (p) => {
      const { skb, state } = p;
      if (p.fragOff !== 0 || !sound(p)) return XT_DROP;
      if (code < 0) sendReset(p);
      else state.netns.kernel.ipv4.icmpSend(skb, state.netns, icmp.DEST_UNREACH, code);
      if (skb.ct instanceof Conntrack) skb.ct.forget(skb);
      state.netns.kernel.drop(skb, 'NETFILTER_REJECT', state.in ?? state.out ?? state.netns, t.with);
      return XT_STOLEN;
    };
  },
};
