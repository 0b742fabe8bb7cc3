// The records that messages carry: where a thing is, what a probe is, what a link does to frames. Plain data on both
// sides; checks stand beside their types.
import type { ClusterSpec, NodeSpec } from './cluster.ts';
import {
  bool,
  bytes,
  type Check,
  dict,
  int,
  list,
  oneOf,
  optional,
  plain,
  real,
  record,
  text,
  union,
} from './shape.ts';

const name = text(253);

/** What a process of the cluster is told once, when it starts or is adopted. */
export interface NodeConfig {
  readonly cluster: ClusterSpec;
  /** Undefined for the fabric. */
  readonly node?: NodeSpec | undefined;
  readonly api: ApiAccess;
  readonly logLevel: LogLevel;
}
/** Nodes reach the API server at control plane:6443 on the underlay; only the fabric needs where it really is. */
export interface ApiAccess {
  /** "192.168.100.2:6443", as nodes see it. */
  readonly underlay: string;
  /** Loopback address of the host: "127.0.0.1:40123"; for the fabric only. */
  readonly host?: string | undefined;
  readonly token: string;
  /** PEM; undefined while the API speaks plain HTTP. */
  readonly ca?: string | undefined;
}
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';
export const logLevel: Check<LogLevel> = oneOf('silent', 'error', 'warn', 'info', 'debug');

export const nodeConfig: Check<NodeConfig> = record<NodeConfig>({
  // The emulator checked the cluster where it read it.
  cluster: plain as Check<ClusterSpec>,
  node: optional(plain as Check<NodeSpec>),
  api: record<ApiAccess>({
    underlay: text(64),
    host: optional(text(128)),
    token: text(8192),
    ca: optional(text(65_536)),
  }),
  logLevel,
});

/** A file on a node's disk. The emulator keeps them, so that a node that was killed finds them again. */
export interface DiskFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}
export const diskFile: Check<DiskFile> = record<DiskFile>({
  path: text(4096),
  mode: int(0, 0o7777),
  bytes: bytes(1 << 20),
});

/** A process that frames can be sent to. */
export interface Peer {
  /** "node-1", or "fabric". */
  readonly name: string;
  /** "ws://127.0.0.1:40211"; empty while it is down or cannot be dialled. */
  readonly url: string;
}
/** A NIC's plug on a segment: which peer has this MAC. */
export interface Plug {
  readonly segment: string;
  readonly mac: string;
  readonly peer: string;
}
/** The whole patching of the underlay. What is not in `plugs` goes through the segment's switch in the fabric. */
export interface Cabling {
  readonly version: number;
  readonly peers: readonly Peer[];
  readonly plugs: readonly Plug[];
}
export const cabling: Check<Cabling> = record<Cabling>({
  version: int(),
  peers: list(record<Peer>({ name, url: text(512) })),
  plugs: list(record<Plug>({ segment: name, mac: text(17), peer: name })),
});

/** A device of a node: netns "host" is the node's own; others are named after their pod or container. */
export interface DeviceRef {
  readonly netns: string;
  readonly dev: string;
}
const deviceRef: Check<DeviceRef> = record<DeviceRef>({ netns: name, dev: text(64) });

/** Times in milliseconds, shares in percent, rate in bits per second: tc-netem(8) and tc-tbf(8). */
export interface NetemRecord {
  readonly type: 'netem';
  readonly delay?: number | undefined;
  readonly jitter?: number | undefined;
  readonly delayCorrelation?: number | undefined;
  readonly distribution?: 'uniform' | 'normal' | 'pareto' | 'paretonormal' | undefined;
  readonly loss?: number | undefined;
  readonly lossCorrelation?: number | undefined;
  /** Gilbert-Elliott: p, r, 1-h, 1-k in percent. */
  readonly lossGemodel?: readonly number[] | undefined;
  readonly duplicate?: number | undefined;
  readonly duplicateCorrelation?: number | undefined;
  readonly corrupt?: number | undefined;
  readonly corruptCorrelation?: number | undefined;
  readonly reorder?: number | undefined;
  readonly reorderCorrelation?: number | undefined;
  readonly gap?: number | undefined;
  readonly rate?: number | undefined;
  /** Packets that may wait. */
  readonly limit?: number | undefined;
  readonly ecn?: boolean | undefined;
}
export interface TbfRecord {
  readonly type: 'tbf';
  /** Bits per second; bytes; bytes. */
  readonly rate: number;
  readonly burst: number;
  readonly limit: number;
}
export interface PartitionRecord {
  readonly type: 'partition';
}
export type ImpairmentEffect = NetemRecord | TbfRecord | PartitionRecord;

