// A process's log: pino's JSON lines, each daemon a named child. pino itself takes a good part of a start, so it is loaded
// when the node is up and there is something to say; until then lines wait. A file is kept under a limit by starting a
// new one. Nothing on the packet path logs.
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import type { LogLevel } from '../emulator/protocol/records.ts';

type Level = Exclude<LogLevel, 'silent'>;
const ORDER: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug'];
/** pino's numbers. */
const LEVELS: Readonly<Record<Level, number>> = { error: 50, warn: 40, info: 30, debug: 20 };
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
  /** From now on lines are written: what has waited, now. */
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
  const base = { node: options.name, pid: process.pid };
  let rank = ORDER.indexOf(options.level);
  const waiting: Line[] = [];
  let write: ((line: Line) => void) | undefined;
  let destination: Destination | undefined;
  let open = false;
  let loading: Promise<void> | undefined;

  const say = (level: Level, fields: object, message: string): void => {
    if (ORDER.indexOf(level) > rank) return;
    const line = { level, time: now(), fields, message };
    if (write !== undefined) write(line);
    else {
      if (waiting.length < MAX_WAITING) waiting.push(line);
      if (open) void load();
    }
  };
  const load = (): Promise<void> => {
    loading ??= import('pino').then(({ pino }) => {
      if (write !== undefined) return; // closed meanwhile
      destination ??= openDestination(options.file);
      const logger = pino({ base, level: 'debug', timestamp: false }, destination);
      write = ({ level, time, fields, message }) => logger[level]({ time, ...fields }, message);
      for (const line of waiting.splice(0)) write(line);
    });
    return loading;
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
      open = true;
      if (waiting.length > 0) await load();
    },
    close() {
      if (waiting.length > 0) destination ??= openDestination(options.file);
      // As pino would have written them: there is no time to load it any more.
      for (const { level, time, fields, message } of waiting.splice(0))
        destination?.write(
          `${JSON.stringify({ level: LEVELS[level], ...base, time, ...fields, msg: message })}\n`,
        );
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
      if (lines !== '' && fd !== -1) size += writeSync(fd, lines);
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
      if (file !== undefined && fd !== -1) closeSync(fd);
      fd = -1;
    },
  };
}
