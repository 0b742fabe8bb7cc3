import { expect, it } from 'vitest';
import { applyJsonPatch, JsonPatchError } from './json-patch.ts';

// RFC 6902, appendix A, and what can go wrong.
it.each<[string, unknown, object[], unknown]>([
  [
    'A.1 add a member',
    { foo: 'bar' },
    [{ op: 'add', path: '/baz', value: 'qux' }],
    { baz: 'qux', foo: 'bar' },
  ],
  [
    'A.2 add an element',
    { foo: ['bar', 'baz'] },
    [{ op: 'add', path: '/foo/1', value: 'qux' }],
    { foo: ['bar', 'qux', 'baz'] },
  ],
  ['A.3 remove a member', { baz: 1, foo: 2 }, [{ op: 'remove', path: '/baz' }], { foo: 2 }],
  ['A.4 remove an element', { foo: [1, 2, 3] }, [{ op: 'remove', path: '/foo/1' }], { foo: [1, 3] }],
  ['A.5 replace', { baz: 1 }, [{ op: 'replace', path: '/baz', value: 2 }], { baz: 2 }],
  ['replace an element', { a: [1, 2, 3] }, [{ op: 'replace', path: '/a/1', value: 9 }], { a: [1, 9, 3] }],
  [
    'A.6 move',
    { foo: { bar: 1, w: 2 }, qux: {} },
    [{ op: 'move', from: '/foo/w', path: '/qux/t' }],
    { foo: { bar: 1 }, qux: { t: 2 } },
  ],
  [
    'A.7 move an element',
    { foo: [1, 2, 3, 4] },
    [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    { foo: [1, 3, 4, 2] },
  ],
  [
    'A.8 test',
    { baz: 'qux', foo: ['a', 2] },
    [{ op: 'test', path: '/foo/1', value: 2 }],
    { baz: 'qux', foo: ['a', 2] },
  ],
  [
    'A.10 add a nested object',
    { foo: 1 },
    [{ op: 'add', path: '/child', value: { g: {} } }],
    { foo: 1, child: { g: {} } },
  ],
  ['A.14 escapes', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
  [
    'A.16 append',
    { foo: ['bar'] },
    [{ op: 'add', path: '/foo/-', value: ['abc'] }],
    { foo: ['bar', ['abc']] },
  ],
  ['the whole', { a: 1 }, [{ op: 'replace', path: '', value: { b: 2 } }], { b: 2 }],
  ['copy', { a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }], { a: { b: 1 }, c: { b: 1 } }],
])('%s', (_case, target, patch, expected) => expect(applyJsonPatch(target, patch)).toEqual(expected));

it.each<[string, object[]]>([
  ['a failed test', [{ op: 'test', path: '/a', value: 2 }]],
  ['a path that is not there', [{ op: 'remove', path: '/b' }]],
  ['a parent that is not there', [{ op: 'add', path: '/b/c', value: 1 }]],
  ['an index beyond the end', [{ op: 'add', path: '/l/9', value: 1 }]],
  ['an index that is none', [{ op: 'add', path: '/l/x', value: 1 }]],
  ['an operation that is none', [{ op: 'spam', path: '/a' }]],
  ['no path', [{ op: 'add' }]],
])('%s refuses the patch', (_case, patch) =>
  expect(() => applyJsonPatch({ a: 1, l: [] }, patch)).toThrow(JsonPatchError),
);
