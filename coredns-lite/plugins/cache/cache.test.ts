import { expect, it } from 'vitest';
import { addressRecord } from '../../dns/rr.ts';
import { answerOf, Lab } from '../../testing/lab.ts';

const corefile = (block = '') => `. {\n cache 60 {\n${block}\n}\n forward . 192.0.2.53 {\n prefer_udp\n }\n}`;
const SERVER = '192.0.2.53:53';

function lab(block = '', answer: (n: number) => Parameters<typeof answerOf>[1] = () => ({})) {
  let n = 0;
  return new Lab(corefile(block), { servers: { [SERVER]: (query) => answerOf(query, answer(n++)) } }).start();
}
const record = (ttl: number, last = 1) => ({ answer: [addressRecord('a.org.', ttl, `192.0.2.${last}`)!] });

it('keeps an answer for its TTL, counts it down and asks again', async () => {
  const l = await lab('', (n) => record(30, n + 1));
  expect(await l.ask('a.org.', 'A')).toEqual(['NOERROR', 'a.org. 30 IN A 192.0.2.1']);
  await l.pass(12_000);
  expect(await l.ask('A.org.', 'A')).toEqual(['NOERROR', 'a.org. 18 IN A 192.0.2.1']);
  await l.pass(18_000);
  expect(await l.ask('a.org.', 'A')).toEqual(['NOERROR', 'a.org. 30 IN A 192.0.2.2']);
  expect(l.asked).toHaveLength(2);
});

it.each([
  [0, 5],
  [7, 7],
  [3600, 60],
])('a TTL of %i becomes %i in the first reply already', async (ttl, shown) => {
  const l = await lab('', () => record(ttl));
  expect(await l.ask('a.org.', 'A')).toEqual(['NOERROR', `a.org. ${shown} IN A 192.0.2.1`]);
});

it('answers of other types, and with DO, are others', async () => {
  const l = await lab('', () => record(30));
  await l.ask('a.org.', 'A');
  await l.ask('a.org.', 'AAAA');
  await l.ask('a.org.', 'A', {
    change: (query) => {
      query.edns = { size: 1232, version: 0, do: true, options: [] };
    },
  });
  expect(l.asked).toHaveLength(3);
});

it.each([
  ['NXDOMAIN without SOA', { rcode: 3 }, 2],
  ['REFUSED', { rcode: 5 }, 2],
  ['SERVFAIL', { rcode: 2 }, 1],
])('%s is asked for %i times', async (_what, answer, times) => {
  const l = await lab('', () => answer);
  await l.ask('a.org.', 'A');
  await l.ask('a.org.', 'A');
  expect(l.asked).toHaveLength(times as number);
});

it('zones can be left out', async () => {
  const l = await lab('disable success a.org', () => record(30));
  await l.ask('a.org.', 'A');
  await l.ask('a.org.', 'A');
  expect(l.asked).toHaveLength(2);
});

it('a stale answer is given while nobody answers, with TTL 0', async () => {
  const l = await lab('serve_stale', (n) => (n === 0 ? record(30) : { rcode: 2 }));
  await l.ask('a.org.', 'A');
  await l.pass(40_000);
  expect(await l.ask('a.org.', 'A')).toEqual(['NOERROR', 'a.org. 0 IN A 192.0.2.1']);
});

it('what is asked often is asked for before it ends', async () => {
  const l = await lab('prefetch 2 1m 20%', (n) => record(50, n + 1));
  for (let i = 0; i < 3; i++) await l.ask('a.org.', 'A');
  expect(l.asked).toHaveLength(1);
  await l.pass(42_000);
  await l.ask('a.org.', 'A');
  await l.pass(0);
  expect(l.asked).toHaveLength(2);
  expect(await l.ask('a.org.', 'A')).toEqual(['NOERROR', 'a.org. 50 IN A 192.0.2.2']);
});

it('holds no more than its capacity', async () => {
  const l = await lab('success 0', () => record(30));
  for (let i = 0; i < 1100; i++) await l.ask(`n${i}.org.`, 'A');
  // The reply's owner is not the question's name, so nothing of it is kept; the server was asked each time.
  expect(l.asked).toHaveLength(1100);
});
