// A process's log: pino's JSON lines, each daemon a named child. pino itself is loaded when the node is up (it takes a
// good part of a start), so the first lines wait; a file is kept under a limit by starting a new one. Nothing on the
// packet path logs.
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import type { LogLevel } from '../emulator/protocol/records.ts';

type Level = Exclude<LogLevel, 'silent'>;
const ORDER: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug'];
/** Bytes after which a file becomes FILE.1 and a new one is begun. */
const MAX_FILE = 8 << 20;
const MAX_WAITING = 1000;

export interface Log {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  child(bindings: { readonly daemon: string }): Log;
}

export interface RootLog extends Log {
  setLevel(level: LogLevel): void;
  /** Loads pino and writes what has waited. */
  open(): Promise<void>;
  /** Writes what can still be written, now, and closes the file. */
  close(): void;
}

/** For tests, and for whoever wants no log. */
export const silentLog: Log = { error() {}, warn() {}, info() {}, debug() {}, child: () => silentLog };

interface Line {
  readonly level: Level;
  readonly time: number;
  readonly fields: object;
  readonly message: string;
}

export function createLog(options: {
  readonly name: string;
  readonly level: LogLevel;
  /** Undefined: standard error. */
  readonly file?: string | undefined;
  readonly now?: () => number;
}): RootLog {
  const now = options.now ?? Date.now;
  let rank = ORDER.indexOf(options.level);
  let waiting: Line[] = [];
  let write: ((line: Line) => void) | undefined;
  let destination: Destination | undefined;

  const say = (level: Level, fields: object, message: string): void => {
    if (ORDER.indexOf(level) > rank) return;
    const line = { level, time: now(), fields, message };
    if (write !== undefined) write(line);
    else if (waiting.length < MAX_WAITING) waiting.push(line);
  };
  const face = (bindings: object): Log => ({
    error: (fields, message) => say('error', { ...bindings, ...fields }, message),
    warn: (fields, message) => say('warn', { ...bindings, ...fields }, message),
    info: (fields, message) => say('info', { ...bindings, ...fields }, message),
    debug: (fields, message) => say('debug', { ...bindings, ...fields }, message),
    child: (more) => face({ ...bindings, ...more }),
  });
  return {
    ...face({}),
    setLevel(level) {
      rank = ORDER.indexOf(level);
    },
    async open() {
      if (write !== undefined) return;
      const { pino } = await import('pino');
      destination = openDestination(options.file);
      const logger = pino(
        { base: { node: options.name, pid: process.pid }, level: 'debug', timestamp: false },
        destination,
      );
      write = ({ level, time, fields, message }) => logger[level]({ time, ...fields }, message);
      for (const line of waiting) write(line);
      waiting = [];
    },
    close() {
      if (write === undefined)
        for (const { level, time, fields, message } of waiting)
          process.stderr.write(
            `${JSON.stringify({ level, node: options.name, time, ...fields, msg: message })}\n`,
          );
      waiting = [];
      write = () => {};
      destination?.close();
    },
  };
}

interface Destination {
  write(line: string): void;
  close(): void;
}

/**
 * Lines of a turn are written together at its end. Not pino's own destination: its last flush before an exit tries for
 * ever where nothing can be written (a reader that is gone, a full disk). Here such lines are lost, and the node goes on.
 */
function openDestination(file: string | undefined): Destination {
  let fd = file === undefined ? 2 : openSync(file, 'a', 0o600);
  let size = file === undefined ? 0 : fstatSync(fd).size;
  let text = '';
  const flush = (): void => {
    const lines = text;
    text = '';
    try {
      if (lines !== '') size += writeSync(fd, lines);
      if (file === undefined || size < MAX_FILE) return;
      closeSync(fd);
      renameSync(file, `${file}.1`);
      fd = openSync(file, 'a', 0o600);
      size = 0;
    } catch {
      // Nowhere to say it.
    }
  };
  return {
    write(line) {
      if (text === '') setImmediate(flush);
      text += line;
    },
    close() {
      flush();
      if (file !== undefined) closeSync(fd);
    },
  };
}
