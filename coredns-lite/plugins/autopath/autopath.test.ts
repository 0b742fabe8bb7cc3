import { expect, it } from 'vitest';
import { addressRecord } from '../../dns/rr.ts';
import { answerOf, Lab } from '../../testing/lab.ts';

const pod = {
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'shop' },
  status: { podIP: '10.0.0.9', phase: 'Running' },
};
const objects = [
  { kind: 'Namespace', metadata: { name: 'shop' } },
  {
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }] },
  },
  pod,
]
  .map((object) => JSON.stringify(object))
  .join('\n');
const corefile =
  'c.local {\n autopath @kubernetes\n kubernetes {\n objects /o\n pods verified\n }\n}\n. {\n forward . 192.0.2.53\n}';
const corefileAll = corefile.replace('}\n. {\n forward', ' forward');

it('a name outside is found by the first question of the walk', async () => {
  const lab = new Lab(corefileAll, {
    files: { '/o': objects },
    servers: {
      '192.0.2.53:53': (query) =>
        answerOf(
          query,
          query.question!.name === 'www.a.org.'
            ? { answer: [addressRecord('www.a.org.', 9, '192.0.2.1')!] }
            : { rcode: 3 },
        ),
    },
  });
  await lab.start();
  expect(await lab.ask('www.a.org.shop.svc.c.local.', 'A')).toEqual([
    'NOERROR',
    'www.a.org.shop.svc.c.local. 9 IN CNAME www.a.org.',
    'www.a.org. 9 IN A 192.0.2.1',
  ]);
});

it("names of the pod's own namespace are plain", async () => {
  const lab = await new Lab(corefileAll, { files: { '/o': objects } }).start();
  expect(await lab.ask('web.shop.svc.c.local.', 'A')).toEqual([
    'NOERROR',
    'web.shop.svc.c.local. 5 IN A 10.96.0.9',
  ]);
});
