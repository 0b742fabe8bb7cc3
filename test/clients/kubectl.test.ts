// The real kubectl against a cluster that `podwire up` started, with the kubeconfig that `podwire kubeconfig` prints: what it prints and
// how it exits. Expected texts are kubectl's own renderings of upstream's answers (pkg/printers/internalversion/printers.go,
// apimachinery/pkg/api/errors).
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podwire } from '../e2e/podwire.ts';

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
const ours = (...args: string[]) =>
  podwire([...args, '--name', 'kubectl'], { env: { PODWIRE_HOME: folder } });

beforeAll(async () => {
  if (why !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), 'podwire-kubectl-'));
  const up = await ours('up', '--nodes', '2');
  if (up.code !== 0) throw new Error(up.stderr);
  writeFileSync(join(folder, 'config'), (await ours('kubeconfig')).stdout);
  writeFileSync(join(folder, 'file'), 'from the host\n');
}, 60_000);

afterAll(async () => {
  if (why !== undefined) return;
  await ours('down', '--delete');
  rmSync(folder, { recursive: true });
}, 30_000);

interface Ran {
  readonly code: number;
  readonly out: string;
}

const environment = () => ({
  ...process.env,
  HOME: folder,
  KUBECONFIG: join(folder, 'config'),
  KUBE_EDITOR: 'sed -i s/before-edit/after-edit/',
});

