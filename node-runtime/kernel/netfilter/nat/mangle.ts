// Rewriting of a packet's addresses and ports: net/netfilter/nf_nat_proto.c. Checksums are mended field by field (RFC
// 1624), never computed anew; a CHECKSUM_PARTIAL field holds the pseudo-header's sum only, so ports do not touch it and
// addresses do. A super-segment is one header like any other.
import { CHECKSUM_PARTIAL, type Skb } from '../../skb/skb.ts';
import { put16, put32, u16, u32 } from '../../wire/bytes.ts';
import { update16, update32, updateSum32, updateUdp16, updateUdp32 } from '../../wire/checksum.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ip from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import * as udp from '../../wire/udp.ts';
import { sctpChecksum } from './sctp-checksum.ts';

/** Offset of the address to change in the IP header. */
const SRC = 12;
const DST = 16;

/**
 * Gives the packet whose IP header is at `at` the address and the port (or ICMP id) of one side. `partial`: the transport
 * checksum is CHECKSUM_PARTIAL. Bytes behind `end` are not touched: an ICMP error may quote less than a full header.
 */
export function manglePacket(
  b: Uint8Array,
  at: number,
  end: number,
  source: boolean,
  addr: number,
  port: number,
  partial: boolean,
): void {
  const field = at + (source ? SRC : DST);
  const old = u32(b, field);
  const now = addr >>> 0;
  mangleTransport(b, at, end, source, old, now, port, partial);
  if (old === now) return;
  ip.setHeaderChecksum(b, at, update32(ip.headerChecksum(b, at), old, now));
  put32(b, field, now);
}

function mangleTransport(
  b: Uint8Array,
  at: number,
  end: number,
  source: boolean,
  oldAddr: number,
  newAddr: number,
  port: number,
  partial: boolean,
): void {
  if (ip.fragOffset(b, at) !== 0) return;
  const l4 = at + ip.ihl(b, at);
  if (l4 + 8 > end) return;
  switch (ip.proto(b, at)) {
    case ip.PROTO_TCP: {
      const portAt = source ? l4 : l4 + 2;
      const oldPort = u16(b, portAt);
      put16(b, portAt, port);
      if (l4 + tcp.MIN_HLEN > end) return;
      let check = tcp.checksum(b, l4);
      if (partial) check = updateSum32(check, oldAddr, newAddr);
      else {
        check = update32(check, oldAddr, newAddr);
        if (oldPort !== port) check = update16(check, oldPort, port);
      }
      tcp.setChecksum(b, l4, check);
      return;
    }
    case ip.PROTO_UDP: {
      const portAt = source ? l4 : l4 + 2;
      const oldPort = u16(b, portAt);
      put16(b, portAt, port);
      let check = udp.checksum(b, l4);
      if (check === 0) return;
      if (partial) check = updateSum32(check, oldAddr, newAddr);
      else {
        check = updateUdp32(check, oldAddr, newAddr);
        if (oldPort !== port) check = updateUdp16(check, oldPort, port);
      }
      udp.setChecksum(b, l4, check);
      return;
    }
    case ip.PROTO_ICMP: {
      const type = icmp.type(b, l4);
      // Only messages that come in pairs have an id.
      if (type !== 0 && type !== 8 && (type < 13 || type > 18)) return;
      const oldId = icmp.id(b, l4);
      if (oldId === port) return;
      icmp.setId(b, l4, port);
      icmp.setChecksum(b, l4, update16(icmp.checksum(b, l4), oldId, port));
      return;
    }
    case ip.PROTO_SCTP: {
      const portAt = source ? l4 : l4 + 2;
      if (u16(b, portAt) === port) return;
      put16(b, portAt, port);
      sctpChecksum(b, l4, end);
      return;
    }
    default:
  }
}

/**
 * The same for an skb: its own checksum state and its whole length. With `encapsulation` the partial checksum is that of
 * the packet inside, and the tunnel's own is complete unless it is for each segment to make (skb/gso.ts).
 */
export function mangleSkb(skb: Skb, source: boolean, addr: number, port: number): void {
  const partial = skb.encapsulation ? skb.gsoSize > 0 : skb.ipSummed === CHECKSUM_PARTIAL;
  manglePacket(skb.bytes, skb.network, skb.tail, source, addr, port, partial);
}
