import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const corefile = `a.org {
  hosts /hosts {
    192.0.2.9 inline.a.org
    ttl 60
    reload 5s
  }
}
9.2.0.192.in-addr.arpa {
  hosts /hosts a.org {
    192.0.2.9 inline.a.org
  }
  whoami
}`;
const FILE =
  '192.0.2.1 www.a.org WWW2.a.org # x\n2001:db8::1 www.a.org\n192.0.2.2 *.apps.a.org\n192.0.2.3 www.b.org\n';

it.each<[name: string, type: string, answer: string[]]>([
  ['www.a.org.', 'A', ['NOERROR', 'www.a.org. 60 IN A 192.0.2.1']],
  ['WWW2.a.org.', 'A', ['NOERROR', 'www2.a.org. 60 IN A 192.0.2.1']],
  ['www.a.org.', 'AAAA', ['NOERROR', 'www.a.org. 60 IN AAAA 2001:db8::1']],
  ['inline.a.org.', 'A', ['NOERROR', 'inline.a.org. 60 IN A 192.0.2.9']],
  ['inline.a.org.', 'MX', ['NOERROR']],
  ['x.apps.a.org.', 'A', ['NOERROR', 'x.apps.a.org. 60 IN A 192.0.2.2']],
  ['x.y.apps.a.org.', 'A', ['SERVFAIL']],
  ['nope.a.org.', 'A', ['SERVFAIL']],
])('%s %s', async (name, type, answer) => {
  const lab = await new Lab(corefile, { files: { '/hosts': FILE } }).start();
  expect(await lab.ask(name, type)).toEqual(answer);
});

it('reads a changed file', async () => {
  const lab = await new Lab(corefile, { files: { '/hosts': FILE } }).start();
  lab.files['/hosts'] = '192.0.2.77 www.a.org\n';
  await lab.pass(5000);
  expect(await lab.ask('www.a.org.', 'A')).toEqual(['NOERROR', 'www.a.org. 60 IN A 192.0.2.77']);
});

it('addresses lead back to names', async () => {
  const lab = await new Lab(corefile, { files: { '/hosts': FILE } }).start();
  expect(await lab.ask('9.2.0.192.in-addr.arpa.', 'PTR')).toEqual([
    'NOERROR',
    '9.2.0.192.in-addr.arpa. 3600 IN PTR inline.a.org.',
  ]);
});
