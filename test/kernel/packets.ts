// IP packets of the lab's own making, as hexadecimal: what no socket would send by itself.
import { ipv4 } from '../../node-runtime/kernel/wire/addr.ts';
import * as icmp from '../../node-runtime/kernel/wire/icmp.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import * as udp from '../../node-runtime/kernel/wire/udp.ts';

export interface Header {
  readonly src: string;
  readonly dst: string;
  readonly ttl?: number;
  readonly proto?: number;
  readonly id?: number;
  readonly tos?: number;
  readonly df?: boolean;
}

/** Where a fragment lies, in bytes. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  /** More fragments follow: what is not the body's end, unless told. */
  readonly more?: boolean;
}

/** The packet, or the piece of it. */
export function packet(header: Header, body: Uint8Array, piece?: Piece): string {
  const from = piece?.from ?? 0;
  const part = body.subarray(from, piece?.to ?? body.length);
  const b = new Uint8Array(ip.MIN_HLEN + part.length);
  ip.put(b, 0, {
    totalLen: b.length,
    ttl: header.ttl ?? 64,
    tos: header.tos ?? 0,
    proto: header.proto ?? ip.PROTO_ICMP,
    id: header.id ?? 0x4242,
    df: header.df ?? false,
    mf: piece?.more ?? (piece !== undefined && piece.to < body.length),
    fragOffset: from,
    src: ipv4(header.src),
    dst: ipv4(header.dst),
  });
  b.set(part, ip.MIN_HLEN);
  return Buffer.from(b).toString('hex');
}

/** An echo request of so many bytes with its ICMP header; each byte of the body is its place. */
export function echo(size = 64, type = icmp.ECHO, code = 0): Uint8Array {
  const b = new Uint8Array(size);
  const body = Uint8Array.from({ length: size - icmp.HLEN }, (_, i) => i & 255);
  icmp.put(b, 0, { type: 'echo', code, id: 7, seq: 1, body });
  if (type === icmp.ECHO) return b;
  b[0] = type;
  b[2] = 0;
  b[3] = 0;
  let sum = 0;
  for (let i = 0; i < size; i += 2) sum += (b[i]! << 8) | (b[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  b[2] = (~sum >>> 8) & 255;
  b[3] = ~sum & 255;
  return b;
}

/** A UDP datagram with its header; `checksum` 0 means none. */
export function datagram(src: string, dst: string, dport: number, size = 64, checksum?: number): Uint8Array {
  const b = new Uint8Array(size);
  udp.setSrcPort(b, 0, 7777);
  udp.setDstPort(b, 0, dport);
  udp.setLength(b, 0, size);
  if (checksum === undefined) udp.updateChecksum(b, 0, size, ipv4(src), ipv4(dst));
  else udp.setChecksum(b, 0, checksum);
  return b;
}
