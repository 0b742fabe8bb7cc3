import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it.each([
  ['localhost.', 'A', ['NOERROR', 'localhost. 604800 IN A 127.0.0.1']],
  ['app.localhost.', 'AAAA', ['NOERROR', 'app.localhost. 604800 IN AAAA ::1']],
  [
    'localhost.default.svc.cluster.local.',
    'A',
    ['NOERROR', 'localhost.default.svc.cluster.local. 604800 IN A 127.0.0.1'],
  ],
  ['1.0.0.127.in-addr.arpa.', 'PTR', ['NOERROR', '1.0.0.127.in-addr.arpa. 604800 IN PTR localhost.']],
  [
    '2.0.0.127.in-addr.arpa.',
    'PTR',
    ['NXDOMAIN', 'authority 127.in-addr.arpa. 604800 IN SOA localhost. root.localhost. 1 0 0 0 604800'],
  ],
])('%s %s', async (name, type, answer) => {
  const lab = await new Lab('. {\n local\n}').start();
  expect(await lab.ask(name, type)).toEqual(answer);
});
