// Exit codes, the same for every verb, and how an error becomes one.
import { CommanderError } from 'commander';
import { InputError } from '../input/error.ts';

export const EXIT = {
  ok: 0,
  /** An expectation failed, or what was asked for is not there. */
  failed: 1,
  /** The input is wrong, usage included. */
  input: 2,
  /** The cluster could not be started, or broke. */
  broken: 3,
  /** The machine was too slow to keep the promise. */
  inconclusive: 4,
  interrupted: 130,
} as const;

const CODES: Readonly<Record<string, number>> = {
  E_INPUT: EXIT.input,
  E_INVALID: EXIT.input,
  E_NOT_FOUND: EXIT.failed,
  E_EXISTS: EXIT.failed,
};

/** Says what went wrong on standard error, and what to exit with. */
export function fail(error: unknown): number {
  // commander has printed its own; help and version are no errors.
  if (error instanceof CommanderError) {
    if (error.code === 'podwire.number') warn(`podwire: ${error.message}`);
    return error.exitCode === 0 ? EXIT.ok : EXIT.input;
  }
  const { code, message } = error as { code?: unknown; message?: string };
  warn(`podwire: ${message ?? String(error)}`);
  if (error instanceof InputError) return EXIT.input;
  return (typeof code === 'string' ? CODES[code] : undefined) ?? EXIT.broken;
}

export function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

const aborter = new AbortController();
/** Aborted by the first SIGINT or SIGTERM: whoever runs something cleans up and ends with EXIT.interrupted. */
export const stopSignal: AbortSignal = aborter.signal;

/** The first signal asks for an orderly end; a second one does not wait for it. */
export function interrupted(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (aborter.signal.aborted) process.exit(EXIT.interrupted);
      aborter.abort(new Interrupted());
    });
}

export class Interrupted extends Error {
  constructor() {
    super('interrupted');
  }
}
