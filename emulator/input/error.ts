// Bad input, said so that it can be mended: what is wrong, where, and what to write instead. Every command ends with
// exit code 2 on one.

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export class InputError extends Error {
  override readonly name = 'InputError';
  readonly code = 'E_INPUT';
  readonly place: Place | undefined;
  /** "cluster.network.backend" */
  readonly path: string;
  readonly mend: string;

  constructor(what: string, options: { place?: Place | undefined; path?: string; mend: string }) {
    const where =
      options.place === undefined
        ? ''
        : `${options.place.file}:${options.place.line}:${options.place.column}: `;
    const path = options.path === undefined || options.path === '' ? '' : `${options.path}: `;
    super(`${where}${path}${what}; ${options.mend}`);
    this.place = options.place;
    this.path = options.path ?? '';
    this.mend = options.mend;
  }
}

/** The candidate that `word` most likely meant: at most two letters off. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = 3;
  for (const candidate of candidates) {
    const d = distance(word.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}

export function oneOf(word: string, allowed: readonly string[]): string {
  const near = nearest(word, allowed);
  return `${near === undefined ? 'use' : `did you mean "${near}"? Use`} one of ${allowed.join(', ')}`;
}
