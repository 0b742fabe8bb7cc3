// Where a node runs: in a process of its own, in a thread, or in this process. The supervisor sees one shape.
import type { BootRecord } from '../protocol/boot.ts';
import type { BytePort } from '../protocol/inline.ts';

export interface Exit {
  /** Undefined when a signal ended it, or when it is not our child and only its absence is known. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  /** The last of what it wrote to standard error. */
  readonly stderr: string;
}

/** A node that was started (or found running), whoever it is configured by. */
export interface Placed {
  readonly pid: number;
  /** Milliseconds since 1970; 0 where nobody will ask. */
  readonly startTime: number;
  readonly url: string;
  /** Opens a supervision connection; rejects with a ProtocolError. */
  connect(): Promise<BytePort>;
  /** At once, without asking. */
  kill(): void;
  pause(): void;
  resume(): void;
  readonly exited: Promise<Exit>;
  /** Forgets it without ending it. */
  release(): void;
}

export interface Placement {
  readonly kind: 'process' | 'thread' | 'inline';
  /** Resolves when it listens; rejects with a ProtocolError E_START that says why it does not. */
  start(boot: BootRecord): Promise<Placed>;
}
