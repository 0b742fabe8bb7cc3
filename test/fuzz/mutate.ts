// Ways to bend bytes: blind ones for any message, and for frames those that know where headers lie, so that what is bent
// gets past the checksums and lengths in front of it.
import type { Stream } from '../../node-runtime/kernel/netns/dice.ts';
import { put16, put32, u16, u32 } from '../../node-runtime/kernel/wire/bytes.ts';
import * as icmp from '../../node-runtime/kernel/wire/icmp.ts';
import * as ip from '../../node-runtime/kernel/wire/ipv4.ts';
import * as tcp from '../../node-runtime/kernel/wire/tcp.ts';
import * as udp from '../../node-runtime/kernel/wire/udp.ts';
import { address, port } from './frame-seeds.ts';
import { once, pick } from './scale.ts';

const NUMBERS = [0, 1, 2, 3, 4, 7, 8, 15, 16, 20, 31, 32, 63, 64, 127, 128, 129, 240, 254, 255];
const WORDS = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xfffe, 0xffff];

/** Damages bytes without knowing what they are. Returns new bytes, or the same array changed. */
export function bend(dice: Stream, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const n = bytes.length;
  const at = n === 0 ? 0 : dice.below(Math.min(n, once(dice, 4) ? n : 96));
  switch (n === 0 ? 6 : dice.below(9)) {
    case 0:
      bytes[at] = bytes[at]! ^ (1 << dice.below(8));
      return bytes;
    case 1:
      bytes[at] = pick(dice, NUMBERS);
      return bytes;
    case 2:
      bytes[at] = dice.below(256);
      return bytes;
    case 3:
      if (at + 2 <= n) put16(bytes, at, pick(dice, WORDS));
      return bytes;
    case 4:
      if (at + 4 <= n) put32(bytes, at, once(dice, 2) ? dice.u32() : pick(dice, WORDS) * 0x10001);
      return bytes;
    case 5:
      return bytes.slice(0, dice.below(n + 1));
    case 6: {
      const longer = new Uint8Array(n + 1 + dice.below(40));
      longer.set(bytes);
      return longer;
    }
    case 7: {
      // A piece of it twice, or out.
      const length = dice.below(Math.min(24, n - at) + 1);
      return once(dice, 2)
        ? joined(bytes.subarray(0, at + length), bytes.subarray(at))
        : joined(bytes.subarray(0, at), bytes.subarray(at + length));
    }
    default:
      return joined(bytes.subarray(0, at), other.subarray(dice.below(other.length + 1)));
  }
}

export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Where the IPv4 header of a frame (or with `ether` 0, of a packet) lies, if there is room for one. */
const network = (b: Uint8Array, ether: number): number =>
  b.length >= ether + ip.MIN_HLEN && (ether === 0 || u16(b, 12) === 0x0800) ? ether : -1;

/** Changes one field of a packet that matters; `ether` bytes are before the IP header. */
export function bendField(dice: Stream, b: Uint8Array, ether: number): void {
  const at = network(b, ether);
  if (at < 0) return;
  const l4 = at + ip.ihl(b, at);
  const proto = ip.proto(b, at);
  const choice = dice.below(16);
  if (choice < 8 || l4 + 20 > b.length) {
    switch (choice & 7) {
      case 0:
        ip.setTotalLen(
          b,
          at,
          pick(dice, [0, 19, 20, 21, 28, b.length - at, b.length - at + 1, 65_535, dice.below(2000)]),
        );
        return;
      case 1:
        ip.setIhl(b, at, 4 * dice.below(16));
        return;
      case 2:
        ip.setFragField(
          b,
          at,
          once(dice, 2) ? dice.below(65_536) : pick(dice, [0x2000, 0x2001, 1, 2, 0x4000, 0x8000, 0x1ffe]),
        );
        return;
      case 3:
        ip.setTtl(b, at, dice.below(3));
        return;
      case 4:
        ip.setProto(b, at, pick(dice, [1, 2, 4, 6, 17, 47, 132, dice.below(256)]));
        return;
      case 5:
        ip.setSrc(b, at, address(dice));
        return;
      case 6:
        ip.setDst(b, at, address(dice));
        return;
      default:
        ip.setId(b, at, dice.below(8));
        return;
    }
  }
  if (proto === ip.PROTO_TCP) {
    switch (choice) {
      case 8:
        tcp.setFlags(b, l4, once(dice, 2) ? dice.below(256) : pick(dice, [2, 16, 17, 18, 4, 20, 24, 1, 0]));
        return;
      case 9:
        tcp.setSeq(
          b,
          l4,
          (tcp.seq(b, l4) + pick(dice, [1, -1, 100, -100, 1460, 65_535, 1 << 30, 1 << 31])) >>> 0,
        );
        return;
      case 10:
        tcp.setAck(
          b,
          l4,
          (tcp.ack(b, l4) + pick(dice, [1, -1, 100, -100, 1460, 65_535, 1 << 30, 1 << 31])) >>> 0,
        );
        return;
      case 11:
        tcp.setWindow(b, l4, pick(dice, [0, 1, 535, 536, 1460, 65_535]));
        return;
      case 12:
        tcp.setDataOffset(b, l4, 4 * dice.below(16));
        return;
      case 13: {
        const options = tcp.dataOffset(b, l4) - tcp.MIN_HLEN;
        if (options > 0 && l4 + tcp.MIN_HLEN + options <= b.length)
          b[l4 + tcp.MIN_HLEN + dice.below(options)] = pick(dice, NUMBERS);
        return;
      }
      default:
        put16(b, l4 + 2 * dice.below(2), port(dice));
        return;
    }
  }
  if (proto === ip.PROTO_UDP && choice === 8)
    udp.setLength(b, l4, pick(dice, [0, 7, 8, 9, b.length - l4, 65_535]));
  else if (proto === ip.PROTO_ICMP) {
    if (choice < 12) b[l4 + dice.below(2)] = once(dice, 2) ? dice.below(256) : dice.below(20);
    else bendField(dice, b.subarray(l4 + icmp.HLEN), 0);
  } else put16(b, l4 + 2 * dice.below(4), port(dice));
}

