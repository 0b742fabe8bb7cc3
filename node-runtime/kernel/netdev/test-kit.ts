// What device tests share: a kernel on a virtual clock, frames from a few words, and a record of what arrived where.
import { VirtualClock } from '../clock/virtual-clock.ts';
import type { NetDevice } from '../netns/device.ts';
import { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import type { Skb } from '../skb/skb.ts';
import type { DropReason } from '../trace/drop-reason.ts';
import { ipv4 as address, type Mac, parseMac } from '../wire/addr.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';

export interface Lab {
  readonly clock: VirtualClock;
  readonly kernel: Kernel;
  readonly ns: Netns;
}

export function lab(seed = 1): Lab {
  const clock = new VirtualClock();
  const kernel = new Kernel({ hostname: 'n1', clock, seed });
  return { clock, kernel, ns: kernel.host };
}

/** Puts a device in the namespace and sets it up. */
export function up<D extends NetDevice>(ns: Netns, dev: D): D {
  if (dev.ifindex === 0) ns.register(dev);
  ns.setUp(dev, true);
  return dev;
}

export const macOf = (text: string): Mac => parseMac(text)!;

export interface FrameSpec {
  readonly dst: string;
  readonly src: string;
  readonly type?: number;
  readonly payload?: Uint8Array;
}

/** An Ethernet frame, `skb.data` at its header. */
export function frame(kernel: Kernel, spec: FrameSpec): Skb {
  const payload = spec.payload ?? new Uint8Array(46);
  const skb = kernel.pool.alloc(ethernet.HLEN + payload.length);
  const at = skb.put(ethernet.HLEN + payload.length);
  const type = spec.type ?? ethernet.TYPE_IPV4;
  const body = ethernet.put(skb.bytes, at, { dst: macOf(spec.dst), src: macOf(spec.src), type });
  skb.bytes.set(payload, body);
  skb.mac = at;
  skb.network = body;
  skb.protocol = type;
  return skb;
}

/** A UDP packet's bytes from the IP header on, checksums right. */
export function udpPacket(spec: {
  readonly src: string;
  readonly dst: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly bytes?: number;
  readonly df?: boolean;
  readonly id?: number;
}): Uint8Array {
  const size = spec.bytes ?? 18;
  const src = address(spec.src);
  const dst = address(spec.dst);
  const bytes = new Uint8Array(ipv4.MIN_HLEN + udp.HLEN + size);
  const at = ipv4.put(bytes, 0, {
    totalLen: bytes.length,
    proto: ipv4.PROTO_UDP,
    src,
    dst,
    df: spec.df ?? false,
    id: spec.id ?? 0,
  });
  for (let i = at + udp.HLEN; i < bytes.length; i++) bytes[i] = i & 255;
  udp.setSrcPort(bytes, at, spec.sport ?? 4000);
  udp.setDstPort(bytes, at, spec.dport ?? 53);
  udp.setLength(bytes, at, udp.HLEN + size);
  udp.updateChecksum(bytes, at, bytes.length, src, dst);
  return bytes;
}

/** What a namespace's protocols were handed: "eth0 10.0.0.1 > 10.0.0.2" is up to the test; here device and skb. */
export interface Arrived {
  readonly netns: string;
  readonly dev: string;
  readonly pktType: number;
  readonly bytes: Uint8Array;
  readonly skb: Skb;
}

/** Stands in for the protocols above: keeps what they would be handed. */
export function recordArrivals(kernel: Kernel, types: readonly number[] = [0x0800, 0x0806]): Arrived[] {
  const arrived: Arrived[] = [];
  for (const type of types) {
    kernel.packetTypes.set(type, (skb, dev) => {
      arrived.push({
        netns: dev.ns.name,
        dev: dev.name,
        pktType: skb.pktType,
        bytes: skb.bytes.slice(skb.mac >= 0 ? skb.mac : skb.data, skb.tail),
        skb,
      });
    });
  }
  return arrived;
}

/** Reasons of all drops so far, in order. */
export const dropReasons = (kernel: Kernel): DropReason[] => kernel.tracer.drops().map((d) => d.reason);
