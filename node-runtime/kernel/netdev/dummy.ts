// The dummy device, drivers/net/dummy.c: it has addresses and a link, and swallows what is sent. IPVS mode of kube-proxy
// keeps its service addresses on one.
import { NetDevice } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Skb } from '../skb/skb.ts';
import type { Mac } from '../wire/addr.ts';

export class Dummy extends NetDevice {
  constructor(kernel: Kernel, options: { readonly name: string; readonly mac?: Mac; readonly mtu?: number }) {
    super({
      kernel,
      name: options.name,
      kind: 'dummy',
      mac: options.mac ?? kernel.randomMac(),
      mtu: options.mtu ?? 1500,
      noArp: true,
    });
  }

  /** Consumed, not dropped: Linux counts it as sent. */
  startXmit(skb: Skb): void {
    if (skb.trace !== 0) this.kernel.traceEvent(skb, this, 'xmit', 'a dummy device swallows what it sends');
    skb.free();
  }
}
