// The one ICMP message that flanneld itself makes (proxy_amd64.c, send_net_unreachable): 3/0 with a TTL of 8, quoting eight bytes.

import type { Ipv4 } from '../../kernel/wire/addr.ts';
import { put8, put16, put32 } from '../../kernel/wire/bytes.ts';
import * as checksum from '../../kernel/wire/checksum.ts';
import * as icmp from '../../kernel/wire/icmp.ts';
import * as ip from '../../kernel/wire/ipv4.ts';

const TTL = 8;
const QUOTED_PAYLOAD = 8;

/** The packet, or undefined where none may be sent: about ICMP, and about fragments but the first. */
export function netUnreachable(offender: Uint8Array, from: Ipv4): Uint8Array | undefined {
  if (ip.proto(offender, 0) === ip.PROTO_ICMP || ip.fragOffset(offender, 0) !== 0) return undefined;
  const quoted = Math.min(ip.ihl(offender, 0) + QUOTED_PAYLOAD, offender.length);
  const total = ip.MIN_HLEN + icmp.HLEN + quoted;
  const out = new Uint8Array(total);
  put8(out, 0, 0x45);
  put16(out, 2, total);
  put8(out, 8, TTL);
  put8(out, 9, ip.PROTO_ICMP);
  put32(out, 12, from);
  put32(out, 16, ip.src(offender, 0));
  put8(out, ip.MIN_HLEN, icmp.DEST_UNREACH);
  put8(out, ip.MIN_HLEN + 1, icmp.NET_UNREACH);
  out.set(offender.subarray(0, quoted), ip.MIN_HLEN + icmp.HLEN);
  put16(out, ip.MIN_HLEN + 2, checksum.checksum(out, ip.MIN_HLEN, total));
  put16(out, 10, checksum.checksum(out, 0, ip.MIN_HLEN));
  return out;
}
