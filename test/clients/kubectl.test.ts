// The real kubectl against the API server on a loopback port, TLS with a client certificate: what it prints and how it exits.
// The kubelet here does at once what it is told, so that Deployments become available. Expected texts are kubectl's own
// renderings of upstream's answers (pkg/printers/internalversion/printers.go, apimachinery/pkg/api/errors).
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPki, kubeconfig } from '../../emulator/api/auth/pki.ts';
import { bootstrap } from '../../emulator/api/bootstrap.ts';
import { ApiServer } from '../../emulator/api/server.ts';
import type { Pod } from '../../emulator/api/types/pod.ts';
import { startControlPlane } from '../../emulator/controllers/control-plane.ts';
import type { Running } from '../../emulator/controllers/runtime/runtime.ts';
import { hostClock } from '../../emulator/host-clock.ts';
import { MemoryStore } from '../../emulator/store/memory-store.ts';

function missing(): string | undefined {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'kubectl is not installed';
  }
}
const why = missing();
if (why !== undefined && process.env['PODWIRE_CI'] === '1') throw new Error(why);
if (why !== undefined) console.warn(`skipped: test/clients/kubectl: ${why}`);

let folder: string;
let server: ApiServer;
let listener: Server;
let running: Running;

beforeAll(async () => {
  if (why !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'podwire-kubectl-'));
  const clock = hostClock();
  const store = new MemoryStore();
  const pki = createPki({ now: new Date(), addresses: [], clusterDomain: 'cluster.local' });
  server = new ApiServer({ store, clock, seed: 1, tokens: new Map(), pki });
  const { registry } = server;
  await bootstrap(registry, {
    serviceCIDR: '10.96.0.0/12',
    controlPlane: { address: '192.168.100.2', port: 6443 },
  });
  running = startControlPlane({
    registry,
    clock,
    seed: 1,
    podCIDR: '10.244.0.0/16',
    nodeMaskSize: 24,
    nodeOrder: [],
    nodeMonitorGrace: 600_000,
    nodeMonitorPeriod: 5000,
    caCertificate: pki.ca.certificate,
  });
  const nodes = registry.catalogue.find('', 'v1', 'nodes')!;
  const pods = registry.catalogue.find('', 'v1', 'pods')!;
  for (const name of ['n1', 'n2']) {
    await registry.create(nodes, undefined, { metadata: { name }, apiVersion: 'v1', kind: 'Node' });
    const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
    const target = { info: nodes, namespace: undefined, name };
    await registry.update(target, (latest) => ({ ...structuredClone(latest), status: ready }), {
      subresource: 'status',
    });
  }
  let last = 10;
  store.watch('pods', store.revision, ({ type, stored }) => {
    const pod = stored.object as Pod;
    const { namespace, name, deletionTimestamp } = pod.metadata;
    const target = { info: pods, namespace, name };
    if (type === 'DELETED') return;
    if (deletionTimestamp !== undefined)
      void registry.delete(target, { gracePeriodSeconds: 0 }).catch(() => {});
    else if (pod.spec.nodeName !== undefined && pod.status?.phase === 'Pending') {
      const at = new Date().toISOString();
      const status = {
        phase: 'Running',
        podIP: `10.244.0.${last++}`,
        conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at }],
        containerStatuses: pod.spec.containers.map((c) => ({
          name: c.name,
          ready: true,
          restartCount: 0,
          image: c.image,
          imageID: '',
          state: { running: { startedAt: at } },
        })),
      };
      const change = { subresource: 'status' };
      void registry
        .update(target, (latest) => ({ ...structuredClone(latest), status }), change)
        .catch(() => {});
    }
  });
  listener = createServer((socket) => server.serve(socket));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  writeFileSync(
    join(folder, 'config'),
    JSON.stringify(kubeconfig(pki, 'podwire', `https://127.0.0.1:${port}`)),
  );
});

afterAll(() => {
  if (why !== undefined) return;
  running.stop();
  server.close();
  listener.close();
  rmSync(folder, { recursive: true });
});

interface Ran {
  readonly code: number;
  readonly out: string;
}

function kubectl(command: string, input = ''): Promise<Ran> {
  const args = command.split(' ').map((arg) => arg.replaceAll('␠', ' '));
  const env = { ...process.env, HOME: folder, KUBECONFIG: join(folder, 'config') };
  return new Promise((resolve) => {
    const child = execFile('kubectl', args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr });
    });
    child.stdin!.end(input);
  });
}

