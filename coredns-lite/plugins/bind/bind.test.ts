import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('an address that this machine has, or a device', async () => {
  const lab = await new Lab('. {\n bind eth0\n whoami\n}').start();
  expect(lab.instance.listing).toEqual(['.:53 on 10.0.0.2']);
});

it('two blocks may serve one zone on two addresses, not on one', async () => {
  const blocks = (a: string, b: string) => `. {\n bind ${a}\n}\n. {\n bind ${b}\n}`;
  await new Lab(blocks('127.0.0.1', '127.0.0.2')).start();
  await expect(new Lab(blocks('127.0.0.1', '127.0.0.1')).start()).rejects.toThrow(
    /cannot serve .*already defined/,
  );
  await expect(new Lab('. {\n bind eth9\n}').start()).rejects.toThrow(/Corefile:2: 'eth9' is neither/);
});
