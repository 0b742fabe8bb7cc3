// What is wrong with a link, as a plain record, and the queue disciplines that make it so.
import type { NetDevice, Qdisc } from '../netns/device.ts';
import { Netem } from './netem.ts';
import type { NetemOptions } from './netem-options.ts';
import { Partition } from './partition.ts';
import { Tbf, type TbfOptions } from './tbf.ts';

/** With both, packets pass netem first and its rate limiter is tbf. `partition` cuts the link, whatever else is given. */
export interface Impairment {
  readonly partition?: boolean;
  readonly netem?: NetemOptions;
  readonly tbf?: TbfOptions;
}

/** The queue for it, or undefined when nothing is wrong. `place` keys chance; by default namespace and device. */
export function buildQdisc(dev: NetDevice, impairment: Impairment, place?: string): Qdisc | undefined {
  if (impairment.partition === true) return new Partition();
  const tbf = impairment.tbf === undefined ? undefined : new Tbf(dev, impairment.tbf);
  if (impairment.netem === undefined) return tbf;
  return new Netem(dev, impairment.netem, {
    ...(place === undefined ? {} : { place }),
    ...(tbf === undefined ? {} : { next: tbf }),
  });
}

/**
 * `tc qdisc replace dev DEV root …`, or `del` with undefined: what waited in the old queue is gone, as in Linux, but for
 * bands that the new one has as well.
 */
export function setQdisc(dev: NetDevice, qdisc: Qdisc | undefined): void {
  if (dev.qdisc !== undefined) {
    qdisc?.takeOver?.(dev.qdisc);
    dev.qdisc.stop();
  }
  dev.qdisc = qdisc;
}
