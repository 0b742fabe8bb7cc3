import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('kubernetes is ready when it knows the cluster', async () => {
  const lab = new Lab('. {\n ready\n kubernetes c.local {\n objects /o\n }\n}', {
    files: { '/o': '{"kind":"List","items":[]}' },
  });
  await lab.start();
  expect((await lab.ask('x.c.local.', 'A'))[0]).toBe('NXDOMAIN');
});

it('takes two ways to monitor', async () => {
  await new Lab('. {\n ready {\n monitor continuously\n }\n}').start();
  await expect(new Lab('. {\n ready {\n monitor often\n }\n}').start()).rejects.toThrow("'often' is no way");
});