/** Makes the checksums right again, as far as there are any. */
export function mend(b: Uint8Array, ether: number): void {
  const at = network(b, ether);
  if (at < 0) return;
  const l4 = at + ip.ihl(b, at);
  const end = Math.min(at + ip.totalLen(b, at), b.length);
  if (ip.ihl(b, at) < ip.MIN_HLEN || l4 > b.length) return;
  ip.updateChecksum(b, at);
  if (ip.isFragment(b, at)) return;
  const proto = ip.proto(b, at);
  const [src, dst] = [ip.src(b, at), ip.dst(b, at)];
  if (proto === ip.PROTO_TCP && end - l4 >= tcp.MIN_HLEN) tcp.updateChecksum(b, l4, end, src, dst);
  else if (proto === ip.PROTO_UDP && end - l4 >= udp.HLEN && udp.checksum(b, l4) !== 0) {
    udp.updateChecksum(b, l4, Math.min(l4 + udp.length(b, l4), end), src, dst);
    mendInside(b, l4 + udp.HLEN, udp.dstPort(b, l4));
  } else if (proto === ip.PROTO_ICMP && end - l4 >= icmp.HLEN) icmp.updateChecksum(b, l4, end);
}

function mendInside(b: Uint8Array, at: number, port: number): void {
  if ((port === 8472 || port === 4789) && b.length - at >= 8 + 14 + 20) mend(b.subarray(at + 8), 14);
}

/** The answer that whoever got this frame might give: both ends swapped, numbers taken over. */
export function reflect(b: Uint8Array, ether: number): Uint8Array {
  const r = b.slice();
  if (ether > 0 && b.length >= 12) {
    r.set(b.subarray(0, 6), 6);
    r.set(b.subarray(6, 12), 0);
  }
  const at = network(b, ether);
  if (at < 0) return r;
  put32(r, at + 12, u32(b, at + 16));
  put32(r, at + 16, u32(b, at + 12));
  const l4 = at + ip.ihl(b, at);
  const proto = ip.proto(b, at);
  if ((proto !== ip.PROTO_TCP && proto !== ip.PROTO_UDP) || l4 + 20 > b.length) return r;
  put16(r, l4, u16(b, l4 + 2));
  put16(r, l4 + 2, u16(b, l4));
  if (proto !== ip.PROTO_TCP) return r;
  const length = Math.max(0, Math.min(at + ip.totalLen(b, at), b.length) - l4 - tcp.dataOffset(b, l4));
  const flags = tcp.flags(b, l4);
  tcp.setSeq(r, l4, tcp.ack(b, l4));
  tcp.setAck(r, l4, (tcp.seq(b, l4) + length + ((flags & (tcp.SYN | tcp.FIN)) !== 0 ? 1 : 0)) >>> 0);
  if ((flags & tcp.SYN) !== 0 && (flags & tcp.ACK) === 0) tcp.setFlags(r, l4, tcp.SYN | tcp.ACK);
  return r;
}

/** The frame's packet cut in pieces, some of which overlap, are missing or come twice, in any order. */
export function pieces(dice: Stream, b: Uint8Array, ether: number): Uint8Array[] {
  const at = network(b, ether);
  if (at < 0) return [b];
  const l4 = at + ip.ihl(b, at);
  const data = b.length - l4;
  if (data < 16 || ip.ihl(b, at) < ip.MIN_HLEN) return [b];
  const step = 8 * (1 + dice.below(Math.min(16, data >> 3)));
  const out: Uint8Array[] = [];
  for (let from = 0; from < data && out.length < 40; from += step) {
    const start = once(dice, 20) ? Math.max(0, from - 8) : from;
    const part = joined(b.subarray(0, l4), b.subarray(l4 + start, Math.min(l4 + from + step, b.length)));
    ip.setTotalLen(part, at, part.length - at);
    ip.setFragField(part, at, (from + step < data ? 0x2000 : 0) | (start >>> 3));
    ip.updateChecksum(part, at);
    if (!once(dice, 30)) out.push(part);
    if (once(dice, 30)) out.push(part);
  }
  if (once(dice, 2))
    for (let i = out.length - 1; i > 0; i--) {
      const j = dice.below(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
  return out;
}
