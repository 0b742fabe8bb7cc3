// The results of route look-ups, filled in rather than made: one of each per namespace serves every packet, since who
// asks reads the answer before anything else can ask.
import type { NetDevice } from '../netns/device.ts';
import type { DropReason } from '../trace/drop-reason.ts';
import { ANY, type Ipv4 } from '../wire/addr.ts';
import type { Route } from './route.ts';

/** Where a packet of ours goes: the part of struct rtable and flowi4 that is the packet's own. */
export interface OutputChoice {
  route: Route;
  src: Ipv4;
  /** The device it leaves by: the loopback device for what is our own. */
  dev: NetDevice;
}

/** What becomes of a packet that came in: it goes on (`route`), is answered with an ICMP error, or dies. */
export interface InputVerdict {
  route: Route | undefined;
  /** Tell the sender of a better way. */
  redirect: boolean;
  /** Why it dies, while `route` is undefined. */
  reason: DropReason;
  /** What routing answers: dst.error of ip_error. */
  error: 'EHOSTUNREACH' | 'ENETUNREACH' | 'EACCES' | 'EINVAL' | undefined;
}

export const newChoice = (): OutputChoice => ({
  route: undefined as unknown as Route,
  src: ANY,
  dev: undefined as unknown as NetDevice,
});

export const newVerdict = (): InputVerdict => ({
  route: undefined,
  redirect: false,
  reason: 'NOT_SPECIFIED',
  error: undefined,
});
