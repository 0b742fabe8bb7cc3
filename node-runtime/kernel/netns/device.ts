// The network device: struct net_device and the two ways through it (net/core/dev.c). Concrete devices are in
// netdev/ and tunnel/; they implement `startXmit` and hand what arrives to `receive`.
//
//   above:   devQueueXmit(dev, skb)  ─> queue discipline ─> taps ─> startXmit ─> wire, peer, tunnel
//   below:   netifRx / netifReceive  ─> taps ─> rxHandler (bridge port) ─> protocol handler (IP, ARP)
import {
  CHECKSUM_UNNECESSARY,
  ETH_P_ARP,
  ETH_P_IP,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  PACKET_OUTGOING,
  type Skb,
} from '../skb/skb.ts';
import type { DropReason } from '../trace/drop-reason.ts';
import { type Ipv4, isGroupMac, MAC_BROADCAST, type Mac } from '../wire/addr.ts';
import { put16, put48, u16, u48 } from '../wire/bytes.ts';
import type { Kernel } from './kernel.ts';
import { type Netns, NetnsError } from './netns.ts';
import type { DevConf } from './sysctl.ts';

export const ETH_HLEN = 14;
/** The least that IPv4 allows (RFC 791), and the most that any device here takes. */
const MIN_MTU = 68;
const MAX_MTU = 65_535;

/** An address on a device: struct in_ifaddr. */
export interface IfAddr {
  readonly addr: Ipv4;
  readonly prefixLen: number;
  readonly broadcast: Ipv4 | undefined;
  readonly scope: 'global' | 'link' | 'host';
  readonly label: string;
}

export type DeviceKind =
  | 'loopback'
  | 'veth'
  | 'bridge'
  | 'tun'
  | 'vxlan'
  | 'dummy'
  | 'ether'
  | 'gre'
  | 'ipip';

/** Counters as `ip -s link` shows them. */
export class DeviceStats {
  rxPackets = 0;
  rxBytes = 0;
  rxErrors = 0;
  rxDropped = 0;
  txPackets = 0;
  txBytes = 0;
  txErrors = 0;
  txDropped = 0;
}

/** A queue discipline at a device's root. It owns what is enqueued until it hands it to `dev.hardStartXmit`. */
export interface Qdisc {
  /** As `tc qdisc show` prints the kind and options: "netem limit 1000 delay 20ms". */
  readonly text: string;
  enqueue(skb: Skb, dev: NetDevice): void;
  /** Frees what waits. */
  stop(): void;
  /** Before it takes the place of `old`: what is the same in both goes on as it is, with what waits there. */
  takeOver?(old: Qdisc): void;
}

/** A packet socket: sees every frame of a device. `outgoing` as tcpdump's direction. The bytes are not its to keep. */
export type Tap = (skb: Skb, dev: NetDevice, outgoing: boolean) => void;

export interface DeviceOptions {
  readonly kernel: Kernel;
  readonly name: string;
  readonly kind: DeviceKind;
  readonly mac: Mac;
  readonly mtu: number;
  /** False for devices that carry bare IP packets (TUN, ipip, gre). */
  readonly ethernet?: boolean;
  readonly noArp?: boolean;
  readonly txQueueLen?: number;
}

export abstract class NetDevice {
  readonly kernel: Kernel;
  readonly kind: DeviceKind;
  readonly ethernet: boolean;
  readonly stats = new DeviceStats();
  readonly taps = new Set<Tap>();
  name: string;
  /** 0 until the device is put in a namespace. */
  ifindex = 0;
  mac: Mac;
  mtu: number;
  txQueueLen: number;
  noArp: boolean;
  /** IFF_UP; changed by `Netns.setUp`. */
  up = false;
  /** Peer or lower device present: operstate is UP only with both. */
  carrier = true;
  /** Reference count of IFF_PROMISC. */
  promisc = 0;
  /** Set while the device is in a namespace. */
  ns!: Netns;
  conf!: DevConf;
  addrs: IfAddr[] = [];
  /** The bridge this device is a port of. */
  master: NetDevice | undefined = undefined;
  /** Takes what arrives before any protocol does: br_handle_frame. Returns true when it took the skb. */
  rxHandler: ((skb: Skb) => boolean) | undefined = undefined;
  qdisc: Qdisc | undefined = undefined;
  /** in_device: what the ipv4 room keeps for this device (neighbours, hook states); opaque below it. */
  inDevice: object | undefined = undefined;

  constructor(options: DeviceOptions) {
    this.kernel = options.kernel;
    this.name = options.name;
    this.kind = options.kind;
    this.mac = options.mac;
    this.mtu = options.mtu;
    this.ethernet = options.ethernet ?? true;
    this.noArp = options.noArp ?? false;
    this.txQueueLen = options.txQueueLen ?? 1000;
  }

  /** ndo_start_xmit: takes the skb, whose data is at the link-layer header (or the IP header where there is none). */
  abstract startXmit(skb: Skb): void;

  /** ifindex of the other end, for `eth0@if5`; undefined for devices that have none. */
  get peerIfindex(): number | undefined {
    return undefined;
  }
  /** Where the peer is, if in another namespace. */
  get peerNs(): Netns | undefined {
    return undefined;
  }
  /** Called when the device goes up or down, is moved, or is removed. */
  onUp(): void {}
  onDown(): void {}
  onUnregister(): void {}

  /** Puts an Ethernet header in front: eth_header. `skb.data` was at the network header. */
  header(skb: Skb, dst: Mac, src: Mac, protocol: number): void {
    const at = skb.push(ETH_HLEN);
    put48(skb.bytes, at, dst);
    put48(skb.bytes, at + 6, src);
    put16(skb.bytes, at + 12, protocol);
    skb.mac = at;
    skb.protocol = protocol;
  }

