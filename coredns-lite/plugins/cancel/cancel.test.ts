import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('a query that takes too long is SERVFAIL, and its late answer goes nowhere', async () => {
  const lab = await new Lab('. {\n cancel 1s\n forward . 192.0.2.53\n}').start();
  const asked = lab.ask('a.org.', 'A');
  await lab.pass(1000);
  expect(await asked).toEqual(['SERVFAIL']);
});
