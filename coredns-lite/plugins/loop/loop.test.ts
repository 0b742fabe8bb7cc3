import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('ends the process when its own question comes back', async () => {
  const lab = await new Lab('. {\n loop\n whoami\n}', { servers: {} }).start();
  await lab.pass(0);
  const name = lab.asked[0]!.split(' ')[1]!;
  for (let i = 0; i < 3; i++) await lab.ask(name, 'HINFO');
  expect(lab.fatals[0]).toMatch(/plugin\/loop: Loop \(10\.0\.0\.9:5000 -> :53\) detected for zone "\."/);
});

it('does not mind other questions', async () => {
  const lab = await new Lab('. {\n loop\n whoami\n}').start();
  for (let i = 0; i < 5; i++) await lab.ask('1.2.', 'HINFO');
  expect(lab.fatals).toEqual([]);
});
