import { describe, expect, it } from 'vitest';
import { differs, readPage, words } from './guide.ts';

describe('a page of the guide', () => {
  it('is files and commands in their order', () => {
    const page =
      'Write\n\n```yaml a.yaml\nkind: Pod\n```\n\n```console\n$ one\n$ two  # why\nout\n```\n\n```sh\nnot run\n```\n';
    expect(readPage(page)).toEqual([
      { file: 'a.yaml', text: 'kind: Pod\n' },
      { text: 'one', line: 8, expected: [] },
      { text: 'two  # why', line: 9, expected: ['out'] },
    ]);
    expect(() => readPage('```console\nout\n```\n')).toThrow('line 2: output before any command');
    expect(() => readPage('```console\n')).toThrow('line 1: a block without its end');
  });

  it.each([
    ['podwire exec a -- ip addr', ['podwire', 'exec', 'a', '--', 'ip', 'addr']],
    ["sh -c 'a | b # c' # d", ['sh', '-c', 'a | b # c']],
    ['podwire kubeconfig > kubeconfig', ['podwire', 'kubeconfig']],
    ['echo "a b"', ['echo', 'a b']],
  ])('%s', (text, argv) => expect(words(text)).toEqual(argv));

  it.each<[string, string[], string[], string | undefined]>([
    ['the same', ['a  b', 'c'], ['a b ', '', 'c'], undefined],
    ['another', ['a'], ['b'], 'a'],
    ['one too few', ['a', 'b'], ['a'], 'b'],
    ['one too many', ['a'], ['a', 'b'], 'nothing more, but there is: b'],
    ['any text', ['time=… ms'], ['time=0.3 ms'], undefined],
    ['any lines between', ['a', '…', 'd'], ['a', 'b', 'c', 'd'], undefined],
    ['any lines, but then none of these', ['a', '…', 'd'], ['a', 'b'], 'd'],
    ['any lines at the end', ['a', '…'], ['a', 'b'], undefined],
  ])('%s', (_, expected, seen, missing) => expect(differs(expected, seen)).toBe(missing));
});
