// The node's Ethernet card, as any driver under drivers/net/ethernet: frames go down into a cable, frames out of the
// cable come up. Its address filter is the card's own: own MAC, broadcast and multicast, everything when promiscuous.

import type { Cable } from '../netns/cable.ts';
import { ETH_HLEN, NetDevice } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Skb } from '../skb/skb.ts';
import { isGroupMac, type Mac } from '../wire/addr.ts';
import { u48 } from '../wire/bytes.ts';

export interface NicOptions {
  readonly name: string;
  readonly mac: Mac;
  readonly mtu?: number;
  readonly txQueueLen?: number;
  readonly cable: Cable;
}

export class Nic extends NetDevice {
  readonly #cable: Cable;

  constructor(kernel: Kernel, options: NicOptions) {
    super({
      kernel,
      name: options.name,
      kind: 'ether',
      mac: options.mac,
      mtu: options.mtu ?? 1500,
      ...(options.txQueueLen === undefined ? {} : { txQueueLen: options.txQueueLen }),
    });
    this.#cable = options.cable;
    this.#cable.plug(this, (skb) => this.#receive(skb));
  }

  startXmit(skb: Skb): void {
    if (skb.trace !== 0)
      this.kernel.traceEvent(skb, this, 'xmit', `${skb.len} bytes onto the underlay`, { bytes: skb.len });
    skb.scrub();
    this.#cable.send(skb);
  }

  override onUnregister(): void {
    this.#cable.unplug();
  }

  #receive(skb: Skb): void {
    if (this.up && this.promisc === 0 && skb.len >= ETH_HLEN) {
      const dst = u48(skb.bytes, skb.data) as Mac;
      if (dst !== this.mac && !isGroupMac(dst)) {
        // The card's filter: the kernel of a real machine never sees or counts such a frame.
        this.kernel.drop(skb, 'OTHERHOST', this, 'filtered by the card');
        return;
      }
    }
    if (skb.trace !== 0)
      this.kernel.traceEvent(skb, this, 'receive', `${skb.len} bytes from the underlay`, { bytes: skb.len });
    this.netifReceive(skb);
  }
}
