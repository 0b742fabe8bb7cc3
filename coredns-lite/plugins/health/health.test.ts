import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('goes on answering while it is a lame duck', async () => {
  const lab = await new Lab('. {\n health {\n lameduck 5s\n }\n whoami\n}').start();
  let over = false;
  const stopped = lab.instance.stop().then(() => {
    over = true;
  });
  await lab.pass(4999);
  expect(over).toBe(false);
  expect((await lab.ask('a.org.', 'A'))[0]).toBe('NOERROR');
  await lab.pass(1);
  await stopped;
  expect(lab.lines).toContain('[INFO] plugin/health: Going into lameduck mode for 5s');
});
