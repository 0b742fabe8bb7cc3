// A Corefile's tokens (coredns/caddy caddyfile/lexer.go): words between blanks; double quotes hold blanks and newlines
// together, with only `\"` escaped; `#` ends a line wherever it stands outside of quotes.
import type { Place } from './error.ts';

export interface Token extends Place {
  readonly text: string;
}

const BLANK = /\s/;

export function tokenize(source: string, file: string): Token[] {
  const tokens: Token[] = [];
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  let line = 1;
  let word = '';
  let wordLine = 1;
  let state: 'between' | 'word' | 'quoted' | 'comment' = 'between';
  const end = (): void => {
    tokens.push({ text: word, file, line: wordLine });
    word = '';
    state = 'between';
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    const at = line;
    if (c === '\n') line++;
    if (state === 'quoted') {
      if (c === '"') end();
      else if (c === '\\' && text[i + 1] === '"') word += text[++i]!;
      else word += c;
    } else if (BLANK.test(c)) {
      if (c === '\r') continue;
      const inComment = state === 'comment';
      if (word !== '') end();
      if (inComment) state = c === '\n' ? 'between' : 'comment';
    } else if (state === 'comment') {
    } else if (c === '#') state = 'comment';
    else if (word === '' && c === '"') {
      state = 'quoted';
      wordLine = at;
    } else {
      if (word === '') wordLine = at;
      state = 'word';
      word += c;
    }
  }
  if (word !== '') end();
  return tokens;
}
