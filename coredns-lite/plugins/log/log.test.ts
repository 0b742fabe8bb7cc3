import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('writes a line per query', async () => {
  const lab = await new Lab('. {\n log\n whoami\n}').start();
  await lab.ask('A.org.', 'A');
  expect(lab.lines).toEqual([
    '[INFO] 10.0.0.9:5000 - 7 "A IN a.org. udp 40 false 512" NOERROR qr,aa,rd 73 0s',
  ]);
});

it('in a form and for the names and classes that are asked for', async () => {
  const corefile =
    '. {\n log a.org "{name} {rcode}" {\n class denial error\n }\n hosts {\n 192.0.2.1 a.org\n }\n}';
  const lab = await new Lab(corefile).start();
  for (const name of ['a.org.', 'x.a.org.', 'b.org.']) await lab.ask(name, 'A');
  expect(lab.lines).toEqual(['[INFO] x.a.org. SERVFAIL']);
});
