import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('sets flags of replies and queries', async () => {
  const lab = await new Lab(
    '. {\n header {\n response set ra\n response clear aa\n query clear rd\n }\n whoami\n}',
  ).start();
  const reply = await lab.query('a.org.', 'A');
  expect([reply?.recursionAvailable, reply?.authoritative, reply?.recursionDesired]).toEqual([
    true,
    false,
    false,
  ]);
});
