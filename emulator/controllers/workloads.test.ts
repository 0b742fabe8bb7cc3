import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settle } from '../api/testing/clock.ts';
import { Harness } from '../api/testing/harness.ts';
import type { KubeList, KubeObject } from '../api/types/meta.ts';
import type { Node } from '../api/types/node.ts';
import type { Pod } from '../api/types/pod.ts';
import type { EndpointSlice, Endpoints } from '../api/types/service.ts';
import type { DaemonSet, Deployment, Job, ReplicaSet, StatefulSet } from '../api/types/workload.ts';
import type { StoreWatch } from '../store/store.ts';
import { startControlPlane } from './control-plane.ts';
import type { Running } from './runtime/runtime.ts';

// Whole control planes, with a kubelet that does at once what it is told. What the reconciles decide is in the tables of
// their own tests; here they meet.

const NS = '/api/v1/namespaces/default';
const APPS = '/apis/apps/v1/namespaces/default';
const MERGE = { 'content-type': 'application/merge-patch+json' };

let api: Harness;
let running: Running;
let kubelet: StoreWatch;
let address = 10;
/** What becomes of a pod's containers: it runs, it ends well, or it fails. */
let fate: (pod: Pod) => 'Running' | 'Succeeded' | 'Failed';

async function tend(pod: Pod): Promise<void> {
  const path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}`;
  if (pod.metadata.deletionTimestamp !== undefined) {
    await api.call('DELETE', `${path}?gracePeriodSeconds=0`);
    return;
  }
  if (pod.spec.nodeName === undefined || pod.status?.phase !== 'Pending') return;
  const phase = fate(pod);
  const ready = phase === 'Running' ? 'True' : 'False';
  const at = new Date(api.clock.epoch + api.clock.now()).toISOString();
  const status = {
    phase,
    podIP: `10.244.0.${address++}`,
    conditions: [{ type: 'Ready', status: ready, lastTransitionTime: at }],
  };
  await api.call('PATCH', `${path}/status`, { status }, MERGE);
}

async function addNode(name: string, more: object = {}): Promise<void> {
  await api.call('POST', '/api/v1/nodes', {
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    ...more,
  });
  await api.call(
    'PATCH',
    `/api/v1/nodes/${name}/status`,
    { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    MERGE,
  );
}

beforeEach(async () => {
  api = new Harness();
  fate = () => 'Running';
  kubelet = api.store.watch('pods', api.store.revision, (event) => {
    if (event.type !== 'DELETED') void tend(event.stored.object as Pod);
  });
  await api.namespace();
  running = startControlPlane({
    registry: api.server.registry,
    clock: api.clock,
    seed: 1,
    podCIDR: '10.244.0.0/16',
    nodeMaskSize: 24,
    nodeOrder: [],
    nodeMonitorGrace: 40_000,
    nodeMonitorPeriod: 5000,
    caCertificate: undefined,
  });
  await addNode('n1');
  await addNode('n2');
  await done();
});
afterEach(() => {
  running.stop();
  kubelet.stop();
  api.close();
});

/** Until nothing changes any more. */
async function done(): Promise<void> {
  for (let before = -1; before !== api.store.revision; ) {
    before = api.store.revision;
    await settle(30);
    await api.clock.advance(100);
  }
}

const get = async <T>(path: string): Promise<T> => (await api.call('GET', path)).body as T;
const list = async <T extends KubeObject>(path: string): Promise<readonly T[]> =>
  (await get<KubeList<T>>(path)).items;
const pods = async (): Promise<readonly Pod[]> => list<Pod>(`${NS}/pods`);
const names = (objects: readonly KubeObject[]): string[] => objects.map((o) => o.metadata.name).sort();

const template = (image = 'nginx:1', more: object = {}): object => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image, ports: [{ name: 'http', containerPort: 8080 }] }], ...more },
});
const deployment = (replicas: number, more: object = {}): object => ({
  metadata: { name: 'web' },
  spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template(), ...more },
});

describe('a Deployment', () => {
  it('has its pods, spread over the nodes, and says that it is available', async () => {
    await api.call('POST', `${APPS}/deployments`, deployment(4));
    await done();
    const made = await pods();
    expect(made.map((p) => p.spec.nodeName).sort()).toEqual(['n1', 'n1', 'n2', 'n2']);
    const { status, metadata } = await get<Deployment>(`${APPS}/deployments/web`);
    expect(status).toMatchObject({
      replicas: 4,
      updatedReplicas: 4,
      readyReplicas: 4,
      availableReplicas: 4,
      observedGeneration: 1,
    });
    expect(status!.conditions!.map((c) => `${c.type} ${c.status} ${c.reason}`)).toEqual([
      'Available True MinimumReplicasAvailable',
      'Progressing True NewReplicaSetAvailable',
    ]);
    expect(metadata.annotations).toMatchObject({ 'deployment.kubernetes.io/revision': '1' });
  });

  it('rolls to another image and back, numbering revisions, never short of pods', async () => {
    await api.call('POST', `${APPS}/deployments`, deployment(4));
    await done();
    let fewest = 4;
    const watch = api.store.watch('pods', api.store.revision, () => {
      const ready = api.store
        .list('pods')
        .filter(
          ({ object }) =>
            (object as Pod).status?.conditions?.some((c) => c.status === 'True') &&
            object.metadata.deletionTimestamp === undefined,
        );
      fewest = Math.min(fewest, ready.length);
    });
    const change = (image: string) =>
      api.call('PATCH', `${APPS}/deployments/web`, { spec: { template: template(image) } }, MERGE);
    await change('nginx:2');
    await done();
    expect(new Set((await pods()).map((p) => p.spec.containers[0]!.image))).toEqual(new Set(['nginx:2']));
    await change('nginx:1');
    await done();
    watch.stop();
    expect(fewest).toBeGreaterThanOrEqual(3);
    const sets = await list<ReplicaSet>(`${APPS}/replicasets`);
    const revisions = sets.map((s) => [
      s.metadata.annotations!['deployment.kubernetes.io/revision'],
      s.spec.replicas,
    ]);
    expect(revisions.sort()).toEqual([
      ['2', 0],
      ['3', 4],
    ]);
  });

  it('recreates: no new pod beside an old one', async () => {
    await api.call('POST', `${APPS}/deployments`, deployment(2, { strategy: { type: 'Recreate' } }));
    await done();
    const images: string[][] = [];
    const watch = api.store.watch('pods', api.store.revision, () => {
      images.push([
        ...new Set(api.store.list('pods').map(({ object }) => (object as Pod).spec.containers[0]!.image!)),
      ]);
    });
    await api.call('PATCH', `${APPS}/deployments/web`, { spec: { template: template('nginx:2') } }, MERGE);
    await done();
    watch.stop();
    expect(images.every((seen) => seen.length <= 1)).toBe(true);
    expect((await pods()).length).toBe(2);
  });

  it('takes its pods along when it goes, or leaves them when told to', async () => {
    await api.call('POST', `${APPS}/deployments`, deployment(2));
    await done();
    await api.call('DELETE', `${APPS}/deployments/web?propagationPolicy=Orphan`);
    await done();
    expect((await list(`${APPS}/replicasets`)).length).toBe(1);
    const [set] = await list<ReplicaSet>(`${APPS}/replicasets`);
    expect(set!.metadata.ownerReferences ?? []).toEqual([]);
    await api.call('DELETE', `${APPS}/replicasets/${set!.metadata.name}?propagationPolicy=Foreground`);
    await done();
    expect(await pods()).toEqual([]);
    expect((await list(`${APPS}/replicasets`)).length).toBe(0);
  });

  it('makes up for pods that are deleted', async () => {
    await api.call('POST', `${APPS}/deployments`, deployment(2));
    await done();
    const before = names(await pods());
    await api.call('DELETE', `${NS}/pods/${before[0]}`);
    await done();
    const after = names(await pods());
    expect(after.length).toBe(2);
    expect(after).toContain(before[1]);
    expect(after).not.toContain(before[0]);
  });
});

describe('a Service', () => {
  it('has its pods in a slice and in Endpoints, by the number behind a port’s name', async () => {
    await api.call('POST', `${NS}/services`, {
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    await api.call('POST', `${APPS}/deployments`, deployment(2));
    await done();
    const [slice] = await list<EndpointSlice>('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
    expect(slice!.metadata.name).toMatch(/^web-[a-z0-9]{5}$/);
    expect(slice!.ports).toEqual([{ name: '', port: 8080, protocol: 'TCP' }]);
    expect(slice!.endpoints.map((e) => e.conditions)).toEqual([
      { ready: true, serving: true, terminating: false },
      { ready: true, serving: true, terminating: false },
    ]);
    const endpoints = await get<Endpoints>(`${NS}/endpoints/web`);
    expect(endpoints.subsets![0]!.addresses!.length).toBe(2);
    await api.call('DELETE', `${NS}/services/web`);
    await done();
    expect(await list('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices')).toEqual([]);
    expect((await api.call('GET', `${NS}/endpoints/web`)).code).toBe(404);
  });

  it('without a selector mirrors the Endpoints of its name', async () => {
    await api.call('POST', `${NS}/services`, {
      metadata: { name: 'dummy-svc' },
      spec: { ports: [{ name: 'http', port: 80 }] },
    });
    await api.call('POST', `${NS}/endpoints`, {
      metadata: { name: 'dummy-svc' },
      subsets: [
        { addresses: [{ ip: '100.96.8.53' }, { ip: '100.96.6.43' }], ports: [{ name: 'http', port: 80 }] },
      ],
    });
    await done();
    const [slice] = await list<EndpointSlice>('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices');
    expect(slice!.metadata.labels!['endpointslice.kubernetes.io/managed-by']).toBe(
      'endpointslicemirroring-controller.k8s.io',
    );
    expect(slice!.endpoints.flatMap((e) => e.addresses)).toEqual(['100.96.8.53', '100.96.6.43']);
  });
});

describe('others', () => {
  it('a StatefulSet has stable names, made in order and taken away from the end', async () => {
    const order: string[] = [];
    const watch = api.store.watch('pods', api.store.revision, (event) => {
      if (event.type === 'ADDED') order.push(event.stored.object.metadata.name);
    });
    const spec = {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: { app: 'web' } },
      template: template(),
    };
    await api.call('POST', `${APPS}/statefulsets`, { metadata: { name: 'db' }, spec });
    await done();
    watch.stop();
    expect(order).toEqual(['db-0', 'db-1', 'db-2']);
    expect((await get<Pod>(`${NS}/pods/db-1`)).spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' });
    await api.call(
      'PATCH',
      `${APPS}/statefulsets/db`,
      { spec: { replicas: 1, template: template('nginx:2') } },
      MERGE,
    );
    await done();
    expect(names(await pods())).toEqual(['db-0']);
    expect((await pods())[0]!.spec.containers[0]!.image).toBe('nginx:2');
    expect((await get<StatefulSet>(`${APPS}/statefulsets/db`)).status).toMatchObject({
      readyReplicas: 1,
      updatedReplicas: 1,
    });
  });

  it('a DaemonSet has a pod on each node, also on one that comes later', async () => {
    const spec = { selector: { matchLabels: { app: 'web' } }, template: template() };
    await api.call('POST', `${APPS}/daemonsets`, { metadata: { name: 'ds' }, spec });
    await done();
    await addNode('n3');
    await done();
    expect((await pods()).map((p) => p.spec.nodeName).sort()).toEqual(['n1', 'n2', 'n3']);
    expect((await get<DaemonSet>(`${APPS}/daemonsets/ds`)).status).toMatchObject({
      desiredNumberScheduled: 3,
      numberReady: 3,
    });
    await api.call('PATCH', `${APPS}/daemonsets/ds`, { spec: { template: template('nginx:2') } }, MERGE);
    await done();
    expect((await pods()).map((p) => p.spec.containers[0]!.image)).toEqual(['nginx:2', 'nginx:2', 'nginx:2']);
  });

  it('a Job runs until enough pods succeeded', async () => {
    fate = () => 'Succeeded';
    const spec = {
      completions: 3,
      parallelism: 2,
      template: template('busybox', { restartPolicy: 'Never' }),
    };
    await api.call('POST', '/apis/batch/v1/namespaces/default/jobs', { metadata: { name: 'j' }, spec });
    await done();
    const { status } = await get<Job>('/apis/batch/v1/namespaces/default/jobs/j');
    expect(status).toMatchObject({ succeeded: 3 });
    expect(status!.conditions!.map((c) => c.type)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect((await pods()).length).toBe(3);
  });

  it('and gives up after its back-off limit, waiting longer each time', async () => {
    fate = () => 'Failed';
    const spec = { backoffLimit: 2, template: template('busybox', { restartPolicy: 'Never' }) };
    await api.call('POST', '/apis/batch/v1/namespaces/default/jobs', { metadata: { name: 'j' }, spec });
    await done();
    expect((await pods()).length).toBe(1);
    await api.clock.advance(11_000);
    await done();
    expect((await pods()).length).toBe(2);
    await api.clock.advance(21_000);
    await done();
    const { status } = await get<Job>('/apis/batch/v1/namespaces/default/jobs/j');
    expect(status!.conditions!.at(-1)).toMatchObject({ type: 'Failed', reason: 'BackoffLimitExceeded' });
  });

  it('a namespace takes everything in it along', async () => {
    await api.namespace('shop');
    await done();
    await api.call('POST', '/apis/apps/v1/namespaces/shop/deployments', deployment(2));
    await done();
    await api.call('DELETE', '/api/v1/namespaces/shop');
    await done();
    await api.clock.advance(5000);
    await done();
    expect((await api.call('GET', '/api/v1/namespaces/shop')).code).toBe(404);
    expect(await list('/api/v1/namespaces/shop/pods')).toEqual([]);
  });

  it('a node that falls silent loses its pods after the grace time and what they tolerate', async () => {
    await api.call('POST', `${APPS}/deployments`, deployment(2));
    await done();
    const lease = (name: string, at: number) =>
      api.call('PUT', `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`, {
        metadata: { name },
        spec: { renewTime: new Date(api.clock.epoch + at).toISOString().replace('Z', '000Z') },
      });
    await api.namespace('kube-node-lease');
    for (let t = 0; t < 60; t += 10) {
      await lease('n1', api.clock.now());
      await api.clock.advance(10_000);
    }
    const status = (n: Node) => n.status!.conditions!.find((c) => c.type === 'Ready')!.status;
    expect(status(await get<Node>('/api/v1/nodes/n1'))).toBe('True');
    const lost = await get<Node>('/api/v1/nodes/n2');
    expect(status(lost)).toBe('Unknown');
    expect(lost.spec.taints!.map((t) => `${t.key}:${t.effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    for (let t = 0; t < 310; t += 10) {
      await lease('n1', api.clock.now());
      await api.clock.advance(10_000);
    }
    await done();
    expect(new Set((await pods()).map((p) => p.spec.nodeName))).toEqual(new Set(['n1']));
  });
});
