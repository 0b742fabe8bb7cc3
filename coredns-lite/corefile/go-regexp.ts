// Go's regular expressions (RE2 syntax) as JavaScript's: named groups are spelt otherwise, flags stand in front.
import { fault } from './dispenser.ts';
import type { Token } from './lexer.ts';

/** Throws with the place of what is none. */
export function goRegExp(token: Token): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(token.text);
  const body = token.text.slice(flags?.[0].length ?? 0).replaceAll('(?P<', '(?<');
  const source = body.replaceAll('\\A', '^').replaceAll('\\z', '$').replaceAll('[[:alnum:]]', '[0-9A-Za-z]');
  try {
    return new RegExp(source, flags?.[1] ?? '');
  } catch (error) {
    throw fault(
      token,
      `'${token.text}' is no regular expression`,
      error instanceof Error ? error.message : '',
    );
  }
}
