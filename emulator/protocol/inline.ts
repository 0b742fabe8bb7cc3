// What a bundle of the node runtime offers to a process that wants nodes inside itself (inline placement). The emulator
// knows these shapes and the bundle's path, never its sources.
import type { BootRecord } from './boot.ts';

export interface InlineTimer {
  readonly deadline: number;
  cancel(): void;
}
/** The clock that all nodes of a world read, and that the emulator must read too. */
export interface InlineClock {
  readonly epoch: number;
  now(): number;
  at(deadline: number, fn: () => void): InlineTimer;
  after(ms: number, fn: () => void): InlineTimer;
}

/** One end of a supervision connection: encoded messages, in order. */
export interface BytePort {
  send(data: Uint8Array): void;
  onData: (data: Uint8Array) => void;
  onClose: () => void;
  close(): void;
}

export interface InlineMachine {
  /** Where peers find it: "memory:node-1". */
  readonly url: string;
  connect(): BytePort;
  /** As SIGKILL: at once, and nothing is said to anybody. */
  kill(): void;
  /** As SIGSTOP and SIGCONT: its time stands still, its frames wait. */
  pause(): void;
  resume(): void;
  readonly exited: Promise<number>;
}

export interface InlineWorld {
  readonly clock: InlineClock;
  start(boot: BootRecord): InlineMachine;
  /**
   * Virtual time moves only while somebody waits for the emulation: between `wait()` and the call of what it returns.
   * In real time this does nothing.
   */
  wait(): () => void;
  /** While something outside of the emulation is at work for it (a shell in a worker), virtual time stands still. */
  hold(): () => void;
  stop(): void;
}

export interface InlineModule {
  createWorld(options: {
    readonly virtualTime: boolean;
    /** Wall-clock time of virtual time's zero, in milliseconds since 1970. */
    readonly epoch?: number;
    /** How the fabric reaches the API server. */
    readonly dial?: () => import('node:stream').Duplex;
  }): InlineWorld;
}