/** Which frames of a device are meant; no field: all of them. A frame must match every field that is given. */
export interface ImpairmentMatch {
  readonly peerMacs?: readonly string[] | undefined;
  /** Prefixes; an outgoing packet's destination, an incoming one's source. */
  readonly peerIps?: readonly string[] | undefined;
}
export interface Impairment {
  /** Names it in `tc`, in traces and when it is taken away. */
  readonly name: string;
  readonly at: DeviceRef;
  readonly direction: 'egress' | 'ingress';
  readonly match: ImpairmentMatch;
  readonly effect: ImpairmentEffect;
}
const percent = optional(real(0, 100));
const millis = optional(real(0, 3_600_000));
export const impairment: Check<Impairment> = record<Impairment>({
  name,
  at: deviceRef,
  direction: oneOf('egress', 'ingress'),
  match: record<ImpairmentMatch>({
    peerMacs: optional(list(text(17), 4096)),
    peerIps: optional(list(text(18), 4096)),
  }),
  effect: union<ImpairmentEffect, 'type'>('type', {
    partition: record<PartitionRecord>({ type: oneOf('partition') }),
    tbf: record<TbfRecord>({ type: oneOf('tbf'), rate: real(1), burst: int(1), limit: int(1) }),
    netem: record<NetemRecord>({
      type: oneOf('netem'),
      delay: millis,
      jitter: millis,
      delayCorrelation: percent,
      distribution: optional(oneOf('uniform', 'normal', 'pareto', 'paretonormal')),
      loss: percent,
      lossCorrelation: percent,
      lossGemodel: optional(list(real(0, 100), 4)),
      duplicate: percent,
      duplicateCorrelation: percent,
      corrupt: percent,
      corruptCorrelation: percent,
      reorder: percent,
      reorderCorrelation: percent,
      gap: optional(int(0, 65_535)),
      rate: optional(real(1)),
      limit: optional(int(1, 10_000_000)),
      ecn: optional(bool),
    }),
  }),
});

/** Where a command or a probe runs. */
export type Place =
  | { readonly kind: 'node' }
  | {
      readonly kind: 'pod';
      readonly namespace: string;
      readonly pod: string;
      readonly container?: string | undefined;
    }
  | { readonly kind: 'docker'; readonly container: string }
  /** A namespace of the fabric: an outside host, the router, the control plane. */
  | { readonly kind: 'netns'; readonly netns: string };
export const place: Check<Place> = union<Place, 'kind'>('kind', {
  node: record<{ kind: 'node' }>({ kind: oneOf('node') }),
  pod: record<Extract<Place, { kind: 'pod' }>>({
    kind: oneOf('pod'),
    namespace: name,
    pod: name,
    container: optional(name),
  }),
  docker: record<Extract<Place, { kind: 'docker' }>>({ kind: oneOf('docker'), container: name }),
  netns: record<Extract<Place, { kind: 'netns' }>>({ kind: oneOf('netns'), netns: name }),
});

/** One packet to send and follow. */
export interface ProbeRecord {
  /** 1 to 32767; marks the packet, and with bit 15 set its replies and ICMP errors about it. */
  readonly trace: number;
  readonly from: Place;
  /** Sent out of this device of `from` instead of where its route says. */
  readonly dev?: string | undefined;
  readonly dst: string;
  readonly proto: 'icmp' | 'udp' | 'tcp';
  readonly srcPort?: number | undefined;
  readonly dstPort?: number | undefined;
  /** Bytes of payload. */
  readonly size: number;
  readonly df: boolean;
  readonly ttl?: number | undefined;
  readonly srcIp?: string | undefined;
  /** How long to wait for a reply, in milliseconds. */
  readonly timeout: number;
}
const port = optional(int(0, 65_535));
export const probe: Check<ProbeRecord> = record<ProbeRecord>({
  trace: int(1, 32_767),
  from: place,
  dev: optional(text(64)),
  dst: text(64),
  proto: oneOf('icmp', 'udp', 'tcp'),
  srcPort: port,
  dstPort: port,
  size: int(0, 65_535),
  df: bool,
  ttl: optional(int(1, 255)),
  srcIp: optional(text(64)),
  timeout: real(0, 600_000),
});

