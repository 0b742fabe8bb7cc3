import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it.each([
  ['version.bind.', 'v9'],
  ['version.server.', 'v9'],
  ['hostname.bind.', 'lab'],
  ['id.server.', 'lab'],
  ['authors.bind.', 'me'],
])('%s is "%s"', async (name, text) => {
  const lab = await new Lab('. {\n chaos v9 me\n}').start();
  expect(await lab.ask(name, 'TXT', { class: 3 })).toEqual(['NOERROR', `${name} 0 CH TXT "${text}"`]);
});