  /** netif_carrier_on, netif_carrier_off: listeners hear of it as a change. */
  setCarrier(on: boolean): void {
    if (this.carrier === on) return;
    this.carrier = on;
    if (this.ifindex !== 0) this.ns.notify({ type: 'change', dev: this });
  }

  /** `ip link set DEV address MAC`. */
  setMac(mac: Mac): void {
    this.mac = mac;
    if (this.ifindex !== 0) this.ns.notify({ type: 'change', dev: this });
  }

  /** Largest MTU that `setMtu` takes: dev->max_mtu. */
  get maxMtu(): number {
    return MAX_MTU;
  }
  /** `ip link set DEV mtu N`. Throws EINVAL beyond 68..maxMtu. */
  setMtu(mtu: number): void {
    if (!Number.isInteger(mtu) || mtu < MIN_MTU)
      throw new NetnsError('EINVAL', 'mtu less than device minimum');
    if (mtu > this.maxMtu) throw new NetnsError('EINVAL', 'mtu greater than device maximum');
    if (mtu === this.mtu) return;
    this.mtu = mtu;
    if (this.ifindex !== 0) this.ns.notify({ type: 'change', dev: this });
  }

  /** dev_queue_xmit: out by this device, through its queue discipline. */
  queueXmit(skb: Skb): void {
    if (!this.up || !this.carrier) {
      // Without carrier Linux puts noop_qdisc in the queue's place.
      this.stats.txDropped++;
      this.kernel.drop(skb, this.up ? 'NO_CARRIER' : 'DEV_DOWN', this);
      return;
    }
    if (this.qdisc !== undefined) this.qdisc.enqueue(skb, this);
    else this.hardStartXmit(skb);
  }

  /** dev_hard_start_xmit: what a queue discipline calls when the packet's time has come. */
  hardStartXmit(skb: Skb): void {
    if (this.taps.size > 0) {
      const type = skb.pktType;
      skb.pktType = PACKET_OUTGOING;
      for (const tap of this.taps) tap(skb, this, true);
      skb.pktType = type;
    }
    this.stats.txPackets++;
    this.stats.txBytes += skb.len;
    this.startXmit(skb);
  }

  /** For startXmit, before it has moved `skb.data`: the packet counts as dropped, not as sent. */
  protected dropXmit(skb: Skb, reason: DropReason, detail?: string): void {
    this.stats.txPackets--;
    this.stats.txBytes -= skb.len;
    this.stats.txDropped++;
    this.kernel.drop(skb, reason, this, detail);
  }

  /** netif_rx: something arrived; it is handled in this turn, after the caller returned. */
  netifRx(skb: Skb): void {
    if (this.kernel.backlog(this, skb)) return;
    this.stats.rxDropped++;
    this.kernel.drop(skb, 'CPU_BACKLOG', this);
  }

  /** __netif_receive_skb: `skb.data` is at the link-layer header, or at the IP header where there is none. */
  netifReceive(skb: Skb): void {
    if (!this.up) {
      this.stats.rxDropped++;
      this.kernel.drop(skb, 'DEV_DOWN', this);
      return;
    }
    if (this.ethernet && skb.len < ETH_HLEN) {
      this.stats.rxErrors++;
      this.kernel.drop(skb, 'PKT_TOO_SMALL', this);
      return;
    }
    this.stats.rxPackets++;
    this.stats.rxBytes += skb.len;
    if (this.ethernet) this.#ethTypeTrans(skb);
    else {
      skb.mac = -1;
      skb.network = skb.data;
      skb.protocol = ETH_P_IP;
      skb.pktType = PACKET_HOST;
    }
    this.receiveSkb(skb);
  }

  /**
   * netif_receive_skb: `skb.data` is at the network header, `mac`, `protocol` and `pktType` are set already. What a
   * bridge passes up to itself begins here: its frame's type was judged at the port.
   */
  receiveSkb(skb: Skb): void {
    skb.iif = this.ifindex;
    if (this.taps.size > 0) for (const tap of this.taps) tap(skb, this, false);
    if (this.rxHandler?.(skb)) return;
    const handler = this.kernel.packetTypes.get(skb.protocol);
    if (handler === undefined) this.kernel.drop(skb, 'UNHANDLED_PROTO', this);
    else if (skb.pktType === PACKET_OTHERHOST) {
      // A promiscuous or wrongly addressed frame: taps saw it, protocols do not (ip_rcv drops it).
      this.kernel.drop(skb, 'OTHERHOST', this);
    } else handler(skb, this);
  }

  /** eth_type_trans: reads the Ethernet header and steps behind it. */
  #ethTypeTrans(skb: Skb): void {
    const at = skb.data;
    skb.mac = at;
    skb.network = at + ETH_HLEN;
    skb.protocol = u16(skb.bytes, at + 12);
    const dst = u48(skb.bytes, at) as Mac;
    if (dst === this.mac) skb.pktType = PACKET_HOST;
    else if (dst === MAC_BROADCAST) skb.pktType = PACKET_BROADCAST;
    else skb.pktType = isGroupMac(dst) ? PACKET_MULTICAST : PACKET_OTHERHOST;
    skb.pull(ETH_HLEN);
  }

  /** Frames between devices of one kernel need no verification: the checksum cannot have been damaged. */
  protected trustChecksum(skb: Skb): void {
    if (skb.ipSummed === 0) skb.ipSummed = CHECKSUM_UNNECESSARY;
  }
}

export { ETH_P_ARP, ETH_P_IP };
