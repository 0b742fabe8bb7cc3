import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it.each([
  [4096, 1100],
  [800, 800],
])('a client that takes %i octets gets at most %i', async (asked, size) => {
  const lab = await new Lab('. {\n bufsize 1100\n whoami\n}').start();
  let seen: number | undefined;
  await lab.query('a.org.', 'A', {
    change: (query) => {
      query.edns = { size: asked, version: 0, do: false, options: [] };
      const message = query;
      queueMicrotask(() => {
        seen = message.edns?.size;
      });
    },
  });
  await lab.pass(0);
  expect(seen).toBe(size);
});

it('takes sizes from 512 to 4096', async () => {
  await expect(new Lab('. {\n bufsize 100\n}').start()).rejects.toThrow(
    /Corefile:2: '100' .* from 512 to 4096/,
  );
});
