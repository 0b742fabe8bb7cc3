// The shapes in which a cluster's operations are asked for and answered.
import type { NetemRecord } from '../protocol/records.ts';

export interface ExecOptions {
  /** Which container of the pod; its first when left out. */
  readonly container?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Text or bytes given to the command's standard input, which then ends. */
  readonly stdin?: string | Uint8Array;
  /** Milliseconds of the cluster's clock after which the command is killed (exit code 124, as timeout(1)). */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface ExecProcess {
  write(data: string | Uint8Array): void;
  /** Ends its standard input. */
  end(): void;
  resize(columns: number, rows: number): void;
  kill(signal?: string): void;
  onOutput(listener: (chunk: Uint8Array, channel: 'stdout' | 'stderr') => void): void;
  readonly exited: Promise<{ readonly code: number; readonly reason?: string }>;
}

export interface TraceOptions {
  readonly proto?: 'icmp' | 'udp' | 'tcp';
  readonly port?: number;
  readonly srcPort?: number;
  /** Payload bytes. */
  readonly size?: number;
  readonly df?: boolean;
  readonly ttl?: number;
  readonly srcIp?: string;
  /** Leaves by this device of the source, whatever its routes say. */
  readonly device?: string;
  /** How long to wait for an answer, in milliseconds. */
  readonly timeout?: number;
}

export interface CapturedFrame {
  /** "n1/cni0", "pod/a/eth0". */
  readonly device: string;
  readonly time: number;
  readonly outgoing: boolean;
  readonly trace: number;
  readonly length: number;
  readonly bytes: Uint8Array;
  /** The frame in one line. */
  readonly text: string;
  readonly drop?: string | undefined;
}

/** A running capture of one or more devices. */
export interface Capture {
  /** Stops it; the whole pcapng file. */
  stop(): Promise<Uint8Array>;
  /** What was seen until now. */
  readonly frames: readonly CapturedFrame[];
}

/** What happens to frames on a link. */
export type LinkEffect = Omit<NetemRecord, 'type'> | { readonly partition: true };

/** One line of `podwire status`. */
export interface NodeStatus {
  readonly name: string;
  /** running, paused, restarting, failed: what the process does. */
  readonly process: string;
  readonly pid: number | undefined;
  /** Ready, NotReady, Unknown: what the API server says. */
  readonly ready: string;
  readonly address: string;
  readonly podCIDR: string | undefined;
  readonly restarts: number;
  /** What its last start took until it was set up: milliseconds since the process began, and of CPU. */
  readonly start: { readonly ms: number; readonly cpuMs: number } | undefined;
}
