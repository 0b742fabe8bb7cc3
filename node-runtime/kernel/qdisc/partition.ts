// A cut link: nothing passes. As `tc qdisc … netem loss 100%`, but the drop says that it was a partition and not chance.
import type { NetDevice, Qdisc } from '../netns/device.ts';
import type { Skb } from '../skb/skb.ts';
import { QdiscStats } from './qdisc.ts';

export class Partition implements Qdisc {
  readonly text = 'netem limit 1000 loss 100%';
  readonly stats = new QdiscStats();

  enqueue(skb: Skb, dev: NetDevice): void {
    this.stats.dropped++;
    dev.stats.txDropped++;
    dev.kernel.drop(skb, 'NETEM_PARTITION', dev);
  }
  stop(): void {}
}
