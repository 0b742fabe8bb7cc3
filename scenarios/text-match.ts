// What a command's output is held against: text that must be in it, or a regular expression between slashes.
import type { Reader } from '../emulator/client.ts';

export interface TextMatch {
  readonly want: string;
  test(text: string): boolean;
}

export function readMatch(at: Reader): TextMatch {
  const want = at.text();
  const pattern = /^\/(.*)\/([ims]*)$/s.exec(want);
  if (pattern === null) return { want: `"${want}"`, test: (text) => text.includes(want) };
  try {
    const regexp = new RegExp(pattern[1]!, pattern[2]);
    return { want, test: (text) => regexp.test(text) };
  } catch (error) {
    return at.fail(
      `${want} is no regular expression (${(error as Error).message})`,
      'mend it, or write plain text without slashes',
    );
  }
}

/** The line to show of an output: the first that one of `matches` is found in, otherwise the last. Undefined: there is none. */
export function tellingLine(output: string, matches: readonly TextMatch[]): string | undefined {
  const lines = output.trimEnd().split('\n');
  const line = lines.find((l) => matches.some((m) => m.test(l))) ?? lines.at(-1)!;
  return line === '' ? undefined : line.trim();
}

/** One match or a list of them; all must hold. */
export const readMatches = (at: Reader): TextMatch[] =>
  at.or([], (r) => (r.isList ? r.list(readMatch) : [readMatch(r)]));
