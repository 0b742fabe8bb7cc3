import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const ZONE = `$ORIGIN a.org.
$TTL 60
@   IN SOA ns hostmaster ( 7 ; serial
      1h 15m 1w 5m )
    NS ns
ns  A 192.0.2.1
www 30 IN A 192.0.2.2
    AAAA 2001:db8::2
alias CNAME www
out CNAME www.b.org.
*.wild TXT "any" "thing; here"
deep.down A 192.0.2.3
sub NS ns.sub
ns.sub A 192.0.2.4
mail MX 10 www
`;
const SOA = 'authority a.org. 60 IN SOA ns.a.org. hostmaster.a.org. 7 3600 900 604800 300';
const NS = 'authority a.org. 60 IN NS ns.a.org.';

it.each<[name: string, type: string, answer: string[]]>([
  ['www.a.org.', 'A', ['NOERROR', 'www.a.org. 30 IN A 192.0.2.2', NS]],
  ['www.a.org.', 'TXT', ['NOERROR', SOA]],
  ['nope.a.org.', 'A', ['NXDOMAIN', SOA]],
  ['down.a.org.', 'A', ['NOERROR', SOA]],
  [
    'alias.a.org.',
    'A',
    ['NOERROR', 'alias.a.org. 60 IN CNAME www.a.org.', 'www.a.org. 30 IN A 192.0.2.2', NS],
  ],
  ['alias.a.org.', 'CNAME', ['NOERROR', 'alias.a.org. 60 IN CNAME www.a.org.', NS]],
  ['x.y.wild.a.org.', 'TXT', ['NOERROR', 'x.y.wild.a.org. 60 IN TXT "any" "thing; here"', NS]],
  ['x.wild.a.org.', 'A', ['NOERROR', SOA]],
  [
    'h.sub.a.org.',
    'A',
    ['NOERROR', 'authority sub.a.org. 60 IN NS ns.sub.a.org.', 'additional ns.sub.a.org. 60 IN A 192.0.2.4'],
  ],
  [
    'mail.a.org.',
    'MX',
    [
      'NOERROR',
      'mail.a.org. 60 IN MX 10 www.a.org.',
      NS,
      'additional www.a.org. 30 IN A 192.0.2.2',
      'additional www.a.org. 60 IN AAAA 2001:db8::2',
    ],
  ],
  ['a.org.', 'NS', ['NOERROR', 'a.org. 60 IN NS ns.a.org.', 'additional ns.a.org. 60 IN A 192.0.2.1']],
])('%s %s', async (name, type, answer) => {
  const lab = await new Lab('a.org {\n file /db\n}', { files: { '/db': ZONE } }).start();
  expect(await lab.ask(name, type)).toEqual(answer);
});

it('a new serial is a new zone; a mistake leaves the old one and is told with its line', async () => {
  const lab = await new Lab('a.org {\n file /db {\n reload 10s\n }\n}', { files: { '/db': ZONE } }).start();
  lab.files['/db'] = `${ZONE.replace('7 ;', '8 ;')}new A 192.0.2.9\n`;
  await lab.pass(10_000);
  expect((await lab.ask('new.a.org.', 'A'))[1]).toBe('new.a.org. 60 IN A 192.0.2.9');
  lab.files['/db'] = '@ SOA ns\n';
  await lab.pass(10_000);
  expect(lab.lines.at(-1)).toMatch(/\/db:1: 'ns' is no data of type SOA/);
  expect((await lab.ask('new.a.org.', 'A'))[0]).toBe('NOERROR');
});

it.each([
  ['no SOA', 'www A 192.0.2.1\n', /has no SOA record/],
  ['another zone', '@ SOA a b 1 2 3 4 5\nx.b.org. A 192.0.2.1\n', /:2: x.b.org. is not in the zone/],
  ['a type that is none', '@ SOA a b 1 2 3 4 5\nx NOPE 1\n', /:2: 'NOPE' is no type/],
])('refuses a file with %s', async (_what, text, why) => {
  await expect(new Lab('a.org {\n file /db\n}', { files: { '/db': text } }).start()).rejects.toThrow(why);
});
