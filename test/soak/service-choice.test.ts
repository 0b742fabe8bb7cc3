// 100,000 new connections through a Service of ten endpoints: chosen evenly, and the same again with the same seed.
import { expect, it } from 'vitest';
import { ProxyLab, service, slice } from '../../node-runtime/kube-proxy/test-kit.ts';

const N = 100_000;
const TEN = Array.from({ length: 10 }, (_, i) => `10.244.${i + 1}.2@n${i + 1}`);

function choose(seed: number): readonly string[] {
  const lab = new ProxyLab({}, undefined, seed).put(service('web', {}), slice('web', TEN));
  return Array.from({ length: N }, (_, i) => lab.flow(`10.244.1.${60 + (i % 150)}`, '10.96.0.10:80'));
}

it('uniform at p > 0.001, repeatable by seed', () => {
  const chosen = choose(1);
  const counts = new Map<string, number>();
  for (const c of chosen) counts.set(c, (counts.get(c) ?? 0) + 1);
  expect(counts.size).toBe(10);
  const chi = [...counts.values()].reduce((sum, k) => sum + (k - N / 10) ** 2 / (N / 10), 0);
  expect(chi).toBeLessThan(27.88); // nine degrees of freedom
  expect(choose(1)).toEqual(chosen);
  expect(choose(2)).not.toEqual(chosen);
});
