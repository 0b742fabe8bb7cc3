import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const corefile = (block: string, head = 'IN A a.org') =>
  `. {\n template ${head} {\n${block}\n}\n hosts {\n 192.0.2.1 b.org\n }\n}`;
const IP =
  'match "^ip-(?P<a>[0-9]+)-(?P<b>[0-9]+)[.]a[.]org[.]$"\nanswer "{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ index .Match 2 }}"';

it.each<[what: string, block: string, name: string, answer: string[]]>([
  ['what matched', IP, 'ip-3-4.a.org.', ['NOERROR', 'ip-3-4.a.org. 60 IN A 10.0.3.4']],
  ['SERVFAIL where nothing did', IP, 'x.a.org.', ['SERVFAIL']],
  ['an empty reply without answers', '', 'x.a.org.', ['NOERROR']],
  [
    'an rcode with its SOA',
    'rcode NXDOMAIN\nauthority "a.org. 60 IN SOA n. h. 1 2 3 4 5"',
    'x.a.org.',
    ['NXDOMAIN', 'authority a.org. 60 IN SOA n. h. 1 2 3 4 5'],
  ],
  [
    'numbers of another base',
    'match "^(?P<h>[0-9a-f]+)[.]"\nanswer "{{ .Name }} 5 IN TXT {{ parseInt .Group.h 16 8 }}"',
    'ff.a.org.',
    ['NOERROR', 'ff.a.org. 5 IN TXT "255"'],
  ],
  ['other zones to others', '', 'b.org.', ['NOERROR', 'b.org. 3600 IN A 192.0.2.1']],
])('gives %s', async (_what, block, name, answer) => {
  const lab = await new Lab(corefile(block)).start();
  expect(await lab.ask(name, 'A')).toEqual(answer);
});

it.each([
  ['answer "{{ range .X }}"', /\{\{ range \.X \}\} is not understood/],
  ['match (', /is no regular expression/],
  ['rcode NOPE', /'NOPE' is no rcode/],
])('refuses "%s"', async (block, why) => {
  await expect(new Lab(corefile(block)).start()).rejects.toThrow(why);
});
