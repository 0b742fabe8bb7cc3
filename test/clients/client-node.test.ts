// @kubernetes/client-node, unmodified, against a cluster that `podwire up` started: informers, exec and port-forward.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { CoreV1Api, Exec, KubeConfig, makeInformer, PortForward, type V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podwire } from '../e2e/podwire.ts';

let folder: string;
const config = new KubeConfig();
const ours = (...args: string[]) =>
  podwire([...args, '--name', 'library'], { env: { PODWIRE_HOME: folder } });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podwire-library-'));
  const up = await ours('up', '--nodes', '1');
  if (up.code !== 0) throw new Error(up.stderr);
  config.loadFromString((await ours('kubeconfig')).stdout);
}, 60_000);
afterAll(async () => {
  await ours('down', '--delete');
  rmSync(folder, { recursive: true });
}, 30_000);

const isReady = (pod: V1Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

describe('@kubernetes/client-node', () => {
  it('follows pods with an informer, runs a command in one, and reaches its port', async () => {
    const api = config.makeApiClient(CoreV1Api);
    const seen: string[] = [];
    const informer = makeInformer(config, '/api/v1/namespaces/default/pods', () =>
      api.listNamespacedPod({ namespace: 'default' }),
    );
    const ready = new Promise<void>((resolve) => {
      informer.on('update', (pod: V1Pod) => {
        if (isReady(pod)) resolve();
      });
    });
    const deleted = new Promise<void>((resolve) => {
      informer.on('delete', () => resolve());
    });
    informer.on('add', (pod: V1Pod) => seen.push(`add ${pod.metadata?.name}`));
    await informer.start();
    await api.createNamespacedPod({
      namespace: 'default',
      body: { metadata: { name: 'web' }, spec: { containers: [{ name: 'c', image: 'nginx' }] } },
    });
    await ready;
    expect(seen).toEqual(['add web']);

    const out = new PassThrough();
    let text = '';
    out.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const command = ['sh', '-c', 'hostname; exit 3'];
    const status = await new Promise<unknown>((resolve, reject) => {
      new Exec(config).exec('default', 'web', 'c', command, out, null, null, false, resolve).catch(reject);
    });
    expect(text).toBe('web\n');
    expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode' });

    const input = new PassThrough();
    const output = new PassThrough();
    const answer = new Promise<string>((resolve) => {
      let got = '';
      output.setEncoding('utf8').on('data', (chunk: string) => {
        got += chunk;
        if (got.includes('</html>')) resolve(got);
      });
    });
    const socket = await new PortForward(config).portForward('default', 'web', [80], output, null, input);
    input.write('GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    (socket as unknown as { close(): void }).close();

    await api.deleteNamespacedPod({ name: 'web', namespace: 'default', gracePeriodSeconds: 0 });
    await deleted;
    await informer.stop();
  }, 60_000);
});