function kubectl(command: string, input = ''): Promise<Ran> {
  const args = command.split(' ').map((arg) => arg.replaceAll('␠', ' '));
  return new Promise((resolve) => {
    const child = execFile(
      'kubectl',
      args,
      { env: environment(), cwd: folder, timeout: 60_000 },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr });
      },
    );
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
  ['get endpointslices', 0, /web-[a-z0-9]{5} +IPv4 +80 +10\.244\.\d\.\d+,10\.244\.\d\.\d+,10\.244/],
  ['describe svc web', 0, /Endpoints: +10\.244\.\d\.\d+:80,/],
  ['describe deploy web', 0, /ScalingReplicaSet/],
  ['describe node n1', 0, /PodCIDR: +10\.244\.0\.0\/24/],
  ['create configmap cm --from-literal=a=b', 0, /configmap\/cm created/],
  ['create configmap cm --from-literal=a=b', 1, /failed to create configmap: configmaps "cm" already exists/],
  ['create namespace shop', 0, /namespace\/shop created/],
  ['create deployment d --image=busybox --replicas=0', 0, /deployment\.apps\/d created/],
  ['create service clusterip s --tcp=80', 0, /service\/s created/],
  ['create secret generic sec --from-literal=k=v', 0, /secret\/sec created/],
  ['create ingress i --rule=a.example/*=web:80', 0, /ingress\.networking\.k8s\.io\/i created/],
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
  ['apply -f -', 0, /networkpolicy\.networking\.k8s\.io\/deny-all created/, POLICY],
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
  ['run p --image=nginx --port=80 --labels=run=p', 0, /pod\/p created/],
  ['wait --for=condition=Ready pod/p --timeout=20s', 0, /condition met/],
  ['wait --for=jsonpath={.status.phase}=Running pod/p --timeout=10s', 0, /condition met/],
  ['exec p -- hostname', 0, /^p\n$/],
  ['exec -it p -- hostname', 0, /^p\r?\n/m],
  ['exec -i p -- cat', 0, /^typed\n$/, 'typed\n'],
  ['exec p -- sh -c exit␠7', 7, /command terminated with exit code 7/],
  ['exec p -- frobnicate', 127, /executable file not found in \$PATH/],
  ['exec p -c nosuch -- hostname', 1, /container nosuch is not valid for pod p/],
  ['exec p -- curl -s -o /dev/null -w %{http_code} localhost', 0, /^200$/],
  ['exec p -- ls /var/run/secrets/kubernetes.io/serviceaccount', 0, /^ca\.crt\nnamespace\ntoken\n$/],
  [
    'exec p -- sh -c curl␠-s␠--cacert␠$D/ca.crt␠-H␠"Authorization:␠Bearer␠$(cat␠$D/token)"␠https://192.168.100.2:6443/version'.replaceAll(
      '$D',
      '/var/run/secrets/kubernetes.io/serviceaccount',
    ),
    0,
    /"gitVersion":"v1\.32\.4"/,
  ],
  [
    'exec p -- curl -sS https://192.168.100.2:6443/version',
    60,
    /curl: \(60\) SSL certificate problem: self-signed/,
  ],
  ['exec p -- curl -sk https://192.168.100.2:6443/api', 0, /Unauthorized/],
  ['logs p', 0, /"GET \/ HTTP\/1\.1" 200/],
  ['logs p --tail=1 --timestamps', 0, /^\d{4}-\d\d-\d\dT[^\n]*\n$/],
  ['logs -l run=p', 0, /GET \//],
  ['logs p --previous', 1, /previous terminated container "p" in pod "p" not found/],
  ['cp file p:/tmp/file', 0, /^$/],
  ['exec p -- cat /tmp/file', 0, /^from the host\n$/],
  ['cp p:/tmp/file back', 0, /Removing leading/],
  ['debug p --image=busybox -c probe -- sleep 100', 0, /^/],
  [
    'wait --for=jsonpath={.status.ephemeralContainerStatuses[0].state.running} pod/p --timeout=20s',
    0,
    /condition met/,
  ],
  ['exec p -c probe -- wget -qO- localhost', 0, /<html/i],
  ['get pod p -o wide', 0, /p +1\/1 +Running +0 +\S+ +10\.244\.\d\.\d+ +n[12] +<none> +<none>/],
  ['get pod p --show-labels', 0, /run=p/],
  ['get pods -o custom-columns=N:.metadata.name,S:.spec.serviceAccountName', 0, /p +default/],
  ['get pods -o go-template={{range␠.items}}{{.metadata.name}};{{end}}', 0, /p;/],
  ['get pods --sort-by=.metadata.creationTimestamp', 0, /p +1\/1/],
  ['get pods -A --chunk-size=1', 0, /default +p +1\/1/],
  ['get pod p -o yaml', 0, /kube-api-access-[a-z0-9]{5}[\s\S]*qosClass: BestEffort/],
  ['get --raw /version', 0, /"major": ?"1"/],
  ['events --for pod/p', 0, /Started/],
  ['describe ns default', 0, /Status: +Active/],
  ['describe cm cm', 0, /a:\n----\nb/],
  ['describe sa default', 0, /Name: +default/],
  ['describe netpol deny-all', 0, /PodSelector: +<none>/],
  ['describe ingress i', 0, /a\.example/],
  ['describe job j', 0, /Completions: +1/],
  ['wait --for=condition=Complete job/j --timeout=20s', 0, /condition met/],
  ['get job j', 0, /j +Complete +1\/1/],
  ['create configmap edited --from-literal=text=before-edit', 0, /created/],
  ['edit configmap edited', 0, /configmap\/edited edited/],
  ['get configmap edited -o jsonpath={.data.text}', 0, /^after-edit$/],
  ['label cm cm x=z', 1, /already has a value \(y\), and --overwrite is false/],
  ['label cm cm x=z --overwrite', 0, /labeled/],
  ['label cm cm x-', 0, /unlabeled/],
  ['annotate cm cm q-', 0, /annotated/],
  [
    'replace -f -',
    0,
    /configmap\/cm replaced/,
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'cm' }, data: { r: '1' } }),
  ],
  [
    'replace -f -',
    1,
    /configmaps "nosuch" not found/,
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'nosuch' } }),
  ],
  ['set env deploy/web A=b', 0, /env updated/],
  ['set resources deploy/web --limits=cpu=100m', 0, /resource requirements updated/],
  ['rollout pause deploy/web', 0, /paused/],
  ['rollout resume deploy/web', 0, /resumed/],
  ['rollout status deploy/web --timeout=60s', 0, /successfully rolled out/],
  ['rollout history deploy/web --revision=2', 0, /Image:\s+nginx:2/],
  ['patch deploy web --subresource=scale --type=merge -p {"spec":{"replicas":2}}', 0, /patched/],
  ['create cronjob cj --image=busybox --schedule=*/5␠*␠*␠*␠*', 0, /cronjob\.batch\/cj created/],
  ['create role r --verb=get --resource=pods', 0, /role\.rbac\.authorization\.k8s\.io\/r created/],
  ['create rolebinding rb --role=r --serviceaccount=default:default', 0, /rolebinding.* created/],
  ['create clusterrole cr --verb=get --resource=nodes', 0, /clusterrole.* created/],
  ['create pdb pdb --selector=app=web --min-available=1', 0, /poddisruptionbudget.* created/],
  ['create quota q --hard=pods=100', 0, /resourcequota\/q created/],
  ['create priorityclass pc --value=10', 0, /priorityclass.* created/],
  ['create serviceaccount robot', 0, /serviceaccount\/robot created/],
  ['create service nodeport np --tcp=80:80', 0, /service\/np created/],
  ['get svc np', 0, /np +NodePort +10\.96\.\d+\.\d+ +<none> +80:3\d{4}\/TCP/],
  ['auth can-i --list', 0, /\*\.\*/],
  ['api-resources --namespaced=false -o name', 0, /^nodes$/m],
  ['cluster-info', 0, /control plane.* is running at .*https:\/\/127\.0\.0\.1:\d+/],
  ['config current-context', 0, /^podwire-kubectl\n$/],
  ['top nodes', 1, /Metrics API not available/],
  ['explain pod.spec.containers', 0, /FIELD: containers <\[\]Container>/],
  ['--token=wrong get pods', 1, /You must be logged in to the server \(Unauthorized\)/],
  ['delete cm cm edited', 0, /configmap "cm" deleted[\s\S]*configmap "edited" deleted/],
  ['delete cm cm', 1, /configmaps "cm" not found/],
  ['delete cm cm --ignore-not-found', 0, /^$/],
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

