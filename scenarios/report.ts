// What a run says: each check with what was expected and what was seen, and a verdict.

export interface Check {
  readonly name: string;
  readonly expected: string;
  readonly seen: string;
  readonly ok: boolean;
  /** More lines for one that failed: where the packet died, a command's output. */
  readonly detail?: readonly string[];
}

export interface Report {
  /** A heading within the scenario. */
  heading(text: string): void;
  check(check: Check): void;
  /** Lines that belong to a step but are no check: a trace. */
  print(lines: readonly string[]): void;
}

export interface Verdict {
  readonly scenario: string;
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Milliseconds from the command to the end of the last step, tearing down left out. */
  readonly ms: number;
  /** Why it could not be finished, when it was not the checks. */
  readonly error?: string;
}

/** A Report that keeps all it is told and passes it on to `next`. */
export class Recorder implements Report {
  readonly checks: Check[] = [];
  readonly #next: Report;
  constructor(next: Report) {
    this.#next = next;
  }
  heading(text: string): void {
    this.#next.heading(text);
  }
  print(lines: readonly string[]): void {
    this.#next.print(lines);
  }
  check(check: Check): void {
    this.checks.push(check);
    this.#next.check(check);
  }
  get ok(): boolean {
    return this.checks.every((c) => c.ok);
  }
}
