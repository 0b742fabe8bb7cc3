// A Corefile's server blocks (coredns/caddy caddyfile/parse.go): keys, then directives with their arguments and blocks;
// snippets, imports and environment variables are put in on the way.
import { basename, dirname, isAbsolute, join } from 'node:path';
import { CorefileError, type Place } from './error.ts';
import { type Token, tokenize } from './lexer.ts';

export interface ServerBlock {
  readonly keys: readonly Token[];
  /** By directive: its tokens, the directive's own name among them once per occurrence. */
  readonly directives: ReadonlyMap<string, readonly Token[]>;
}

export interface ParseOptions {
  readonly file: string;
  readonly source: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Directives that there are. */
  readonly valid: (name: string) => boolean;
  /** Why a name is no directive here, when it is one elsewhere. */
  readonly why?: (name: string) => string;
  /** Reads a file that is imported; throws where it cannot. */
  read(path: string): string;
  list(dir: string): readonly string[];
  warn?(text: string): void;
}

/** The blocks, and the source of every file that went into them. */
export interface Parsed {
  readonly blocks: readonly ServerBlock[];
  readonly sources: readonly string[];
}

/** As many imports as caddy follows. */
const MAX_IMPORTS = 10_000;
const MAX_TOKENS = 1_000_000;

export function parseCorefile(options: ParseOptions): Parsed {
  const parser = new Parser(options);
  const blocks: ServerBlock[] = [];
  for (let block = parser.block(); block !== undefined; block = parser.block())
    if (block.keys.length > 0) blocks.push(block);
  return { blocks, sources: parser.sources };
}

class Parser {
  readonly sources: string[];
  readonly #options: ParseOptions;
  readonly #snippets = new Map<string, Token[]>();
  #tokens: Token[];
  #at = 0;
  #imports = 0;

  constructor(options: ParseOptions) {
    this.#options = options;
    this.#tokens = tokenize(options.source, options.file);
    this.sources = [options.source];
  }

