// What the queue disciplines share.
import type { NetDevice, Qdisc } from '../netns/device.ts';
import type { Skb } from '../skb/skb.ts';

/** As `tc -s qdisc show` counts them. */
export class QdiscStats {
  packets = 0;
  bytes = 0;
  dropped = 0;
  overlimits = 0;
}

/** The packet's time has come: on to the next queue, or out. */
export function sendOn(skb: Skb, dev: NetDevice, next: Qdisc | undefined): void {
  if (next !== undefined) next.enqueue(skb, dev);
  else if (dev.up && dev.carrier) dev.hardStartXmit(skb);
  else {
    // Linux empties the queue when the device goes down; here it empties as the packets' times come.
    dev.stats.txDropped++;
    dev.kernel.drop(skb, dev.up ? 'NO_CARRIER' : 'DEV_DOWN', dev);
  }
}
