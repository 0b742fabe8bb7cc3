import { expect, it } from 'vitest';
import { Lab } from '../../testing/lab.ts';

const service = (name: string, spec: object) => ({
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec,
});
const slice = (of: string, addresses: readonly string[]) => ({
  kind: 'EndpointSlice',
  metadata: { name: `${of}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
  endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
});
const text = (objects: readonly object[]): string =>
  objects.map((object) => JSON.stringify(object)).join('\n');
const namespace = { kind: 'Namespace', metadata: { name: 'default' } };
const corefile = 'c.local 10.in-addr.arpa {\n kubernetes c.local 10.in-addr.arpa {\n objects /o\n }\n}';

it('what changes in the file changes in the answers', async () => {
  const first = [
    namespace,
    service('web', { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80 }] }),
    service('db', { clusterIP: 'None' }),
    slice('db', ['10.1.0.1', '10.1.0.2']),
  ];
  const lab = await new Lab(corefile, { files: { '/o': text(first) } }).start();
  const ask = async (name: string) =>
    (await lab.ask(`${name}.c.local.`, 'A')).filter((line) => !line.startsWith('authority'));
  expect(await ask('web.default.svc')).toEqual(['NOERROR', 'web.default.svc.c.local. 5 IN A 10.96.0.1']);
  expect(await ask('db.default.svc')).toHaveLength(3);
  lab.files['/o'] = text([
    namespace,
    service('web', { clusterIP: '10.96.0.2', ports: [{ port: 80 }] }),
    service('db', { clusterIP: 'None' }),
    slice('db', ['10.1.0.2']),
  ]);
  await lab.pass(1000);
  expect(await ask('web.default.svc')).toEqual(['NOERROR', 'web.default.svc.c.local. 5 IN A 10.96.0.2']);
  expect(await ask('db.default.svc')).toEqual(['NOERROR', 'db.default.svc.c.local. 5 IN A 10.1.0.2']);
  lab.files['/o'] = text([namespace]);
  await lab.pass(1000);
  expect(await ask('web.default.svc')).toEqual(['NXDOMAIN']);
  expect(await ask('db.default.svc')).toEqual(['NXDOMAIN']);
  lab.files['/o'] = text(first.slice(1));
  await lab.pass(1000);
  expect(await ask('web.default.svc')).toEqual(['NXDOMAIN']);
});

it('the server names the Service that leads to it, and hands its zone out', async () => {
  const objects = [
    namespace,
    service('dns', { clusterIP: '10.96.0.10', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
    slice('dns', ['10.0.0.2']),
  ];
  const lab = await new Lab(corefile.replace('{\n kube', '{\n transfer {\n to *\n }\n kube'), {
    files: { '/o': text(objects) },
  }).start();
  expect(await lab.ask('c.local.', 'NS')).toEqual([
    'NOERROR',
    'c.local. 5 IN NS dns.default.svc.c.local.',
    'additional dns.default.svc.c.local. 5 IN A 10.96.0.10',
  ]);
  const axfr = await lab.ask('c.local.', 'AXFR', { proto: 'tcp' });
  expect(axfr.slice(2, -1)).toEqual([
    'c.local. 5 IN NS dns.default.svc.c.local.',
    'dns.default.svc.c.local. 0 IN A 10.96.0.10',
    'dns.default.svc.c.local. 5 IN A 10.96.0.10',
    'dns.default.svc.c.local. 5 IN SRV 0 100 53 dns.default.svc.c.local.',
    '_dns._udp.dns.default.svc.c.local. 5 IN SRV 0 100 53 dns.default.svc.c.local.',
  ]);
});

it.each([
  ['pods often', /'often' is no pods mode/],
  ['ttl 3601', /from 0 to 3600/],
  ['namespaces a\n namespace_labels b=c', /exclude each other/],
  ['labels a=b=c', /is no label selector/],
  ['nope', /unknown property 'nope' \(known are endpoint/],
])('refuses "%s"', async (line, why) => {
  await expect(new Lab(`c.local {\n kubernetes {\n objects /o\n ${line}\n }\n}`).start()).rejects.toThrow(
    why,
  );
});

it('needs a forward zone, and something to ask', async () => {
  await expect(new Lab('in-addr.arpa {\n kubernetes {\n objects /o\n }\n}').start()).rejects.toThrow(
    /only reverse zones/,
  );
  await expect(new Lab('c.local {\n kubernetes\n}').start()).rejects.toThrow(
    /knows no API server: .*objects FILE/,
  );
});
