// A pair of devices joined by a cable, drivers/net/veth.c: what one sends the other receives. Frames never leave
// memory, so super-segments and unfinished checksums cross as they are; a checksum that was to be verified still is.
import { NetDevice } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import type { Skb } from '../skb/skb.ts';
import type { Mac } from '../wire/addr.ts';
import { fits } from './forwardable.ts';

const VETH_MTU = 1500;

export interface VethEnd {
  readonly name: string;
  /** Random when not given. */
  readonly mac?: Mac;
  readonly mtu?: number;
}

export class Veth extends NetDevice {
  #peer: Veth | undefined;

  constructor(kernel: Kernel, end: VethEnd) {
    super({
      kernel,
      name: end.name,
      kind: 'veth',
      mac: end.mac ?? kernel.randomMac(),
      mtu: end.mtu ?? VETH_MTU,
    });
    this.carrier = false;
  }

  /** The other end, until either is deleted. */
  get peer(): Veth | undefined {
    return this.#peer;
  }
  override get peerIfindex(): number | undefined {
    return this.#peer?.ifindex;
  }
  override get peerNs(): Netns | undefined {
    return this.#peer?.ns;
  }

  static join(a: Veth, b: Veth): void {
    a.#peer = b;
    b.#peer = a;
  }

  startXmit(skb: Skb): void {
    const peer = this.#peer;
    if (peer === undefined || !peer.up) {
      this.dropXmit(skb, 'DEV_DOWN', peer === undefined ? 'the peer is gone' : `peer ${peer.name}`);
      return;
    }
    if (!fits(peer, skb)) {
      this.dropXmit(skb, 'PKT_TOO_BIG', `peer ${peer.name} has MTU ${peer.mtu}`);
      return;
    }
    if (skb.trace !== 0) this.#traceCrossing(skb, peer);
    skb.scrub(peer.ns !== this.ns);
    skb.priority = 0;
    peer.netifRx(skb);
  }

  override onUp(): void {
    const peer = this.#peer;
    if (peer?.up !== true) return;
    this.setCarrier(true);
    peer.setCarrier(true);
  }
  override onDown(): void {
    this.setCarrier(false);
    this.#peer?.setCarrier(false);
  }
  /** Deleting one end deletes both. */
  override onUnregister(): void {
    const peer = this.#peer;
    if (peer === undefined) return;
    this.#peer = undefined;
    peer.#peer = undefined;
    peer.ns.unregister(peer);
  }

  #traceCrossing(skb: Skb, peer: Veth): void {
    const text =
      peer.ns === this.ns
        ? `crosses the veth pair to ${peer.name}`
        : `crosses the veth pair to ${peer.name} in ${peer.ns.name}`;
    this.kernel.traceEvent(skb, this, 'xmit', text, { peer: peer.name, peerNetns: peer.ns.name });
  }
}

/** `ip link add A netns NS type veth peer name B netns PEERNS`: both ends, down. */
export function addVethPair(ns: Netns, end: VethEnd, peerNs: Netns, peerEnd: VethEnd): [Veth, Veth] {
  const dev = new Veth(ns.kernel, end);
  const peer = new Veth(ns.kernel, peerEnd);
  peerNs.register(peer);
  try {
    ns.register(dev);
  } catch (error) {
    peerNs.unregister(peer);
    throw error;
  }
  Veth.join(dev, peer);
  return [dev, peer];
}
