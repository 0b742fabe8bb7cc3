import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('ANY is answered with one HINFO record, other types go on', async () => {
  const lab = await new Lab('a.org {\n any\n hosts {\n 192.0.2.1 a.org\n }\n}').start();
  expect(await lab.ask('a.org.', 'ANY')).toEqual([
    'NOERROR',
    'a.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"',
  ]);
  expect(await lab.ask('a.org.', 'A')).toEqual(['NOERROR', 'a.org. 3600 IN A 192.0.2.1']);
});
