import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('the client in the additional section', async () => {
  const lab = await new Lab('. {\n whoami\n}').start();
  expect(await lab.ask('A.org.', 'MX')).toEqual([
    'NOERROR',
    'additional A.org. 0 IN A 10.0.0.9',
    'additional _udp.A.org. 0 IN SRV 0 0 5000 .',
  ]);
});
