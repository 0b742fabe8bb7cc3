import { expect, it } from 'vitest';
import { addressRecord } from '../../dns/rr.ts';
import { answerOf, Lab } from '../../testing/lab.ts';

const server = (answers: Record<number, string>) => ({
  '192.0.2.53:53': (query: Parameters<typeof answerOf>[0]) => {
    const address = answers[query.question!.type];
    return answerOf(query, address === undefined ? {} : { answer: [addressRecord('a.org.', 900, address)!] });
  },
});
const corefile = (block: string) => `. {\n dns64 {\n${block}\n}\n forward . 192.0.2.53\n}`;

it.each([
  [
    'the A record embedded, for a client over IPv6',
    '',
    '2001:db8::9',
    { 1: '192.0.2.1' },
    ['a.org. 600 IN AAAA 64:ff9b::c000:201'],
  ],
  ['nothing for a client over IPv4', '', '10.0.0.9', { 1: '192.0.2.1' }, []],
  [
    'it for everybody where told so',
    'allow_ipv4',
    '10.0.0.9',
    { 1: '192.0.2.1' },
    ['a.org. 600 IN AAAA 64:ff9b::c000:201'],
  ],
  [
    'what there is',
    '',
    '2001:db8::9',
    { 1: '192.0.2.1', 28: '2001:db8::1' },
    ['a.org. 900 IN AAAA 2001:db8::1'],
  ],
  [
    'another prefix',
    'prefix 2001:db8:1::/48',
    '2001:db8::9',
    { 1: '192.0.2.1' },
    ['a.org. 600 IN AAAA 2001:db8:1:c000:2:100::'],
  ],
])('gives %s', async (_what, block, peer, answers, records) => {
  const lab = await new Lab(corefile(block), { servers: server(answers) }).start();
  expect(await lab.ask('a.org.', 'AAAA', { peer })).toEqual(['NOERROR', ...records]);
});
