// What a traced packet met, as plain records. A room that decides something about a packet says so here, under
// `if (skb.trace !== 0)`: the words are made only then, so an untraced packet pays one comparison.

/** Where in the path a decision was made. */
export type TraceStage =
  | 'send' // handed to the kernel by a socket
  | 'output'
  | 'route'
  | 'neigh'
  | 'prerouting'
  | 'input'
  | 'forward'
  | 'localout'
  | 'postrouting'
  | 'bridge'
  | 'xmit' // leaves by a device
  | 'receive' // comes in by a device
  | 'qdisc'
  | 'encap'
  | 'decap'
  | 'tun' // crosses between kernel and user space
  | 'daemon' // handled by a user-space daemon
  | 'link' // crosses between node processes
  | 'fragment'
  | 'reassemble'
  | 'icmp' // an error made in answer
  | 'conntrack'
  | 'nat'
  | 'socket' // delivered
  | 'drop';

/** Set in the trace id of an answer to a traced packet, and of an ICMP error about one: which way an event was going. */
export const TRACE_REPLY = 0x8000;

export interface TraceEvent {
  readonly trace: number;
  /** Order within one kernel. */
  readonly seq: number;
  /** Milliseconds on the cluster's clock. */
  readonly time: number;
  readonly netns: string;
  readonly dev?: string;
  readonly stage: TraceStage;
  /** What was decided and why, in words for people. */
  readonly text: string;
  /** The same for programs: addresses, rule, table, next hop, sizes. */
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  /** The packet at this point, as `describe` prints it. */
  readonly packet: string;
}

/** Who gets the events; the node's supervision link in real life, an array in tests. */
export type TraceSink = (event: TraceEvent) => void;
