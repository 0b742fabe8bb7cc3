import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

it('others can print what kubernetes knows of a query', async () => {
  const corefile =
    '. {\n metadata\n log . "{/kubernetes/service} {/kubernetes/namespace} {/kubernetes/nothing}"\n kubernetes c.local {\n objects /o\n }\n}';
  const lab = await new Lab(corefile, { files: { '/o': '{"kind":"List","items":[]}' } }).start();
  await lab.ask('web.default.svc.c.local.', 'A');
  expect(lab.lines).toEqual(['[INFO] web default -']);
});
