// A TUN device, drivers/net/tun.c with IFF_TUN | IFF_NO_PI: what the kernel sends by it a daemon reads as bare IP packets
// from a file, and what the daemon writes the kernel receives. Packets wait for the daemon in a ring of txQueueLen; each
// read and write is a copy across the line between kernel and user space, and is counted.
import { ETH_HLEN, NetDevice } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import { NetnsError } from '../netns/netns.ts';
import { completeChecksum, gsoSegment } from '../skb/gso.ts';
import { CHECKSUM_NONE, type Skb } from '../skb/skb.ts';
import { MAC_ZERO } from '../wire/addr.ts';
import * as ip from '../wire/ipv4.ts';

const TUN_QUEUE_LEN = 500;
const TUN_MTU = 1500;
/** What a write may bring at most: IPv4's own limit. */
const MAX_PACKET = 65_535;

/** One packet as a daemon reads it. */
export interface TunPacket {
  /** From the IP header on; the daemon's own copy. */
  readonly bytes: Uint8Array;
  /** Trace id of the packet, 0 for none: handed through, so that a daemon's part in a trace can be shown. */
  readonly trace: number;
}

/** The daemon's end: a file descriptor of /dev/net/tun after TUNSETIFF. */
export class TunFile {
  /** Called once after packets came into an empty view of the ring; read until undefined, then wait for the next call. */
  onReadable: (() => void) | undefined;
  readonly #device: Tun;

  constructor(device: Tun) {
    this.#device = device;
  }

  /**
   * The next packet, or undefined when none waits (EAGAIN). A packet longer than `size`, the daemon's buffer, loses its
   * end, as with read(2).
   */
  read(size = MAX_PACKET): TunPacket | undefined {
    return this.#device.take(this, size);
  }

  /** Hands an IP packet to the kernel. Throws EINVAL for what is no IPv4 packet, EIO while the device is down. */
  write(bytes: Uint8Array, trace = 0): void {
    this.#device.give(this, bytes, trace);
  }

  /** The daemon is gone: the device loses its carrier, and what waited is dropped. */
  close(): void {
    this.#device.detach(this);
  }
}

export class Tun extends NetDevice {
  /** How often a packet went from kernel to daemon and back: one system call and one copy each. */
  readonly crossings = { toUser: 0, toKernel: 0 };
  #file: TunFile | undefined;
  #ring: Skb[] = [];
  #notified = false;

  constructor(
    kernel: Kernel,
    options: { readonly name: string; readonly mtu?: number; readonly txQueueLen?: number },
  ) {
    super({
      kernel,
      name: options.name,
      kind: 'tun',
      mac: MAC_ZERO,
      mtu: options.mtu ?? TUN_MTU,
      ethernet: false,
      noArp: true,
      txQueueLen: options.txQueueLen ?? TUN_QUEUE_LEN,
    });
    this.carrier = false;
  }

  /** Packets that wait for the daemon. */
  get queued(): number {
    return this.#ring.length;
  }
  override get maxMtu(): number {
    return MAX_PACKET - ETH_HLEN;
  }

  /** TUNSETIFF: gives a daemon its end. Throws EBUSY while another has it. */
  attach(): TunFile {
    if (this.#file !== undefined) throw new NetnsError('EBUSY', `${this.name} is in use`);
    this.#file = new TunFile(this);
    this.setCarrier(true);
    return this.#file;
  }

  /** tun_net_xmit: into the ring. The device has no offloads, so a super-segment is cut and checksums are made. */
  startXmit(skb: Skb): void {
    if (this.#file === undefined) {
      this.dropXmit(skb, 'TUN_NO_READER');
    } else if (skb.gsoSize > 0) {
      const segments = gsoSegment(skb, this.kernel.pool);
      if (segments.length === 0) {
        this.dropXmit(skb, 'MALFORMED', 'a super-segment that cannot be cut');
        return;
      }
      // Each segment counts as a packet of its own.
      this.stats.txPackets--;
      this.stats.txBytes -= skb.len;
      for (const segment of segments) {
        this.stats.txPackets++;
        this.stats.txBytes += segment.len;
        this.#enqueue(segment);
      }
      skb.free();
    } else if (completeChecksum(skb)) this.#enqueue(skb);
    else this.dropXmit(skb, 'MALFORMED');
  }

  #enqueue(skb: Skb): void {
    if (this.#ring.length >= this.txQueueLen) {
      this.dropXmit(skb, 'TUN_FULL_RING', `${this.txQueueLen} packets wait`);
      return;
    }
    if (skb.trace !== 0)
      this.kernel.traceEvent(skb, this, 'tun', `waits for the daemon, ${this.#ring.length} before it`, {
        queued: this.#ring.length,
      });
    skb.scrub();
    this.#ring.push(skb);
    if (this.#notified) return;
    this.#notified = true;
    this.kernel.runQueue.push(this.#wake);
  }

  readonly #wake = (): void => {
    this.#notified = false;
    if (this.#ring.length > 0) this.#file?.onReadable?.();
  };

  /** tun_do_read; for TunFile. */
  take(file: TunFile, size: number): TunPacket | undefined {
    const skb = file === this.#file ? this.#ring.shift() : undefined;
    if (skb === undefined) return undefined;
    this.crossings.toUser++;
    const bytes = skb.bytes.slice(skb.data, Math.min(skb.tail, skb.data + size));
    const { trace } = skb;
    if (trace !== 0)
      this.kernel.traceEvent(skb, this, 'tun', `copied to the daemon: ${bytes.length} bytes`, {
        direction: 'to user space',
        bytes: bytes.length,
      });
    skb.free();
    return { bytes, trace };
  }

  /** tun_get_user; for TunFile. */
  give(file: TunFile, bytes: Uint8Array, trace: number): void {
    if (file !== this.#file) throw new NetnsError('EBADFD', `${this.name}: file is closed`);
    if (!this.up) throw new NetnsError('EIO', `${this.name} is down`);
    if (bytes.length === 0 || bytes.length > MAX_PACKET || ip.version(bytes, 0) !== 4) {
      this.stats.rxDropped++;
      throw new NetnsError('EINVAL', 'not an IPv4 packet');
    }
    this.crossings.toKernel++;
    const skb = this.kernel.pool.copyOf(bytes);
    skb.ipSummed = CHECKSUM_NONE;
    skb.trace = trace;
    if (trace !== 0)
      this.kernel.traceEvent(skb, this, 'tun', `copied from the daemon: ${bytes.length} bytes`, {
        direction: 'to kernel',
        bytes: bytes.length,
      });
    this.netifRx(skb);
  }

  /** tun_detach; for TunFile. */
  detach(file: TunFile): void {
    if (file !== this.#file) return;
    this.#file = undefined;
    this.#purge();
    this.setCarrier(false);
  }

  override onUnregister(): void {
    this.#purge();
    this.#file = undefined;
  }

  #purge(): void {
    for (const skb of this.#ring) this.kernel.drop(skb, 'TUN_NO_READER', this);
    this.#ring = [];
  }
}
