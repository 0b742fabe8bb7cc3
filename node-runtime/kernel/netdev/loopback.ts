// The loopback device, drivers/net/loopback.c: what is sent comes straight back in. Connection, route and mark stay
// with the packet, because it has not left its namespace; only who owned it for sending is forgotten.

import { NetDevice } from '../netns/device.ts';
import type { Kernel } from '../netns/kernel.ts';
import type { Skb } from '../skb/skb.ts';
import { MAC_ZERO } from '../wire/addr.ts';

const LOOPBACK_MTU = 65_536;

export class Loopback extends NetDevice {
  constructor(kernel: Kernel, name = 'lo') {
    // Linux resolves loopback neighbours to NOARP although `ip link` does not print the flag (arp_constructor).
    super({ kernel, name, kind: 'loopback', mac: MAC_ZERO, mtu: LOOPBACK_MTU, noArp: true });
  }

  override get maxMtu(): number {
    return 0x7fffffff;
  }

  startXmit(skb: Skb): void {
    skb.sk = undefined;
    this.netifRx(skb);
  }
}
