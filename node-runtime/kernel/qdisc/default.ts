// The queue discipline that a device has when nobody set one: attach_default_qdiscs (net/sched/sch_generic.c). Devices here
// take every packet at once, so neither ever holds one; it is for `tc qdisc show`.
import type { NetDevice } from '../netns/device.ts';

/** Devices with a queue of their own behind them get pfifo_fast; virtual ones (IFF_NO_QUEUE) none. */
export const defaultQdiscText = (dev: NetDevice): string =>
  dev.kind === 'ether' || dev.kind === 'tun'
    ? 'pfifo_fast bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1'
    : 'noqueue';

/** What `tc qdisc show` prints behind the handle and "root". */
export const qdiscText = (dev: NetDevice): string => dev.qdisc?.text ?? defaultQdiscText(dev);
