import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('logs rcode, name, type and what went wrong', async () => {
  const lab = await new Lab('. {\n errors\n hosts {\n 192.0.2.1 a.org\n fallthrough\n }\n}').start();
  expect(await lab.ask('b.org.', 'AAAA')).toEqual(['SERVFAIL']);
  expect(lab.lines).toEqual(['[ERROR] plugin/errors: 2 b.org. AAAA: plugin/hosts: no next plugin found']);
});

it('counts errors of a pattern', async () => {
  const corefile =
    '. {\n errors {\n consolidate 30s "no next plugin" warning\n }\n hosts {\n 192.0.2.1 a.org\n fallthrough\n }\n}';
  const lab = await new Lab(corefile).start();
  for (let i = 0; i < 3; i++) await lab.ask('b.org.', 'A');
  expect(lab.lines).toEqual([]);
  await lab.pass(30_000);
  expect(lab.lines).toEqual(["[WARNING] plugin/errors: 3 errors like 'no next plugin' occurred in last 30s"]);
});