const WEB = (image: string, replicas = 2): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image, ports: [{ containerPort: 80 }] }] },
      },
    },
  });
const POLICY = JSON.stringify({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'deny-all' },
  spec: { podSelector: {} },
});
const TYPO = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'typo' },
  spec: { containers: [{ name: 'c', image: 'x', imagee: 'y' }] },
});

/** In order: each line's command, what it exits with, what it prints, and what it reads. */
const RUN: readonly (readonly [command: string, code: number, prints: RegExp, input?: string])[] = [
  ['version', 0, /Server Version: v1\.32\.4/],
  ['api-versions', 0, /apps\/v1\n[\s\S]*networking\.k8s\.io\/v1/],
  ['api-resources --api-group=apps', 0, /deployments +deploy +apps\/v1 +true +Deployment/],
  ['get nodes', 0, /NAME +STATUS +ROLES +AGE +VERSION\nn1 +Ready +<none>/],
  ['get ns', 0, /kube-system +Active/],
  ['get svc', 0, /kubernetes +ClusterIP +10\.96\.0\.1 +<none> +443\/TCP/],
  ['get endpoints kubernetes', 0, /192\.168\.100\.2:6443/],
  ['get sa,cm', 0, /configmap\/kube-root-ca\.crt +1/],
  ['get pods', 0, /No resources found in default namespace/],
  ['get pod none', 1, /Error from server \(NotFound\): pods "none" not found/],
  ['get nonsense', 1, /the server doesn't have a resource type "nonsense"/],
  ['diff -f -', 1, /\+kind: Deployment/, WEB('nginx:1')],
  ['apply --dry-run=server -f -', 0, /deployment\.apps\/web created \(server dry run\)/, WEB('nginx:1')],
  ['get deploy web', 1, /NotFound/],
  ['apply -f -', 0, /deployment\.apps\/web created/, WEB('nginx:1')],
  ['apply -f -', 0, /deployment\.apps\/web unchanged/, WEB('nginx:1')],
  ['rollout status deploy/web --timeout=20s', 0, /successfully rolled out/],
  ['get deploy', 0, /web +2\/2 +2 +2/],
  ['get pods -l app=web -o name', 0, /^pod\/web-[a-z0-9]+-[a-z0-9]{5}\npod\/web-/],
  ['get pods --field-selector spec.nodeName=n1', 0, /web-.* 1\/1 +Running/],
  ['wait --for=condition=Available deploy/web --timeout=10s', 0, /condition met/],
  ['apply -f -', 0, /configured/, WEB('nginx:2')],
  ['rollout status deploy/web --timeout=20s', 0, /successfully rolled out/],
  ['rollout history deploy/web', 0, /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/],
  ['rollout undo deploy/web', 0, /rolled back/],
  ['rollout status deploy/web --timeout=20s', 0, /successfully rolled out/],
  ['get deploy web -o jsonpath={..image}', 0, /^nginx:1$/],
  ['set image deploy/web c=nginx:3', 0, /image updated/],
  ['rollout restart deploy/web', 0, /restarted/],
  ['scale deploy/web --replicas=3', 0, /scaled/],
  ['rollout status deploy/web --timeout=20s', 0, /successfully rolled out/],
  ['get deploy web -o wide', 0, /3\/3 .* c +nginx:3 +app=web/],
  ['scale deploy/web --current-replicas=9 --replicas=1', 1, /Expected replicas to be 9, was 3/],
  ['expose deploy/web --port=80', 0, /service\/web exposed/],
  ['get endpointslices', 0, /web-[a-z0-9]{5} +IPv4 +80 +10\.244\.0\.\d+,10\.244\.0\.\d+,10\.244/],
  ['describe svc web', 0, /Endpoints: +10\.244\.0\.\d+:80,/],
  ['describe deploy web', 0, /ScalingReplicaSet/],
  ['describe node n1', 0, /PodCIDR: +10\.244\.0\.0\/24/],
  ['create configmap cm --from-literal=a=b', 0, /configmap\/cm created/],
  ['create configmap cm --from-literal=a=b', 1, /failed to create configmap: configmaps "cm" already exists/],
  ['create namespace shop', 0, /namespace\/shop created/],
  ['create deployment d --image=busybox --replicas=0', 0, /deployment\.apps\/d created/],
  ['create service clusterip s --tcp=80', 0, /service\/s created/],
  ['create secret generic sec --from-literal=k=v', 0, /secret\/sec created/],
  [
    'create ingress i --rule=a.example/*=web:80',
    0,
    /ingress\.networking\.k8s\.io\/i created[\s\S]*Warning: Ingress default\/i is stored but not enforced/,
  ],
  ['create job j --image=busybox', 0, /job\.batch\/j created/],
  ['label cm cm x=y', 0, /labeled/],
  ['annotate cm cm q=r', 0, /annotated/],
  ['patch cm cm --type=merge -p {"data":{"z":"1"}}', 0, /patched/],
  ['patch cm cm --type=json -p [{"op":"remove","path":"/data/z"}]', 0, /patched/],
  ['get cm cm -o jsonpath={.data}', 0, /^\{"a":"b"\}$/],
  [
    'apply --server-side -f -',
    0,
    /serverside-applied/,
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { a: '1' } }),
  ],
  [
    'apply --server-side --field-manager=other -f -',
    1,
    /conflict with "kubectl": \.data\.a/,
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { a: '2' } }),
  ],
  [
    'apply --server-side --field-manager=other --force-conflicts -f -',
    0,
    /serverside-applied/,
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { a: '2' } }),
  ],
  ['create -f -', 1, /strict decoding error: unknown field "spec\.containers\[0\]\.imagee"/, TYPO],
  ['create --validate=warn -f -', 0, /Warning: unknown field "spec\.containers\[0\]\.imagee"\n/, TYPO],
  ['apply -f -', 0, /Warning: NetworkPolicy default\/deny-all is stored but not enforced/, POLICY],
  ['get netpol', 0, /deny-all +<none>/],
  [
    'create -f -',
    1,
    /The Service "bad" is invalid: spec\.ports\[0\]\.port: Invalid value: 99999/,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'bad' },
      spec: { ports: [{ port: 99_999, targetPort: 80 }] },
    }),
  ],
  ['run p --image=busybox', 0, /pod\/p created/],
  ['wait --for=condition=Ready pod/p --timeout=10s', 0, /condition met/],
  ['describe pod p', 0, /Successfully assigned default\/p to n[12]/],
  ['get events --field-selector reason=Scheduled', 0, /Scheduled +pod\/p/],
  ['auth can-i create pods', 0, /yes/],
  ['auth whoami', 0, /kubernetes-admin/],
  ['explain deployment.spec.replicas', 0, /FIELD: replicas <integer>/],
  ['cordon n1', 0, /cordoned/],
  ['get node n1', 0, /Ready,SchedulingDisabled/],
  ['drain n1 --ignore-daemonsets --force --timeout=20s', 0, /node\/n1 drained/],
  ['get pods --field-selector spec.nodeName=n1', 0, /No resources found/],
  ['uncordon n1', 0, /uncordoned/],
  ['taint nodes n1 k=v:NoSchedule', 0, /tainted/],
  ['taint nodes n1 k-', 0, /untainted/],
  ['create token default', 0, /^ey[\w-]+\.[\w-]+\.[\w-]+$/],
  ['get --raw /healthz', 0, /^ok/],
  ['get all', 0, /service\/web[\s\S]*deployment\.apps\/web[\s\S]*replicaset\.apps\/web/],
  ['delete pod p --grace-period=0 --force', 0, /pod "p" force deleted|Warning: Immediate deletion/],
  ['delete deploy web', 0, /deleted/],
  ['wait --for=delete pod -l app=web --timeout=20s', 0, /^/],
  ['get pods -l app=web', 0, /No resources found/],
  ['delete ns shop --timeout=20s', 0, /namespace "shop" deleted/],
];

describe.skipIf(why !== undefined)('kubectl', () => {
  it('runs its commands as against any API server', async () => {
    const wrong: string[] = [];
    for (const [command, code, prints, input] of RUN) {
      const ran = await kubectl(command, input);
      if (ran.code !== code || !prints.test(ran.out))
        wrong.push(
          `kubectl ${command}\n  exit ${ran.code}, expected ${code}; expected ${prints}\n${ran.out.slice(0, 600)}`,
        );
    }
    expect(wrong).toEqual([]);
  });
});
