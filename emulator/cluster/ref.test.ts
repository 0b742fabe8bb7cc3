import { expect, it } from 'vitest';
import { formatRef, parseRef, parseSource, parseTarget } from './ref.ts';

it.each([
  ['pod/web', { kind: 'pod', namespace: 'default', name: 'web' }],
  ['pod/shop/web', { kind: 'pod', namespace: 'shop', name: 'web' }],
  ['svc/db', { kind: 'service', namespace: 'default', name: 'db' }],
  ['node/n1', { kind: 'node', name: 'n1' }],
  ['container/n1/web', { kind: 'container', node: 'n1', name: 'web' }],
  ['external/client', { kind: 'external', name: 'client' }],
  ['203.0.113.77', { kind: 'external', name: '203.0.113.77' }],
  ['router', { kind: 'router' }],
])('%s is read and written back', (text, ref) => {
  expect(parseRef(text)).toEqual(ref);
  expect(formatRef(parseRef(text))).toBe(text);
});

it.each(['', 'web', 'pod/', 'pod/a/b/c', 'container/web', 'node/a/b', 'deploy/x', 'pod/UPPER', 'router/x'])(
  '"%s" is refused',
  (text) => expect(() => parseRef(text)).toThrow(/write pod\/NAME/),
);

it.each([
  ['10.244.1.3', { address: '10.244.1.3' }],
  ['10.244.1.3:53', { address: '10.244.1.3', port: 53 }],
  ['pod/web:80', { ref: { kind: 'pod', namespace: 'default', name: 'web' }, port: 80 }],
])('target %s', (text, target) => expect(parseTarget(text)).toEqual(target));

it.each([
  ['node/n1/cni0', { ref: { kind: 'node', name: 'n1' }, device: 'cni0' }],
  ['node/n1', { ref: { kind: 'node', name: 'n1' } }],
  ['pod/shop/web', { ref: { kind: 'pod', namespace: 'shop', name: 'web' } }],
])('source %s', (text, source) => expect(parseSource(text)).toEqual(source));

it('refuses a port out of range', () => expect(() => parseTarget('10.0.0.1:70000')).toThrow(/0 to 65535/));
