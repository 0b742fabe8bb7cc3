// The shell as the rest of the node sees it: a script goes in, output and exit code come out. Behind it is just-bash, in a worker
// thread where scripts may loop, or in this thread where time is virtual.
import type { Place, SpawnChange } from '../process.ts';

export interface ShellRequest {
  readonly place: Place;
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal;
  /** Runs a program of ours that the script calls. */
  readonly spawn: (argv: readonly string[], change: SpawnChange) => Promise<number>;
}

export interface ShellResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

export interface Shell {
  /** Rejects with Killed when the signal comes first. */
  run(request: ShellRequest): Promise<ShellResult>;
  stop(): void;
}
