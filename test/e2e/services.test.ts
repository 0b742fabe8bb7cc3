// Services on real nodes: the library's scenario of what people get wrong holds; the same file fails where one thing is broken,
// and says why; a cluster without kube-proxy does not pretend.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { podwire, ROOT, temporaryHome } from './podwire.ts';

const FILE = join(ROOT, 'scenarios/library/services.yaml');
let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeAll(async () => {
  home = await temporaryHome();
});
afterAll(() => home.remove());

it.each(['process', 'inline'])(
  'the scenario holds with placement %s',
  async (placement) => {
    const { code, stdout } = await podwire(['run', FILE, '--placement', placement], { env: home.env });
    expect(stdout.split('\n').filter((l) => l.startsWith('FAIL'))).toEqual([]);
    expect(code).toBe(0);
  },
  120_000,
);

/** The scenario's cluster with these steps instead of its own. */
async function run(
  name: string,
  cluster: string,
  steps: string,
): Promise<{ code: number | null; stdout: string }> {
  const file = join(home.path, `${name}.yaml`);
  await writeFile(
    file,
    `apiVersion: podwire.dev/v1alpha1\nkind: Scenario\nmetadata: { name: ${name} }\nabout: x\ncluster: ${cluster}\nsteps:\n${steps}`,
  );
  const { code, stdout, stderr } = await podwire(['run', file, '--fail-fast'], { env: home.env });
  return { code, stdout: stdout + stderr };
}
const WEB = `  - apply: |
      {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeName: n1, containers: [{name: c, image: agnhost, args: [netexec]}]}}
      ---
      {apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {nodeName: n2, containers: [{name: c, image: agnhost, args: [netexec]}]}}
      ---
      {apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, clusterIP: 10.96.0.50, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}}
`;

it('a cluster without kube-proxy refuses Services, or says that they are not enforced', async () => {
  const { code, stdout } = await run('none', '{nodes: 1, proxy: {mode: none}}', WEB);
  expect(stdout).toContain('Service default/web is stored but not enforced: no kube-proxy runs on the nodes');
  expect(code).not.toBe(0);
}, 60_000);

it('a node without kube-proxy has no Services, the others do', async () => {
  const { code, stdout } = await run(
    'without',
    '{nodes: [{name: n1, without: [kube-proxy]}, n2], proxy: {minSyncPeriod: 100ms}}',
    `${WEB}  - wait: { for: pods, condition: Ready, timeout: 20s }
  - exec: { in: node/n2, run: "iptables-save -t nat", stdout: "default/web -> ", retry: 10s }
  - exec: { in: node/n2, run: "curl -s http://10.96.0.50/hostname", stdout: web }
  - exec: { in: node/n1, run: iptables-save, lacks: KUBE-SERVICES }
  - expect: { from: pod/a, to: "svc/web:80", proto: tcp, result: dropped, at: fabric/router }
`,
  );
  expect(stdout.split('\n').filter((l) => l.startsWith('FAIL'))).toEqual([]);
  expect(code).toBe(0);
}, 60_000);

it('20 ms on the link to the pod’s node shows at another node’s NodePort, and not with a pod of its own', async () => {
  const { code, stdout } = await run(
    'extra-hop',
    // In virtual time a round trip is what the links make it, however busy the machine.
    '{nodes: 3, external: [{name: client}], proxy: {minSyncPeriod: 100ms}, placement: inline, virtualTime: true}',
    `${WEB}  - wait: { for: pods, condition: Ready, timeout: 20s }
  - exec: { in: node/n3, run: "iptables-save -t nat", stdout: "default/web -> ", retry: 10s }
  - exec: { in: node/n2, run: "iptables-save -t nat", stdout: "default/web -> ", retry: 10s }
  - link: { between: [n2, n3], delay: 20ms }
  - expect: { from: external/client, to: "node/n3:30080", proto: tcp, via: [n3/flannel.1, n2/flannel.1] }
  - exec: { in: external/client, run: "curl -s -o /dev/null -w '%{time_connect}' http://\${node/n3}:30080/", stdout: '/^0\\.04/' }
  - exec: { in: external/client, run: "curl -s -o /dev/null -w '%{time_connect}' http://\${node/n2}:30080/", stdout: '/^0\\.00/' }
`,
  );
  expect(stdout.split('\n').filter((l) => l.startsWith('FAIL'))).toEqual([]);
  expect(code).toBe(0);
}, 60_000);

it('a Service is opened on the host until it is interrupted', async () => {
  const env = home.env;
  const manifest = join(home.path, 'web.yaml');
  const cluster = join(home.path, 'expose.yaml');
  await writeFile(
    manifest,
    `{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {nodeName: n2, containers: [{name: c, image: agnhost, args: [netexec]}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: inner}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}
`,
  );
  await writeFile(
    cluster,
    'apiVersion: podwire.dev/v1alpha1\nkind: Cluster\nnodes: 2\nproxy: {minSyncPeriod: 100ms}\n',
  );
  expect((await podwire(['up', '-f', cluster], { env })).code).toBe(0);
  try {
    await podwire(['apply', '-f', manifest], { env });
    await podwire(['wait', 'pods'], { env });
    const child = spawn(process.execPath, [join(ROOT, 'dist/podwire.js'), 'expose', 'svc/web'], {
      env: { ...process.env, ...env },
    });
    const url = String((await once(child.stdout, 'data'))[0]).trim();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    // The router knows the way once a pod is an endpoint and its node has said so.
    let body = '';
    for (let tries = 0; body === '' && tries < 400; tries++) body = await fetchText(`${url}hostname`);
    expect(body).toBe('web');
    child.kill('SIGINT');
    expect((await once(child, 'exit'))[0]).toBe(0);
    expect(await fetchText(`${url}hostname`)).toBe('');
    const inner = await podwire(['expose', 'svc/inner'], { env });
    expect([inner.code, inner.stderr]).toEqual([
      2,
      'podwire: svc/inner is of type ClusterIP and has no way in from outside; make it type: NodePort or LoadBalancer\n',
    ]);
  } finally {
    await podwire(['down'], { env });
  }
}, 90_000);

/** The body of a page, or nothing where there is no answer within a second. */
const fetchText = (url: string): Promise<string> =>
  new Promise((resolve) => {
    const request = get(url, { timeout: 1000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(''));
  });
