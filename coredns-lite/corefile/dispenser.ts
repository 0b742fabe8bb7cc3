// One directive's tokens, handed out to its setup (coredns/caddy caddyfile/dispenser.go): occurrences, their arguments,
// and the lines of their blocks.
import { CorefileError, type Place } from './error.ts';
import type { Token } from './lexer.ts';

/** One line: its first word and the words after it, with the block that ends it, if one does. */
export interface Line extends Place {
  readonly name: string;
  readonly args: readonly Token[];
  /** Undefined where no { … } follows. */
  readonly block: readonly Line[] | undefined;
}

/** A directive's occurrences, in the order of the file. */
export function linesOf(tokens: readonly Token[]): Line[] {
  const cursor = { at: 0 };
  const lines = readLines(tokens, cursor);
  return lines;
}

function readLines(tokens: readonly Token[], cursor: { at: number }): Line[] {
  const lines: Line[] = [];
  while (cursor.at < tokens.length) {
    const first = tokens[cursor.at]!;
    if (first.text === '}') {
      cursor.at++;
      return lines;
    }
    cursor.at++;
    const args: Token[] = [];
    let block: readonly Line[] | undefined;
    let last = first;
    for (;;) {
      const token = tokens[cursor.at];
      if (token === undefined || token.text === '}') break;
      if (token.text === '{') {
        cursor.at++;
        block = readLines(tokens, cursor);
        break;
      }
      if (token.file !== last.file || token.line > last.line + last.text.split('\n').length - 1) break;
      args.push(token);
      last = token;
      cursor.at++;
    }
    lines.push({ name: first.text, args, block, file: first.file, line: first.line });
  }
  return lines;
}

export const words = (line: Line): string[] => line.args.map((token) => token.text);

/** Throws unless the line has this many arguments. `usage` is how it should look. */
export function expectArgs(line: Line, min: number, max: number, usage: string): void {
  const n = line.args.length;
  if (n >= min && n <= max) return;
  const what =
    n < min ? `'${line.name}' lacks an argument` : `'${line.name}' takes no '${line.args[max]!.text}'`;
  throw new CorefileError(line, what, `write: ${usage}`);
}

export const fault = (at: Place, what: string, mend = ''): CorefileError => new CorefileError(at, what, mend);

/** An unknown property of a plugin's block. */
export const unknownProperty = (line: Line, known: readonly string[]): CorefileError =>
  new CorefileError(line, `unknown property '${line.name}'`, `known are ${known.join(', ')}`);

const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's time.ParseDuration in milliseconds: "1h30m", "500ms", "0". */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (!/^(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/.test(body)) return undefined;
  let ms = 0;
  let rest = body;
  for (
    let m = /^((?:\d+(?:\.\d*)?|\.\d+))(ns|us|µs|ms|s|m|h)/.exec(rest);
    m !== null;
    m = /^((?:\d+(?:\.\d*)?|\.\d+))(ns|us|µs|ms|s|m|h)/.exec(rest)
  ) {
    ms += Number(m[1]) * UNITS[m[2]!]!;
    rest = rest.slice(m[0].length);
  }
  return rest === '' ? sign * ms : undefined;
}

/** A duration argument in milliseconds. */
export function duration(token: Token | undefined, line: Line): number {
  const ms = token === undefined ? undefined : parseDuration(token.text);
  if (ms === undefined)
    throw new CorefileError(
      token ?? line,
      `'${token?.text ?? ''}' is no duration`,
      'write one as 30s, 5m or 1h30m',
    );
  return ms;
}

/** A whole number argument in min … max. */
export function integer(token: Token | undefined, line: Line, min: number, max: number): number {
  const n = token !== undefined && /^-?\d+$/.test(token.text) ? Number(token.text) : Number.NaN;
  if (!(n >= min && n <= max))
    throw new CorefileError(
      token ?? line,
      `'${token?.text ?? ''}' is no number that ${line.name} takes`,
      `write a whole number from ${min} to ${max}`,
    );
  return n;
}
