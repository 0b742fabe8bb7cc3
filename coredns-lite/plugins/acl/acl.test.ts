import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const corefile = `. {
  acl a.org {
    allow net 10.1.0.0/16
    filter type AAAA net 10.2.0.0/16
    drop net 10.3.0.0/16
    block
  }
  hosts {
    192.0.2.1 a.org b.org
  }
}`;

it.each([
  ['a.org.', 'A', '10.1.0.1', ['NOERROR', 'a.org. 3600 IN A 192.0.2.1']],
  ['a.org.', 'AAAA', '10.2.0.1', ['NOERROR']],
  ['a.org.', 'A', '10.2.0.1', ['REFUSED']],
  ['a.org.', 'A', '10.3.0.1', ['silence']],
  ['b.org.', 'A', '10.3.0.1', ['NOERROR', 'b.org. 3600 IN A 192.0.2.1']],
])('%s %s from %s: %j', async (name, type, peer, answer) => {
  const lab = await new Lab(corefile).start();
  expect(await lab.ask(name, type, { peer })).toEqual(answer);
});

it('says why by an extended error', async () => {
  const lab = await new Lab(corefile).start();
  const reply = await lab.query('a.org.', 'A', { peer: '192.0.2.9' });
  expect(reply?.edns?.options).toEqual([{ code: 15, data: Uint8Array.of(0, 15) }]);
});
