// What a process is told before anything else, and what it says when it can be reached. The record goes through standard
// input (process), workerData (thread) or an argument (inline): a secret never stands in argv or the environment, where
// every program of the user can read it.
import { type LogLevel, logLevel } from './records.ts';
import { bool, type Check, int, oneOf, optional, real, record, text } from './shape.ts';

export interface BootRecord {
  readonly role: 'node' | 'fabric';
  readonly name: string;
  /** Hexadecimal; one per cluster. */
  readonly secret: string;
  /** Where to listen for peers and the emulator; port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** False where peers cannot reach that address: they get what we dial. */
  readonly dialable: boolean;
  /** Foreground: ends with the emulator. Background: goes on without it, for `orphanTimeout` milliseconds. */
  readonly lifetime: 'foreground' | 'background';
  readonly orphanTimeout: number;
  /** JSON lines go here; undefined: to standard error. */
  readonly logFile?: string | undefined;
  readonly logLevel: LogLevel;
}
export const bootRecord: Check<BootRecord> = record<BootRecord>({
  role: oneOf('node', 'fabric'),
  name: text(253),
  secret: text(256),
  listen: record<BootRecord['listen']>({ host: text(253), port: int(0, 65_535) }),
  dialable: bool,
  lifetime: oneOf('foreground', 'background'),
  orphanTimeout: real(0),
  logFile: optional(text(4096)),
  logLevel,
});

/** What a process writes on file descriptor 3, and a worker posts, as soon as it listens. */
export interface Announcement {
  readonly url: string;
  readonly pid: number;
}
export const announcement: Check<Announcement> = record<Announcement>({ url: text(512), pid: int() });

/** How a node process ends. */
export const EXIT = {
  /** It was asked to. */
  ok: 0,
  /** A broken invariant: the log says which. */
  crashed: 1,
  /** The boot record cannot be read. */
  usage: 2,
  /** It could not listen, or be set up as configured. */
  start: 3,
  /** Its emulator is gone, and nobody adopted it. */
  orphaned: 4,
} as const;
