import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const zone = '@ 60 SOA ns h 9 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n';
const SOA = 'a.org. 60 IN SOA ns.a.org. h.a.org. 9 2 3 4 5';
const corefile = 'a.org {\n transfer {\n to 10.0.0.9\n }\n file /db\n}';

it.each([
  [
    'the whole zone over TCP',
    'tcp',
    '10.0.0.9',
    ['NOERROR', SOA, 'a.org. 3600 IN NS ns.a.org.', 'ns.a.org. 3600 IN A 192.0.2.1', SOA],
  ],
  ['REFUSED over UDP', 'udp', '10.0.0.9', ['REFUSED']],
  ['REFUSED to others', 'tcp', '10.0.0.8', ['REFUSED']],
] as const)('AXFR is %s', async (_what, proto, peer, answer) => {
  const lab = await new Lab(corefile, { files: { '/db': zone } }).start();
  expect(await lab.ask('a.org.', 'AXFR', { proto, peer })).toEqual(answer);
});
