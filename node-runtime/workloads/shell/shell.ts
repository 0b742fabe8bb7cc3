// The shell as the rest of the node sees it: a script goes in, output comes out while it runs, and an exit code at its end.
// Behind it is just-bash, in a worker thread where scripts may loop, or in this thread where time is virtual.
import type { Place, SpawnChange } from '../process.ts';

/** What is to be run: a script with its positional parameters, or lines of standard input as they come. */
export type ShellTask =
  | { readonly kind: 'script'; readonly script: string; readonly args: readonly string[] }
  | { readonly kind: 'interactive'; readonly prompt: string };

export interface ShellRequest {
  readonly place: Place;
  readonly task: ShellTask;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly tty: { readonly columns: number; readonly rows: number } | undefined;
  readonly signal: AbortSignal;
  out(chunk: Uint8Array): void;
  err(chunk: Uint8Array): void;
  /** Runs a program of ours that the script calls. */
  readonly spawn: (argv: readonly string[], change: SpawnChange) => Promise<number>;
  /** Runs a job of the script, on beyond its end. */
  readonly background: (script: string, env: Readonly<Record<string, string>>, cwd: string) => number;
}

export interface Shell {
  /** The exit code. Rejects with Killed when the signal comes first. */
  run(request: ShellRequest): Promise<number>;
  stop(): void;
}
