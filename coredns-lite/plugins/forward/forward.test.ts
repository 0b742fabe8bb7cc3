import { expect, it } from 'vitest';
import { addressRecord } from '../../dns/rr.ts';
import { answerOf, Lab } from '../../testing/lab.ts';

const corefile = (block = '', to = '192.0.2.1 192.0.2.2') =>
  `. {\n errors\n forward . ${to} {\n policy sequential\n${block}\n}\n}`;
type Server = (query: Parameters<typeof answerOf>[0]) => ReturnType<typeof answerOf> | undefined;
const says =
  (address: string): Server =>
  (query) =>
    answerOf(query, { answer: [addressRecord(query.question!.name, 60, address)!] });
const fails =
  (rcode: number): Server =>
  (query) =>
    answerOf(query, { rcode });
const mute: Server = () => undefined;

/** The answer, with time going on until it is there. */
async function ask(lab: Lab, name = 'a.org.'): Promise<string[]> {
  const asked = lab.ask(name, 'A');
  await lab.pass(6000);
  return asked;
}

it.each<[what: string, block: string, servers: [Server, Server], answer: string[]]>([
  ['the first server', '', [says('10.0.0.1'), says('10.0.0.2')], ['NOERROR', 'a.org. 60 IN A 10.0.0.1']],
  ['the next when one is silent', '', [mute, says('10.0.0.2')], ['NOERROR', 'a.org. 60 IN A 10.0.0.2']],
  ['what the first says, SERVFAIL too', '', [fails(2), says('10.0.0.2')], ['SERVFAIL']],
  [
    'the next on a failover rcode',
    'failover SERVFAIL',
    [fails(2), says('10.0.0.2')],
    ['NOERROR', 'a.org. 60 IN A 10.0.0.2'],
  ],
  ['SERVFAIL when all are silent', '', [mute, mute], ['SERVFAIL']],
])('answers with %s', async (_what, block, [a, b], answer) => {
  const lab = await new Lab(corefile(block), { servers: { '192.0.2.1:53': a, '192.0.2.2:53': b } }).start();
  expect(await ask(lab)).toEqual(answer);
});

it('says in the log who did not answer', async () => {
  const lab = await new Lab(corefile('', '192.0.2.1'), { servers: {} }).start();
  await ask(lab);
  expect(lab.lines[0]).toBe(
    '[ERROR] plugin/errors: 2 a.org. A: read udp 10.0.0.2:40000->192.0.2.1:53: i/o timeout',
  );
});

it('a server that does not answer probes is left out until it does', async () => {
  const lab = new Lab(corefile('max_fails 1'), {
    servers: { '192.0.2.1:53': mute, '192.0.2.2:53': says('10.0.0.2') },
  });
  await lab.start();
  await ask(lab);
  await lab.pass(10_000);
  lab.asked.length = 0;
  expect(await lab.ask('b.org.', 'A')).toEqual(['NOERROR', 'b.org. 60 IN A 10.0.0.2']);
  expect(lab.asked.filter((line) => line.includes('b.org.'))).toEqual(['192.0.2.2:53 b.org. 1']);
  lab.servers['192.0.2.1:53'] = says('10.0.0.1');
  await lab.pass(2000);
  expect(await lab.ask('c.org.', 'A')).toEqual(['NOERROR', 'c.org. 60 IN A 10.0.0.1']);
});

it('a reply to another question is FORMERR', async () => {
  const other: Server = (query) => answerOf(query, { question: { ...query.question!, name: 'evil.' } });
  const lab = await new Lab(corefile('', '192.0.2.1'), { servers: { '192.0.2.1:53': other } }).start();
  expect(await ask(lab)).toEqual(['FORMERR']);
});

it('takes no more queries than it may', async () => {
  const lab = await new Lab(corefile('max_concurrent 1', '192.0.2.1'), { servers: {} }).start();
  const first = lab.ask('a.org.', 'A');
  expect(await lab.ask('b.org.', 'A')).toEqual(['REFUSED']);
  await lab.pass(6000);
  await first;
});

it.each([
  ['forward . tls://192.0.2.1', /over tls/],
  ['forward . nowhere', /neither an address nor a file/],
  ['forward .', /lacks an argument/],
  ['forward . 192.0.2.1 {\n policy best\n }', /unknown policy 'best'/],
])('refuses "%s"', async (line, why) => {
  await expect(new Lab(`. {\n ${line}\n}`).start()).rejects.toThrow(why);
});
