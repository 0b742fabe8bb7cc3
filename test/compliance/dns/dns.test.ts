// The table of questions and answers: what CoreDNS 1.14.7 answered for objects.yaml and Corefile, over UDP and over TCP, put to
// coredns-lite over real sockets. PODWIRE_DNS_RECORD=PORT writes the table anew from a CoreDNS that listens there.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeHost } from '../../../coredns-lite/host-node.ts';
import { Instance } from '../../../coredns-lite/server/instance.ts';
import { askTcp, askUdp, queryOf, render } from './ask.ts';

const at = (name: string): string => join(import.meta.dirname, name);
const questions = readFileSync(at('questions.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const recordFrom = process.env['PODWIRE_DNS_RECORD'];

/** Question → what was answered: over UDP, and over TCP where that differs. */
function readTable(): Map<string, { udp: string; tcp: string }> {
  const table = new Map<string, { udp: string; tcp: string }>();
  for (const block of readFileSync(at('answers.txt'), 'utf8').split('\n\n')) {
    const m = /^\? (.*)\nudp (.*?)(?:\ntcp (.*))?$/s.exec(block.trim());
    if (m !== null) table.set(m[1]!, { udp: m[2]!, tcp: m[3] ?? m[2]! });
  }
  return table;
}

let instance: Instance | undefined;
let port = Number(recordFrom ?? 0);

beforeAll(async () => {
  if (recordFrom !== undefined) return;
  const host = nodeHost({ log: () => {}, fatal: (message) => expect.unreachable(message) });
  instance = new Instance({
    host: { ...host, env: { DNS_PORT: '0', SOURCE: 'objects', SOURCE_AT: at('objects.yaml') } },
    corefile: at('Corefile'),
    port: 0,
  });
  await instance.start();
  port = instance.ports[0]!;
});
afterAll(() => instance?.stop());

if (recordFrom !== undefined)
  it('writes the table', async () => {
    const blocks: string[] = [
      '# What CoreDNS 1.14.7 answers: size, rcode, flags, records. Serials and the order within a section are left out.',
    ];
    for (const question of questions) {
      const udp = render(await askUdp(port, queryOf(question)));
      const tcp = render((await askTcp(port, [queryOf(question)]))[0]!);
      blocks.push(`? ${question}\nudp ${udp}${tcp === udp ? '' : `\ntcp ${tcp}`}`);
    }
    writeFileSync(at('answers.txt'), `${blocks.join('\n\n')}\n`);
  });

it.skipIf(recordFrom !== undefined)('answers every question as CoreDNS does, over UDP', async () => {
  const table = readTable();
  expect(table.size).toBeGreaterThanOrEqual(250);
  const wrong: unknown[] = [];
  for (const question of questions) {
    const got = render(await askUdp(port, queryOf(question)));
    const want = table.get(question)?.udp;
    if (got !== want) wrong.push({ question, got, want });
  }
  expect(wrong).toEqual([]);
});

it.skipIf(recordFrom !== undefined)('answers them all on one TCP connection, in their order', async () => {
  const table = readTable();
  const replies = await askTcp(
    port,
    questions.map((question, i) => queryOf(question, i)),
  );
  expect(replies.map((reply) => reply.readUInt16BE(0))).toEqual(questions.map((_, i) => i));
  const wrong = questions.flatMap((question, i) => {
    const got = render(replies[i]!);
    const want = table.get(question)?.tcp;
    return got === want ? [] : [{ question, got, want }];
  });
  expect(wrong).toEqual([]);
});