/** What the sender of a probe saw itself. */
export interface ProbeOutcome {
  readonly result: 'reply' | 'icmp-error' | 'refused' | 'connected' | 'timeout' | 'not-sent';
  /** In words: "Destination Host Unreachable from 10.244.1.1". */
  readonly text: string;
  /** Milliseconds until the answer. */
  readonly rtt?: number | undefined;
  readonly icmp?:
    | { readonly type: number; readonly code: number; readonly from: string; readonly mtu: number }
    | undefined;
  /** Errno's name for `not-sent`: "ENETUNREACH". */
  readonly error?: string | undefined;
}
export const probeOutcome: Check<ProbeOutcome> = record<ProbeOutcome>({
  result: oneOf('reply', 'icmp-error', 'refused', 'connected', 'timeout', 'not-sent'),
  text: text(),
  rtt: optional(real(0)),
  icmp: optional(
    record<NonNullable<ProbeOutcome['icmp']>>({
      type: int(0, 255),
      code: int(0, 255),
      from: text(64),
      mtu: int(0, 65_535),
    }),
  ),
  error: optional(text(64)),
});

/** A trace event as the node's kernel made it (node-runtime/kernel/trace/event.ts). */
export interface TraceRecord {
  readonly trace: number;
  readonly seq: number;
  /** Milliseconds on the clock that all processes of the cluster share. */
  readonly time: number;
  readonly netns: string;
  readonly dev?: string | undefined;
  readonly stage: string;
  readonly text: string;
  readonly facts: Readonly<Record<string, string | number | boolean>>;
  readonly packet: string;
}
const fact: Check<string | number | boolean> = (value, path) =>
  typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string'
    ? undefined
    : `${path}: expected text, a number, true or false`;
export const traceRecord: Check<TraceRecord> = record<TraceRecord>({
  trace: int(1, 65_535),
  seq: int(),
  time: real(),
  netns: name,
  dev: optional(text(64)),
  stage: text(64),
  text: text(),
  facts: dict(fact, 64),
  packet: text(),
});

/** One captured frame. */
export interface CaptureRecord {
  /** Milliseconds on the cluster's clock. */
  readonly time: number;
  readonly outgoing: boolean;
  /** 0: not traced. */
  readonly trace: number;
  /** Bytes it had before the snap length cut it. */
  readonly length: number;
  readonly bytes: Uint8Array;
  /** The frame in one line. */
  readonly text: string;
  /** Why the packet died here, if it did. */
  readonly drop?: string | undefined;
}
export const captureRecord: Check<CaptureRecord> = record<CaptureRecord>({
  time: real(),
  outgoing: bool,
  trace: int(0, 65_535),
  length: int(0, 131_072),
  bytes: bytes(131_072),
  text: text(),
  drop: optional(text()),
});
/** LINKTYPE_ETHERNET or LINKTYPE_RAW (www.tcpdump.org/linktypes.html). */
export type LinkType = 1 | 101;

/** A remembered drop (node-runtime/kernel/trace/tracer.ts). */
export interface DropEntry {
  readonly time: number;
  readonly netns: string;
  readonly dev?: string | undefined;
  readonly reason: string;
  readonly detail?: string | undefined;
  readonly trace: number;
  /** The packet's first bytes, and the same in words. */
  readonly bytes: Uint8Array;
  readonly hasMac: boolean;
  readonly packet: string;
}

export interface DeviceReport {
  readonly netns: string;
  readonly dev: string;
  readonly ifindex: number;
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly addresses: readonly string[];
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly txErrors: number;
  readonly txDropped: number;
}
/** One underlay link as its sender counts it. */
export interface LinkReport {
  readonly peer: string;
  readonly state: 'closed' | 'opening' | 'open' | 'backoff';
  readonly masked: boolean;
  readonly queued: number;
  readonly unacked: number;
  readonly txFrames: number;
  readonly txBatches: number;
  readonly txBytes: number;
  readonly rxFrames: number;
  readonly rxBatches: number;
  readonly rxBytes: number;
  readonly dropped: number;
  readonly malformed: number;
  readonly opened: number;
}
export interface StatsReport {
  readonly time: number;
  readonly uptime: number;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly rssBytes: number;
  readonly devices: readonly DeviceReport[];
  readonly links: readonly LinkReport[];
  /** Packets dropped since boot, by reason. */
  readonly drops: Readonly<Record<string, number>>;
  /** Whatever rooms count besides: "conntrack.entries", "tun.toUser". */
  readonly counters: Readonly<Record<string, number>>;
}
/** What a command printed. */
export interface ViewResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}
