import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const corefile = (line: string) =>
  `a.org {\n loadbalance ${line}\n hosts {\n ${[1, 2, 3, 4].map((n) => `192.0.2.${n} www.a.org`).join('\n ')}\n }\n}`;

it('every address comes first now and then', async () => {
  const lab = await new Lab(corefile('')).start();
  const first = new Set<string>();
  for (let i = 0; i < 60; i++) {
    const answer = await lab.ask('www.a.org.', 'A');
    expect(answer).toHaveLength(5);
    first.add(answer[1]!);
  }
  expect(first.size).toBe(4);
});

it('weights decide who comes first', async () => {
  const weights = 'www.a.org\n192.0.2.1 255\n192.0.2.2 1\n192.0.2.3 1\n192.0.2.4 1\n';
  const lab = await new Lab(corefile('weighted /weights'), { files: { '/weights': weights } }).start();
  let ones = 0;
  for (let i = 0; i < 100; i++) if ((await lab.ask('www.a.org.', 'A'))[1]!.endsWith('.1')) ones++;
  expect(ones).toBeGreaterThan(90);
});

it('preferred networks come first', async () => {
  const lab = await new Lab(corefile('{\n prefer 192.0.2.3/32\n }')).start();
  for (let i = 0; i < 10; i++) expect((await lab.ask('www.a.org.', 'A'))[1]).toMatch(/2\.3$/);
});