  get #token(): Token | undefined {
    return this.#tokens[this.#at];
  }

  /** Whether token `i` is the first of its line. */
  #startsLine(i: number): boolean {
    const before = this.#tokens[i - 1];
    const token = this.#tokens[i]!;
    return before === undefined || before.file !== token.file || endLine(before) < token.line;
  }

  #env(text: string): string {
    const put = (word: string, open: string, close: string): string => {
      let from = word.indexOf(open);
      while (from !== -1) {
        const end = word.indexOf(close, from);
        if (end <= from + open.length) break;
        const name = word.slice(from + open.length, end);
        word = word.replaceAll(word.slice(from, end + close.length), this.#options.env[name] ?? '');
        from = word.indexOf(open);
      }
      return word;
    };
    return text.includes('{') ? put(put(text, '{%', '%}'), '{$', '}') : text;
  }

  block(): ServerBlock | undefined {
    if (this.#token === undefined) return undefined;
    const keys = this.#keys();
    const open = this.#token;
    const first = keys[0];
    if (keys.length === 1 && /^\(.*\)$/.test(first!.text)) {
      this.#snippet(first!);
      return { keys: [], directives: new Map() };
    }
    const directives = new Map<string, Token[]>();
    if (open === undefined) return { keys, directives };
    const braced = open.text === '{';
    if (braced) this.#at++;
    for (;;) {
      const token = this.#token;
      if (token === undefined) {
        if (!braced) break;
        throw new CorefileError(open, `the block that begins here is not closed`, "add a '}'");
      }
      if (token.text === '}') {
        if (!braced)
          throw new CorefileError(
            token,
            "'}' closes nothing",
            "remove it, or put '{' behind the zones of the block",
          );
        this.#at++;
        break;
      }
      if (token.text === 'import') this.#import();
      else this.#directive(directives);
    }
    return { keys, directives };
  }

  #keys(): Token[] {
    const keys: Token[] = [];
    let another = false;
    for (;;) {
      const token = this.#token;
      if (token === undefined) {
        if (another)
          throw new CorefileError(
            this.#tokens.at(-1)!,
            'the file ends where another zone should be',
            'remove the last comma',
          );
        return keys;
      }
      if (token.text === 'import' && this.#startsLine(this.#at)) {
        this.#import();
        continue;
      }
      let text = this.#env(token.text);
      if (text === '{') {
        if (another)
          throw new CorefileError(token, "expected another zone, not '{'", 'remove the comma before it');
        if (keys.length === 0)
          throw new CorefileError(token, 'a block without a zone', "write '.' for all names");
        return keys;
      }
      if (text === '}') throw new CorefileError(token, "'}' closes nothing", 'remove it');
      if (text !== '') {
        another = text.endsWith(',');
        if (another) text = text.slice(0, -1);
        for (const key of text.split(',')) if (key !== '') keys.push({ ...token, text: key });
      }
      this.#at++;
      if (this.#token !== undefined && !another && this.#startsLine(this.#at)) return keys;
    }
  }

  #snippet(key: Token): void {
    const name = key.text.slice(1, -1);
    if (this.#snippets.has(name))
      throw new CorefileError(key, `snippet ${key.text} is there already`, 'give one of them another name');
    const open = this.#token;
    if (open?.text !== '{')
      throw new CorefileError(key, `snippet ${key.text} has no block`, "begin it with '{'");
    const body: Token[] = [];
    let depth = 1;
    for (this.#at++; ; this.#at++) {
      const token = this.#token;
      if (token === undefined)
        throw new CorefileError(open, 'the snippet that begins here is not closed', "add a '}'");
      if (token.text === '}' && --depth === 0) break;
      if (token.text === '{') depth++;
      body.push(token);
    }
    this.#at++;
    this.#snippets.set(name, body);
  }

  /** Puts what is imported in the place of "import x". */
  #import(): void {
    const token = this.#token!;
    const arg = this.#tokens[this.#at + 1];
    const rest = this.#tokens[this.#at + 2];
    const sameLine = (i: number, t: Token | undefined): t is Token => t !== undefined && !this.#startsLine(i);
    if (!sameLine(this.#at + 1, arg) || arg.text === '{' || arg.text === '}')
      throw new CorefileError(token, 'import of what?', 'name a file, a pattern or a snippet behind it');
    if (sameLine(this.#at + 2, rest) && rest.text !== '}')
      throw new CorefileError(rest, 'import takes one file, pattern or snippet', 'write one import per line');
    if (++this.#imports > MAX_IMPORTS)
      throw new CorefileError(
        token,
        `more than ${MAX_IMPORTS} imports`,
        'does a file or snippet import itself?',
      );
    const what = this.#env(arg.text);
    const body = this.#snippets.get(what) ?? this.#files(arg, what);
    if (this.#tokens.length + body.length > MAX_TOKENS)
      throw new CorefileError(token, 'the imports grow without end', 'does a file or snippet import itself?');
    this.#tokens.splice(this.#at, 2, ...body);
  }

  #files(at: Token, pattern: string): Token[] {
    const { cwd, list, read, warn } = this.#options;
    if (pattern === '') throw new CorefileError(at, 'import of an empty name', 'name a file or a snippet');
    const from = isAbsolute(at.file) ? at.file : join(cwd, at.file);
    const path = isAbsolute(pattern) ? pattern : join(dirname(from), pattern);
    const wild = /[*?[\]]/.test(path);
    if ((path.match(/\*/g)?.length ?? 0) > 1 || (path.match(/\?/g)?.length ?? 0) > 1 || /\[.*\]/.test(path))
      throw new CorefileError(at, `${pattern} has more than one wildcard`, 'use one * or one ?');
    const glob = new RegExp(
      `^${basename(path)
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace('*', '[^/]*')
        .replace('?', '[^/]')}$`,
    );
    const found = wild
      ? list(dirname(path))
          .filter((name) => glob.test(name))
          .sort()
          .map((name) => join(dirname(path), name))
      : [path];
    if (found.length === 0) warn?.(`No files matching import glob pattern: ${pattern}`);
    return found.flatMap((file) => {
      let source: string;
      try {
        source = read(file);
      } catch {
        throw new CorefileError(
          at,
          `cannot import ${pattern}: ${file} cannot be read`,
          'correct the path, or define the snippet above',
        );
      }
      this.sources.push(source);
      return tokenize(source, file);
    });
  }

  #directive(into: Map<string, Token[]>): void {
    const { valid, why } = this.#options;
    const token = this.#token!;
    const name = this.#env(token.text);
    if (!valid(name)) {
      const mend = why?.(name) ?? '';
      throw new CorefileError(
        token,
        `Unknown directive '${name}'`,
        mend === '' ? 'no plugin has this name' : mend,
      );
    }
    const tokens = into.get(name) ?? [];
    into.set(name, tokens);
    tokens.push({ ...token, text: name });
    const open: Token[] = [];
    this.#at++;
    for (;;) {
      const next = this.#token;
      if (next === undefined) break;
      if (next.text === '{') open.push(next);
      else if (open.length === 0 && this.#startsLine(this.#at)) break;
      else if (next.text === '}') {
        if (open.pop() === undefined)
          throw new CorefileError(
            next,
            "unexpected '}'",
            `put it on a line of its own, or open a block behind ${name}`,
          );
      } else if (next.text === 'import' && this.#startsLine(this.#at)) {
        this.#import();
        continue;
      }
      tokens.push({ ...next, text: this.#env(next.text) });
      this.#at++;
    }
    const last = open.at(-1);
    if (last !== undefined)
      throw new CorefileError(last, `the block of ${name} that begins here is not closed`, "add a '}'");
  }
}

/** Quoted tokens may hold newlines. */
const endLine = (token: Token): number => token.line + (token.text.split('\n').length - 1);

export type { Place };
