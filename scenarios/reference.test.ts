// docs/reference/scenario.md names every verb, and nothing that is not one; its examples are read as they stand.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readScenarios } from './read.ts';
import { VERBS } from './verbs.ts';

const page = readFileSync(new URL('../docs/reference/scenario.md', import.meta.url), 'utf8');

it('has a row for every verb, with the words the code has', () => {
  const rows = new Map([...page.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map((m) => [m[1], m[2]]));
  expect([...rows.keys()].sort()).toEqual(VERBS.map((v) => v.name).sort());
  for (const verb of VERBS) expect(rows.get(verb.name)).toBe(verb.about);
});

it('has examples that are scenarios', () => {
  const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((m) => m[1]!);
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(readScenarios(example, 'example.yaml').length).toBeGreaterThan(0);
});
