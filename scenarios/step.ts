// What a step is: one verb with its fields, read from the file before anything starts, then run in order. Each verb is a
// file in steps/ that exports one Verb.
import type { Capture, Cluster, ExecProcess, Reader } from '../emulator/client.ts';
import type { Report } from './report.ts';

export interface RunContext {
  readonly cluster: Cluster;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Folder of the scenario file: relative paths in it start here. */
  readonly folder: string;
  /** Captures and commands that a step started and a later one ends, by name. */
  readonly captures: Map<string, Capture>;
  readonly processes: Map<string, ExecProcess>;
  /** Runs steps that a verb contains (parallel, repeat). */
  runSteps(steps: readonly Step[]): Promise<void>;
}

export interface Verb<T> {
  readonly name: string;
  /** One line for the reference page. */
  readonly about: string;
  read(at: Reader, readStep: (at: Reader) => Step): T;
  run(step: T, context: RunContext): Promise<void>;
}

export interface Step {
  /** The step's own words for itself, or made from its verb. */
  readonly name: string | undefined;
  readonly verb: string;
  readonly where: string;
  run(context: RunContext): Promise<void>;
}

/** A step could not be carried out at all: the run ends with exit code 3 or 1, not with a failed check. */
export class StepError extends Error {
  override readonly name = 'StepError';
}
