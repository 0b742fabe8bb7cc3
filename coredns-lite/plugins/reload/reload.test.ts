import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('takes a new Corefile over, and leaves the old one when it is no good', async () => {
  const corefile = (address: string) => `. {\n reload 10s 2s\n hosts {\n ${address} a.org\n }\n}`;
  const lab = await new Lab(corefile('192.0.2.1')).start();
  const answer = async () => (await lab.ask('a.org.', 'A'))[1];
  expect(await answer()).toBe('a.org. 3600 IN A 192.0.2.1');
  lab.files['/Corefile'] = corefile('192.0.2.2');
  await lab.pass(15_000);
  expect(await answer()).toBe('a.org. 3600 IN A 192.0.2.2');
  lab.files['/Corefile'] = '. {\n nonsense\n}';
  await lab.pass(15_000);
  expect(await answer()).toBe('a.org. 3600 IN A 192.0.2.2');
  lab.files['/Corefile'] = corefile('no.address');
  await lab.pass(15_000);
  expect(await answer()).toBe('a.org. 3600 IN A 192.0.2.2');
  lab.files['/Corefile'] = corefile('192.0.2.3');
  await lab.pass(15_000);
  expect(await answer()).toBe('a.org. 3600 IN A 192.0.2.3');
  expect(lab.lines.filter((line) => line.includes('Restart failed'))).toHaveLength(1);
});
