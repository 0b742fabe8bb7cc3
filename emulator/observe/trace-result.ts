// What one traced packet met, from its sender to where it ended and back: the stable schema behind `podwire trace -o
// json` (docs/reference/trace.md). Fields are added, never renamed.

import type { ServiceStep } from './trace-service.ts';

export interface TraceResult {
  readonly schemaVersion: 1;
  readonly source: string;
  readonly destination: string;
  readonly packet: {
    readonly proto: 'icmp' | 'udp' | 'tcp';
    readonly src: string;
    readonly dst: string;
    readonly srcPort?: number;
    readonly dstPort?: number;
    readonly size: number;
    readonly df: boolean;
    readonly ttl: number;
  };
  /** In the order of their times; `reply` says which way the packet was going. */
  readonly hops: readonly Hop[];
  readonly outcome: Outcome;
  /** Services the packet met: which endpoint was chosen and how, or why none was. */
  readonly services: readonly ServiceStep[];
  /** Times a packet crossed between a kernel and a user-space daemon: two each way per node in UDP mode. */
  readonly crossings: number;
  /** Milliseconds until the answer, undefined without one. */
  readonly rtt?: number;
}

export interface Hop {
  readonly node: string;
  /** "host", or the pod's or container's namespace. */
  readonly netns: string;
  readonly device?: string;
  /** Where in the path: a hook or a device's side (node-runtime/kernel/trace/event.ts). */
  readonly stage: string;
  readonly text: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** The packet at this point, in one line. */
  readonly packet: string;
  /** Milliseconds since the packet was sent. */
  readonly time: number;
  readonly reply: boolean;
}

export interface Outcome {
  /**
   * delivered: a socket (or the kernel, for echo) took it. rejected: an ICMP error or a reset came back. dropped: it died
   * and nothing was said. not-sent: the sender's own kernel refused it.
   */
  readonly result: 'delivered' | 'rejected' | 'dropped' | 'not-sent';
  /** One sentence. */
  readonly text: string;
  /** Where it was delivered or died. */
  readonly node?: string;
  readonly netns?: string;
  readonly device?: string;
  /** As the receiver saw it. */
  readonly received?: { readonly src: string; readonly dst: string; readonly ttl: number };
  /** Drop reason by its stable name. */
  readonly reason?: string;
  /** The object that is to blame, in a sentence: "Service default/web has no ready endpoints; …". */
  readonly cause?: string;
  readonly icmp?: {
    readonly type: number;
    readonly code: number;
    readonly from: string;
    readonly mtu: number;
  };
  /** Did an answer come back to the sender? */
  readonly answered: boolean;
  readonly fragments?: number;
}
