import fc from 'fast-check';
import { expect, it } from 'vitest';
import { linesOf, parseDuration, words } from './dispenser.ts';
import { CorefileError } from './error.ts';
import { tokenize } from './lexer.ts';
import { parseCorefile } from './parse.ts';

const DIRECTIVES = ['errors', 'cache', 'hosts', 'forward', 'template'];
const FILES: Readonly<Record<string, string>> = {
  '/etc/coredns/more': 'cache 5\n',
  '/etc/coredns/zones/a': 'a.org {\n  errors\n}\n',
  '/etc/coredns/zones/b': 'b.org {\n  errors\n}\n',
  '/etc/coredns/self': 'import self\n',
};

function parse(source: string, env: Record<string, string> = {}) {
  return parseCorefile({
    file: '/etc/coredns/Corefile',
    source,
    env,
    cwd: '/',
    valid: (name) => DIRECTIVES.includes(name),
    read: (path) => {
      const text = FILES[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
    list: (dir) =>
      Object.keys(FILES)
        .filter((path) => path.startsWith(`${dir}/`))
        .map((path) => path.slice(dir.length + 1)),
  });
}

/** Blocks as [zones, directives with their arguments]. */
const shape = (source: string, env?: Record<string, string>): unknown =>
  parse(source, env).blocks.map(({ keys, directives }) => [
    keys.map((key) => key.text),
    [...directives.values()].flatMap((tokens) =>
      linesOf(tokens).map((line) => [line.name, ...words(line)].join(' ')),
    ),
  ]);

it.each<[what: string, source: string, blocks: unknown]>([
  ['a block', '.:53 {\n  errors\n  cache 30\n}', [[['.:53'], ['errors', 'cache 30']]]],
  [
    'zones by blanks and commas',
    'a.org b.org,\nc.org {\n errors\n}',
    [[['a.org', 'b.org', 'c.org'], ['errors']]],
  ],
  [
    'two blocks',
    'a.org {\n errors\n}\nb.org {\n cache\n}',
    [
      [['a.org'], ['errors']],
      [['b.org'], ['cache']],
    ],
  ],
  ['a block without braces', '.:53\nerrors\ncache 30', [[['.:53'], ['errors', 'cache 30']]]],
  ['an empty block', 'a.org {\n}', [[['a.org'], []]]],
  ['comments', '# x\n. { # y\n errors # z {\n}', [[['.'], ['errors']]]],
  ['quotes', '. {\n cache "a b" "c\\"d" "e\\f"\n}', [[['.'], ['cache a b c"d e\\f']]]],
  ['a byte order mark and CRLF', '\uFEFF. {\r\n errors\r\n}\r\n', [[['.'], ['errors']]]],
  ['environment variables', '{$ZONE} {\n cache {%TTL%}{$NONE}\n}', [[['example.org'], ['cache 30']]]],
  ['a snippet', '(s) {\n errors\n cache 9\n}\n. {\n import s\n}', [[['.'], ['errors', 'cache 9']]]],
  ['an import in a block', '. {\n import more\n}', [[['.'], ['cache 5']]]],
  [
    'blocks from a pattern',
    'import zones/*',
    [
      [['a.org'], ['errors']],
      [['b.org'], ['errors']],
    ],
  ],
  ['a pattern of nothing', 'import nothing/*\n. {\n errors\n}', [[['.'], ['errors']]]],
  [
    'repeated directives',
    '. {\n forward . 1.1.1.1\n cache\n forward a. 2.2.2.2\n}',
    [[['.'], ['forward . 1.1.1.1', 'forward a. 2.2.2.2', 'cache']]],
  ],
])('reads %s', (_what, source, blocks) => {
  expect(shape(source, { ZONE: 'example.org', TTL: '30' })).toEqual(blocks);
});

it('reads blocks within blocks', () => {
  const [block] = parse(
    '. {\n template IN A {\n  match a\n  answer "b c"\n  deep {\n   x y\n  }\n }\n errors\n}',
  ).blocks;
  const [line] = linesOf(block!.directives.get('template')!);
  expect(line!.args.map((a) => a.text)).toEqual(['IN', 'A']);
  expect(line!.block!.map((l) => [l.line, l.name, ...words(l)])).toEqual([
    [3, 'match', 'a'],
    [4, 'answer', 'b c'],
    [5, 'deep'],
  ]);
  expect(line!.block![2]!.block![0]!.name).toBe('x');
});

it.each<[what: string, source: string, message: RegExp]>([
  ['a directive that is none', '. {\n errors\n eror\n}', /Corefile:3: Unknown directive 'eror' \(/],
  [
    'a block that is not closed',
    '. {\n errors',
    /Corefile:1: the block that begins here is not closed \(add a '}'\)/,
  ],
  [
    "a plugin's block that is not closed",
    '. {\n cache {\n success 1\n',
    /Corefile:2: the block of cache .* not closed/,
  ],
  ['a brace too many', '. {\n errors\n}\n}', /Corefile:4: '}' closes nothing/],
  ['a brace behind a directive', '. {\n errors }\n}', /Corefile:2: unexpected '}'/],
  ['no zone', '{\n errors\n}', /Corefile:1: a block without a zone/],
  ['a comma before the block', 'a.org, {\n errors\n}', /Corefile:1: expected another zone/],
  ['a comma at the end', 'a.org,', /Corefile:1: the file ends where another zone should be/],
  ['a missing file', '. {\n import gone\n}', /Corefile:2: cannot import gone/],
  ['an import of nothing', '. {\n import\n}', /Corefile:2: import of what/],
  ['an import of two', '. {\n import a b\n}', /Corefile:2: import takes one/],
  ['two wildcards', 'import */*', /Corefile:1: .* more than one wildcard/],
  ['a file that imports itself', '. {\n import self\n}', /more than 10000 imports/],
  ['a snippet twice', '(s) {\n}\n(s) {\n}', /Corefile:3: snippet \(s\) is there already/],
  ['a snippet that is not closed', '(s) {\n errors', /Corefile:1: the snippet that begins here/],
])('says where and how to mend %s', (_what, source, message) => {
  expect(() => parse(source)).toThrow(CorefileError);
  expect(() => parse(source)).toThrow(message);
});

it('says where in an imported file', () => {
  expect(() =>
    parseCorefile({
      file: 'Corefile',
      source: 'import x',
      env: {},
      cwd: '/c',
      valid: () => false,
      read: () => '. {\n  nope\n}',
      list: () => [],
    }),
  ).toThrow('/c/x:2: Unknown directive');
});

it.each<[text: string, ms: number | undefined]>([
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1.5s', 1500],
  ['0', 0],
  ['-1s', -1000],
  ['5', undefined],
  ['s', undefined],
  ['1d', undefined],
])('the duration %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it('never fails but by saying so, whatever it reads', () => {
  const word = fc.constantFrom(
    '.',
    'a.org',
    '{',
    '}',
    'errors',
    'cache',
    'import',
    'more',
    '(s)',
    '\n',
    '"',
    '#',
    ',',
    '{$X}',
    '\\',
  );
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 30 }).map((list) => list.join(' ')),
      (source) => {
        try {
          for (const { directives } of parse(source).blocks)
            for (const tokens of directives.values()) linesOf(tokens);
        } catch (error) {
          expect(error).toBeInstanceOf(CorefileError);
        }
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.string(), (source) => void tokenize(source, 'f')));
});
