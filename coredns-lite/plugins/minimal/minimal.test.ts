import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('leaves authority and additional out of answers, not out of denials', async () => {
  const zone = '@ 60 SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n';
  const lab = await new Lab('a.org {\n minimal\n file /db\n}', { files: { '/db': zone } }).start();
  expect(await lab.ask('a.org.', 'NS')).toEqual(['NOERROR', 'a.org. 3600 IN NS ns.a.org.']);
  expect(await lab.ask('x.a.org.', 'A')).toHaveLength(2);
});
