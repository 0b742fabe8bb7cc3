import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const corefile = (rules: string) => `. {\n${rules}\n hosts {\n 192.0.2.1 web.b.org\n ttl 100\n }\n}`;

it.each<[rules: string, name: string, answer: string[]]>([
  ['rewrite name old.a.org web.b.org', 'old.a.org.', ['NOERROR', 'old.a.org. 100 IN A 192.0.2.1']],
  [
    'rewrite name suffix .a.org .b.org answer auto',
    'web.a.org.',
    ['NOERROR', 'web.a.org. 100 IN A 192.0.2.1'],
  ],
  ['rewrite name suffix .a.org .b.org', 'web.a.org.', ['NOERROR', 'web.b.org. 100 IN A 192.0.2.1']],
  ['rewrite name prefix x- web', 'x-.b.org.', ['NOERROR', 'web.b.org. 100 IN A 192.0.2.1']],
  [
    'rewrite name substring shop web answer auto',
    'shop.b.org.',
    ['NOERROR', 'shop.b.org. 100 IN A 192.0.2.1'],
  ],
  [
    'rewrite name regex ^(w.b)[.]c[.]org[.]$ {1}.b.org answer auto',
    'web.c.org.',
    ['NOERROR', 'web.c.org. 100 IN A 192.0.2.1'],
  ],
  [
    'rewrite continue name a.org c.org\n rewrite name c.org web.b.org',
    'a.org.',
    ['NOERROR', 'a.org. 100 IN A 192.0.2.1'],
  ],
  ['rewrite ttl exact web.b.org 5-30', 'web.b.org.', ['NOERROR', 'web.b.org. 30 IN A 192.0.2.1']],
  ['rewrite rcode exact nope.b.org SERVFAIL NXDOMAIN', 'nope.b.org.', ['NXDOMAIN']],
  ['rewrite name other.org web.b.org', 'web.b.org.', ['NOERROR', 'web.b.org. 100 IN A 192.0.2.1']],
])('%s: %s', async (rules, name, answer) => {
  const lab = await new Lab(corefile(rules)).start();
  const reply = await lab.query(name, 'A');
  expect(reply?.question?.name).toBe(name);
  expect(await lab.ask(name, 'A')).toEqual(answer);
});

it('types can be rewritten', async () => {
  const lab = await new Lab(corefile('rewrite type ANY A')).start();
  expect((await lab.ask('web.b.org.', 'ANY'))[1]).toBe('web.b.org. 100 IN A 192.0.2.1');
});

it.each([
  ['rewrite', /cannot rewrite ''/],
  ['rewrite name a.org', /lacks an argument/],
  ['rewrite name regex ( b', /is no regular expression/],
  ['rewrite ttl exact a.org x', /'x' is no TTL/],
])('refuses "%s"', async (rule, why) => {
  await expect(new Lab(corefile(rule)).start()).rejects.toThrow(why);
});
