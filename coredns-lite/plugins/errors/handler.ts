// Logs what went wrong with a query (CoreDNS plugin/errors); errors of a pattern can be counted over a while instead.
import { typeName } from '../../dns/types.ts';
import type { Clock, Log, Timer } from '../../host.ts';
import {
  after,
  type Handler,
  nextOrFailure,
  type Request,
  type Result,
  type Writer,
} from '../../server/plugin.ts';

export interface Pattern {
  readonly pattern: RegExp;
  /** Milliseconds from the first error to the line that counts them. */
  readonly period: number;
  readonly level: keyof Log;
  /** The first of a period is logged as it comes. */
  readonly showFirst: boolean;
}

interface Count {
  count: number;
  timer: Timer | undefined;
}

export class Errors implements Handler {
  readonly name = 'errors';
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #next: Handler | undefined;
  readonly #patterns: readonly Pattern[];
  readonly #counts: readonly Count[];

  constructor(patterns: readonly Pattern[], log: Log, clock: Clock, next: Handler | undefined) {
    this.#patterns = patterns;
    this.#counts = patterns.map(() => ({ count: 0, timer: undefined }));
    this.#log = log;
    this.#clock = clock;
    this.#next = next;
  }

  serve(w: Writer, r: Request): Result {
    const result = nextOrFailure(this.name, this.#next, w, r);
    if (typeof result === 'number' && r.error === undefined) return result;
    return after(result, (rcode) => {
      if (r.error !== undefined) this.#report(rcode, r, r.error);
      return rcode;
    });
  }

  #report(rcode: number, r: Request, error: string): void {
    const i = this.#patterns.findIndex(({ pattern }) => pattern.test(error));
    const pattern = this.#patterns[i];
    if (pattern !== undefined && this.#counted(i, pattern)) return;
    this.#log[pattern?.level ?? 'error'](`${rcode} ${r.lower} ${typeName(r.type)}: ${error}`);
  }

  /** Whether the error is only counted. */
  #counted(i: number, pattern: Pattern): boolean {
    const entry = this.#counts[i]!;
    if (++entry.count > 1) return true;
    entry.timer = this.#clock.after(pattern.period, () => this.#flush(i));
    return !pattern.showFirst;
  }

  #flush(i: number): void {
    const entry = this.#counts[i]!;
    const { pattern, period, level, showFirst } = this.#patterns[i]!;
    const { count } = entry;
    entry.timer?.cancel();
    entry.count = 0;
    if (count > 1 || (count === 1 && !showFirst))
      this.#log[level](`${count} errors like '${pattern.source}' occurred in last ${period / 1000}s`);
  }

  stop(): void {
    for (let i = 0; i < this.#counts.length; i++) this.#flush(i);
  }
}
