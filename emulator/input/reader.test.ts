import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from './error.ts';
import { parseDuration, readDocuments } from './reader.ts';

const first = (text: string) => readDocuments(text, 'x.yaml')[0]!;
const error = (fn: () => unknown): string => {
  try {
    fn();
  } catch (e) {
    if (e instanceof InputError) return e.message;
    throw e;
  }
  return 'no error';
};

describe('a Reader says what, where, and the mend', () => {
  it.each([
    [
      'a: 1\nbackned: vxlan\n',
      () => 'x.yaml:2:1: backned: unknown field "backned"; did you mean "backend"? Use one of a, backend',
    ],
  ])('unknown field', (text, message) => {
    expect(error(() => first(text).fields(['a', 'backend']))).toBe(message());
  });
  it('wrong types', () => {
    const f = first('s: [1]\nn: 1.5\nm: 70000\nb: yep\nd: 5 seconds\nc: vxlam\n').fields([
      's',
      'n',
      'm',
      'b',
      'd',
      'c',
      'gone',
    ]);
    expect(error(() => f.s.string())).toBe('x.yaml:1:4: s: must be text, not a list; put it in quotes');
    expect(error(() => f.n.integer(0, 9))).toBe('x.yaml:2:4: n: must be a whole number, not 1.5; use 0 to 9');
    expect(error(() => f.m.integer(68, 65535))).toBe('x.yaml:3:4: m: 70000 is out of range; use 68 to 65535');
    expect(error(() => f.b.boolean())).toBe(
      'x.yaml:4:4: b: must be true or false, not the text "yep"; use true or false',
    );
    expect(error(() => f.d.duration())).toMatch(/^x.yaml:5:4: d: "5 seconds" is no duration/);
    expect(error(() => f.c.choice(['vxlan', 'udp']))).toBe(
      'x.yaml:6:4: c: unknown value "vxlam"; did you mean "vxlan"? Use one of vxlan, udp',
    );
    expect(error(() => f.gone.string())).toMatch(/gone: must be text, not missing/);
  });
  it('syntax errors have a place', () => {
    expect(error(() => readDocuments('a: [1,\nb: 2\n', 'y.yaml'))).toMatch(/^y\.yaml:2:\d+: not valid YAML/);
    expect(error(() => readDocuments('a: 1\na: 2\n', 'y.yaml'))).toMatch(/^y\.yaml:2:1: not valid YAML/);
  });
  it('several documents, aliases, nested paths', () => {
    const docs = readDocuments('a: &x {b: 1}\nc: *x\n---\n---\nd: [{e: f}]\n', 'z.yaml');
    expect(docs).toHaveLength(2);
    expect(docs[0]!.fields(['a', 'c']).c.fields(['b']).b.integer(0, 9)).toBe(1);
    expect(docs[1]!.fields(['d']).d.list((i) => i.fields(['e']).e.path)).toEqual(['d[0].e']);
  });
  it('never throws anything but InputError', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        try {
          readDocuments(text, 'f');
        } catch (e) {
          expect(e).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});

it.each([
  ['250ms', 250],
  ['1m30s', 90_000],
  ['0.5s', 500],
  ['2h', 7_200_000],
  ['0', 0],
  ['20', undefined],
  ['', undefined],
  ['5 s', undefined],
])('duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));
