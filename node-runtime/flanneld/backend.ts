// What every back end is (flannel pkg/backend/common.go): it makes its device, takes the lease, and then turns lease events into
// changes. Each folder beside this file has one, with the same two exports: `plan` and `register`.
import type { Clock } from '../kernel/clock/clock.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import type { Rtnetlink } from '../kernel/rtnetlink/rtnetlink.ts';
import type { Ipv4, Mac } from '../kernel/wire/addr.ts';
import type { Lease, LeaseAttrs, LeaseEvent } from './lease.ts';
import type { NetConf } from './net-conf.ts';
import type { DaemonLog } from './node-api.ts';

/** backend.ExternalInterface. */
export interface ExternalInterface {
  readonly name: string;
  readonly mtu: number;
  /** The device's own address. */
  readonly address: Ipv4;
  /** What other nodes are told: the address, unless overwritten. */
  readonly publicIP: Ipv4;
}

export interface BackendContext {
  readonly conf: NetConf;
  readonly ext: ExternalInterface;
  readonly ns: Netns;
  readonly rtnl: Rtnetlink;
  readonly clock: Clock;
  readonly log: DaemonLog;
  /** A random locally administered unicast MAC. */
  readonly randomMac: () => Mac;
  /** Writes our attributes where the others look, and answers with our lease. */
  acquireLease(attrs: LeaseAttrs): Promise<Lease>;
  /** What we wrote before a restart, if anything. */
  storedData(): unknown;
}

/** backend.Network: a back end at work. */
export interface BackendNetwork {
  readonly lease: Lease;
  /** What pods' devices get. */
  readonly mtu: number;
  /** Errors are logged, not thrown: one bad lease must not keep the others out. */
  handle(events: readonly LeaseEvent[]): void;
  stop(): void;
}

export interface Backend {
  register(context: BackendContext): Promise<BackendNetwork>;
}
