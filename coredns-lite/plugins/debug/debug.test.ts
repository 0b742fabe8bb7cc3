import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('takes no argument', async () => {
  await new Lab('. {\n debug\n whoami\n}').start();
  await expect(new Lab('. {\n debug x\n}').start()).rejects.toThrow("'debug' takes no 'x'");
});
