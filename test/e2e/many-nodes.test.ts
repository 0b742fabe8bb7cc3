// Twenty nodes in one process under the virtual clock give the quickstart's verdicts for Kubernetes.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { podwire, ROOT, temporaryHome } from './podwire.ts';

it('the quickstart’s Kubernetes part, twenty nodes, time standing still but for the emulation', async () => {
  const home = await temporaryHome();
  const text = await readFile(join(ROOT, 'scenarios/library/quickstart.yaml'), 'utf8');
  const kubernetes = text.split('\n---\n').filter((d) => /name: kubernetes-/.test(d));
  const more = Array.from(
    { length: 17 },
    (_, i) => `    - { name: n${i + 4}, segment: ${i % 2 === 0 ? 'east' : 'west'} }`,
  ).join('\n');
  const twenty = kubernetes.map((d) => d.replace(/(\n {4}- \{ name: n3, segment: west \})/, `$1\n${more}`));
  for (const [i, d] of twenty.entries()) expect(d).not.toBe(kubernetes[i]);
  const file = join(home.path, 'twenty.yaml');
  await writeFile(file, twenty.join('\n---\n'));
  const { code, stdout, stderr } = await podwire(['run', file, '--placement', 'inline', '--virtual-time'], {
    env: home.env,
  });
  expect(stdout.split('\n').filter((l) => l.startsWith('FAIL') || l.startsWith('broken'))).toEqual([]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  await home.remove();
}, 120_000);