/** A command that goes on: each step's text is waited for, and then what belongs to it is done; the last ends the command. */
function follow(
  args: readonly string[],
  steps: readonly (readonly [wanted: RegExp, act?: (match: RegExpExecArray) => unknown])[],
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('kubectl', args, {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    // A dispatching kubectl runs another: the whole group is interrupted.
    const end = (): void => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGINT');
    };
    const left = [...steps];
    let out = '';
    let acting = false;
    const look = (): void => {
      if (acting) return;
      const [wanted, act] = left[0] ?? [];
      const match = wanted?.exec(out);
      if (match === undefined || match === null) return;
      left.shift();
      acting = true;
      Promise.resolve(act?.(match)).then(
        () => {
          acting = false;
          if (left.length === 0) end();
          else look();
        },
        (error: Error) => {
          end();
          reject(error);
        },
      );
    };
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        out += text;
        look();
      });
    child.on('close', () =>
      left.length === 0 ? resolve(out) : reject(new Error(`${args.join(' ')} ended with: ${out}`)),
    );
  });
}

const get = (port: number): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent: false }, (res) => {
      let body = '';
      res.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body }));
    })
      .on('error', reject)
      .end();
  });

describe.skipIf(why !== undefined)('kubectl', () => {
  it('runs its commands as against any API server', async () => {
    expect(RUN.length).toBeGreaterThanOrEqual(120);
    const wrong: string[] = [];
    for (const [command, code, prints, input] of RUN) {
      const ran = await kubectl(command, input);
      if (ran.code !== code || !prints.test(ran.out))
        wrong.push(
          `kubectl ${command}\n  exit ${ran.code}, expected ${code}; expected ${prints}\n${ran.out.slice(0, 600)}`,
        );
    }
    expect(wrong).toEqual([]);
    expect(readFileSync(join(folder, 'back'), 'utf8')).toBe('from the host\n');
  }, 300_000);

  it('follows: get -w, logs -f, port-forward with real requests through it', async () => {
    await kubectl('run web --image=nginx --port=80 --labels=run=web');
    await kubectl('expose pod web --port=8000 --target-port=80 --name=fw');
    await kubectl('wait --for=condition=Ready pod/web --timeout=20s');
    await follow(['get', 'cm', '-w'], [[/kube-root-ca/, () => kubectl('create cm watched')], [/watched +0/]]);
    await kubectl('exec web -- curl -s localhost/one');
    await follow(
      ['logs', '-f', 'web'],
      [[/GET \/one/, () => kubectl('exec web -- curl -s localhost/two')], [/GET \/two/]],
    );
    for (const [target, ports] of [
      ['pod/web', ':80'],
      ['svc/fw', ':8000'],
    ] as const)
      await follow(
        ['port-forward', target, ports],
        [
          [
            /Forwarding from 127\.0\.0\.1:(\d+) -> 80/,
            async ([, port]) => {
              const answers = await Promise.all([1, 2, 3].map(() => get(Number(port))));
              expect(answers.map((a) => a.status)).toEqual([200, 200, 200]);
              expect(answers[0]!.body).toMatch(/<html/i);
            },
          ],
        ],
      );
  }, 120_000);
});
