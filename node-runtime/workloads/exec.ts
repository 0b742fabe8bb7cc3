// exec: one more command in a place, from its input to its exit code.
import type { ExecIo } from '../kubelet/runtime.ts';
import { launch, NotFound } from './launch.ts';
import type { Place } from './process.ts';
import type { Shell } from './shell/shell.ts';

export interface ExecOptions {
  readonly shell: Shell;
  readonly place: Place;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly argv: readonly string[];
  readonly io: ExecIo;
  readonly signal: AbortSignal;
}

/** Answers the command's exit code: 127, and the runtime's words on standard error, when there is no such command. */
export async function execIn({
  shell,
  place,
  env,
  cwd = '/',
  argv,
  io,
  signal,
}: ExecOptions): Promise<number> {
  const { tty } = io;
  const writer =
    (to: 'stdout' | 'stderr') =>
    (chunk: string | Uint8Array): void => {
      if (chunk.length === 0) return;
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      // A terminal has one output.
      if (tty === undefined) io[to](bytes);
      else io.stdout(terminalOutput(bytes));
    };
  const err = writer('stderr');
  try {
    return await launch({
      place,
      argv,
      env,
      cwd,
      stdin: io.stdin,
      tty,
      signal,
      shell,
      out: writer('stdout'),
      err,
    });
  } catch (error) {
    err(`${error instanceof Error ? error.message : error}\n`);
    return error instanceof NotFound ? 127 : 1;
  }
}

const NEWLINE = 10;
const RETURN = 13;

/** ONLCR: a terminal goes back to the first column only when it is told to. */
export function terminalOutput(bytes: Uint8Array): Uint8Array {
  let lines = 0;
  for (const byte of bytes) if (byte === NEWLINE) lines++;
  if (lines === 0) return bytes;
  const out = new Uint8Array(bytes.length + lines);
  let at = 0;
  for (const byte of bytes) {
    if (byte === NEWLINE) out[at++] = RETURN;
    out[at++] = byte;
  }
  return out;
}
