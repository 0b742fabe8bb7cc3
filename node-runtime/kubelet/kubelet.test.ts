// The kubelet at work on one node: real kernel, CNI and sockets, an API server in memory, containers that do what the test says, and a
// clock that stands still.
import { describe, expect, it } from 'vitest';
import { CONFIG_MAPS, LEASES, NODES, PODS } from '../api-client/resources.ts';
import { httpServer } from '../sockets/http.ts';
import { socketStack } from '../sockets/stack.ts';
import { ContainerError } from './runtime.ts';
import { container, type NodeLab, nodeLab } from './test-lab.ts';

const status = (lab: NodeLab, name?: string) => lab.pod(name).status;
const first = (lab: NodeLab) => status(lab)!.containerStatuses![0]!;
const condition = (lab: NodeLab, type: string) => status(lab)!.conditions!.find((c) => c.type === type)!;
const ready = (lab: NodeLab) => lab.node().status!.conditions!.find((c) => c.type === 'Ready')!;

describe('the node', () => {
  it('registers, says what it is, and renews its lease', async () => {
    const lab = nodeLab();
    await lab.settle();
    expect(lab.node()).toMatchObject({
      metadata: { labels: { 'kubernetes.io/hostname': 'n1', 'kubernetes.io/os': 'linux' } },
      status: {
        addresses: [
          { type: 'InternalIP', address: '192.168.100.11' },
          { type: 'Hostname', address: 'n1' },
        ],
        nodeInfo: { kubeletVersion: 'v1.32.4', containerRuntimeVersion: 'containerd://2.0.0' },
      },
    });
    expect(ready(lab)).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    const lease = () => lab.api.peek(LEASES, 'n1', 'kube-node-lease')!.spec!;
    expect(lease()).toMatchObject({ holderIdentity: 'n1', leaseDurationSeconds: 40 });
    const before = lease().renewTime;
    await lab.advance(10_000);
    expect(lease().renewTime).not.toBe(before);
    expect(lease().renewTime).toMatch(/^2026-01-01T00:00:10\.000000Z$/);
  });

  it('without a network plugin is NotReady with the runtime’s words, and gets Ready with one', async () => {
    const lab = nodeLab({ network: false });
    lab.create({});
    await lab.settle();
    expect(ready(lab)).toMatchObject({
      status: 'False',
      reason: 'KubeletNotReady',
      message:
        'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
    });
    expect(first(lab).state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    expect(status(lab)!.phase).toBe('Pending');
    expect(lab.events()).toContain(
      'NetworkNotReady: network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
    );
    lab.connectNetwork();
    await lab.advance(1500);
    expect(ready(lab)).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    expect(status(lab)).toMatchObject({ phase: 'Running', podIP: '10.244.1.2' });
  });

  it('leaves other daemons’ conditions alone', async () => {
    const lab = nodeLab();
    await lab.settle();
    const other = { type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp' } as const;
    const node = lab.node();
    lab.api.set(NODES, {
      ...node,
      status: { ...node.status, conditions: [...node.status!.conditions!, other] },
    });
    await lab.advance(310_000);
    expect(lab.node().status!.conditions).toContainEqual(other);
  });

  it('comes back when someone deletes its Node', async () => {
    const lab = nodeLab();
    await lab.settle();
    lab.api.remove(NODES, 'n1');
    await lab.advance(310_000);
    expect(ready(lab).status).toBe('True');
  });

  it('an API that cannot be reached is tried until it can', async () => {
    const lab = nodeLab();
    lab.api.down = true;
    await lab.advance(5000);
    lab.api.down = false;
    lab.create({});
    await lab.advance(15_000);
    expect(ready(lab).status).toBe('True');
    expect(status(lab)!.phase).toBe('Running');
  });
});

describe('a pod', () => {
  it('gets a namespace, an address and its containers, in one network', async () => {
    const lab = nodeLab();
    lab.create({ containers: [container('a'), container('b')] });
    await lab.settle();
    expect(status(lab)).toMatchObject({ phase: 'Running', podIP: '10.244.1.2', hostIP: '192.168.100.11' });
    expect(first(lab)).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      imageID: 'docker.io/library/nginx@sha256:0',
    });
    expect(first(lab).containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    const [a, b] = lab.runtime.containers;
    expect(a!.spec.netns).toBe(b!.spec.netns);
    expect(a!.spec.netns.device('eth0')!.mtu).toBe(1450);
    expect(a!.spec).toMatchObject({ hostname: 'web', hostNetwork: false, env: { HOSTNAME: 'web' } });
    const file = (target: string) => {
      const { source } = a!.spec.mounts.find((m) => m.target === target)!;
      return lab.host.fs.readText(source);
    };
    expect(file('/etc/hosts')).toContain('10.244.1.2\tweb\n');
    expect(file('/etc/resolv.conf')).toBe(
      'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    );
    expect(lab.events().sort()).toEqual([
      'Created: Created container: a',
      'Created: Created container: b',
      'Pulled: Container image "nginx" already present on machine',
      'Pulled: Container image "nginx" already present on machine',
      'Started: Started container a',
      'Started: Started container b',
      'Starting: Starting kubelet.',
    ]);
  });

  it('with host networking lives in the node’s namespace, with its address, CNI or not', async () => {
    const lab = nodeLab({ network: false });
    lab.create({ hostNetwork: true });
    await lab.settle();
    expect(status(lab)).toMatchObject({ phase: 'Running', podIP: '192.168.100.11' });
    expect(lab.runtime.last('a').spec.netns).toBe(lab.kernel.host);
    expect(lab.runtime.last('a').spec.hostname).toBe('n1');
  });

  it('is not Running before its server listens', async () => {
    const lab = nodeLab();
    lab.runtime.onStart = () => false;
    lab.create({});
    await lab.settle();
    expect(first(lab).state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    lab.runtime.last('a').listening();
    await lab.settle();
    expect(condition(lab, 'Ready').status).toBe('True');
  });

  it('that crashes is restarted at once, then after 10 s, 20 s, and says so', async () => {
    const lab = nodeLab();
    lab.create({});
    await lab.settle();
    lab.runtime.last('a').exit(3);
    await lab.settle();
    expect(first(lab)).toMatchObject({
      restartCount: 1,
      state: { running: {} },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
    lab.runtime.last('a').exit(3);
    await lab.settle();
    expect(first(lab)).toMatchObject({
      restartCount: 1,
      ready: false,
      state: {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: 'back-off 10s restarting failed container=a pod=web_default(u1)',
        },
      },
    });
    await lab.advance(9900);
    expect(lab.runtime.containers).toHaveLength(2);
    await lab.advance(200);
    expect(first(lab)).toMatchObject({ restartCount: 2, state: { running: {} } });
    lab.runtime.last('a').exit(3);
    await lab.settle();
    expect(first(lab).state!.waiting!.message).toContain('back-off 20s');
    expect(status(lab)!.phase).toBe('Running');
  });

  it('that has finished gives its network back and keeps its status', async () => {
    const lab = nodeLab();
    lab.create({ restartPolicy: 'Never' });
    await lab.settle();
    lab.runtime.last('a').exit(0);
    await lab.settle();
    expect(status(lab)!.phase).toBe('Succeeded');
    expect(first(lab).state!.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    expect([...lab.mounts.all]).toEqual([]);
    expect(lab.host.fs.list('/var/lib/cni/networks/cbr0')).toEqual(['last_reserved_ip.0', 'lock']);
  });

  it('whose image cannot be had waits with the reason, and tries again', async () => {
    const lab = nodeLab();
    lab.runtime.unpullable.set('nginx', 'no such image');
    lab.create({});
    await lab.settle();
    expect(first(lab).state!.waiting).toEqual({ reason: 'ErrImagePull', message: 'no such image' });
    lab.runtime.unpullable.clear();
    await lab.advance(10_500);
    expect(first(lab)).toMatchObject({ restartCount: 0, state: { running: {} } });
  });

  it('that cannot be started ends with StartError and 128', async () => {
    const lab = nodeLab();
    lab.runtime.startFailure = new ContainerError(
      'StartError',
      'exec: "nope": executable file not found in $PATH',
    );
    lab.create({ restartPolicy: 'Never' });
    await lab.settle();
    expect(first(lab).state!.terminated).toMatchObject({ exitCode: 128, reason: 'StartError' });
    expect(status(lab)!.phase).toBe('Failed');
  });

  it('waits for a ConfigMap it names, and sees it when it is there', async () => {
    const lab = nodeLab();
    const env = [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'paint', key: 'colour' } } }];
    lab.create({ containers: [container('a', { env })] });
    await lab.settle();
    expect(first(lab).state!.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'configmap "paint" not found',
    });
    lab.api.set(CONFIG_MAPS, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'paint', namespace: 'default' },
      data: { colour: 'red' },
    });
    await lab.advance(10_500);
    expect(lab.runtime.last('a').spec.env['COLOUR']).toBe('red');
    expect(first(lab).restartCount).toBe(0);
  });

  it('runs its init containers one by one, then itself', async () => {
    const lab = nodeLab();
    lab.create({ initContainers: [container('i1'), container('i2')] });
    await lab.settle();
    expect(lab.runtime.names).toEqual(['i1']);
    expect(first(lab).state).toEqual({ waiting: { reason: 'PodInitializing' } });
    lab.runtime.last('i1').exit(0);
    await lab.settle();
    lab.runtime.last('i2').exit(0);
    await lab.settle();
    expect(lab.runtime.names).toEqual(['i1', 'i2', 'a']);
    expect(status(lab)!.phase).toBe('Running');
  });

  it('ends its sidecars after its own containers, the last first', async () => {
    const lab = nodeLab();
    const always = { restartPolicy: 'Always' } as const;
    lab.create({ initContainers: [container('s1', always), container('s2', always)] });
    await lab.settle();
    expect(lab.runtime.names).toEqual(['s1', 's2', 'a']);
    const order: string[] = [];
    for (const c of lab.runtime.containers) void c.exited.then(() => order.push(c.spec.name));
    lab.remove('web', 30);
    await lab.settle();
    expect(order).toEqual(['a', 's2', 's1']);
  });

  it('past activeDeadlineSeconds has failed', async () => {
    const lab = nodeLab();
    lab.create({ activeDeadlineSeconds: 60 });
    await lab.advance(61_000);
    expect(status(lab)).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  it('of a full subnet waits, with the plugin’s words', async () => {
    const lab = nodeLab();
    for (let i = 2; i < 255; i++)
      lab.host.fs.write(`/var/lib/cni/networks/cbr0/10.244.1.${i}`, 'someone\r\neth0');
    lab.create({});
    await lab.settle();
    const event = lab.events().find((e) => e.startsWith('FailedCreatePodSandBox'));
    expect(event).toMatch(
      /^FailedCreatePodSandBox: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "[0-9a-f]{64}": plugin type="flannel" failed \(add\): failed to delegate add: failed to allocate for range 0: no IP addresses available in range set: 10\.244\.1\.1-10\.244\.1\.254$/,
    );
    expect([...lab.mounts.all]).toEqual([]);
    lab.host.fs.remove('/var/lib/cni/networks/cbr0/10.244.1.9');
    await lab.advance(10_500);
    expect(status(lab)!.podIP).toBe('10.244.1.9');
  });
});

describe('probes', () => {
  const probe = { exec: { command: ['true'] }, periodSeconds: 5, failureThreshold: 2 };

  it('readiness decides Ready, not Running', async () => {
    const lab = nodeLab();
    lab.runtime.onStart = (c) => void (c.execCode = 1);
    lab.create({ containers: [container('a', { readinessProbe: probe })] });
    await lab.advance(12_000);
    expect([status(lab)!.phase, condition(lab, 'Ready').status]).toEqual(['Running', 'False']);
    expect(lab.events()).toContain('Unhealthy: Readiness probe failed: ');
    lab.runtime.last('a').execCode = 0;
    await lab.advance(5000);
    expect(condition(lab, 'Ready').status).toBe('True');
    lab.runtime.last('a').execCode = 1;
    await lab.advance(5000);
    expect(condition(lab, 'Ready').status).toBe('True');
    await lab.advance(5000);
    expect(condition(lab, 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady' });
  });

  it('liveness restarts the container', async () => {
    const lab = nodeLab();
    lab.create({ containers: [container('a', { livenessProbe: probe })] });
    await lab.advance(6000);
    lab.runtime.last('a').execCode = 1;
    await lab.advance(11_000);
    expect(first(lab).restartCount).toBe(1);
    expect(lab.events()).toContain('Killing: Container a failed liveness probe, will be restarted');
    expect(lab.runtime.containers[0]!.graces).toEqual([30_000]);
  });

  it('the others wait for the startup probe', async () => {
    const lab = nodeLab();
    lab.runtime.onStart = (c) => void (c.execCode = 1);
    const slow = { ...probe, failureThreshold: 30 };
    lab.create({ containers: [container('a', { startupProbe: slow, livenessProbe: probe })] });
    await lab.advance(60_000);
    expect(first(lab)).toMatchObject({ restartCount: 0, started: false, ready: false });
    lab.runtime.last('a').execCode = 0;
    await lab.advance(6000);
    expect(first(lab)).toMatchObject({ started: true, ready: true });
  });

  it.each([
    ['http', { httpGet: { port: 'web', path: '/healthz' } }],
    ['tcp', { tcpSocket: { port: 8080 } }],
  ] as const)('%s goes over the emulated network to the pod’s address', async (kind, handler) => {
    const lab = nodeLab();
    const ports = [{ name: 'web', containerPort: 8080 }];
    lab.create({ containers: [container('a', { ports, readinessProbe: { ...handler, periodSeconds: 1 } })] });
    await lab.advance(3000);
    expect(condition(lab, 'Ready').status).toBe('False');
    expect(lab.events().find((e) => e.startsWith('Unhealthy'))).toBe(
      kind === 'http'
        ? 'Unhealthy: Readiness probe failed: Get "http://10.244.1.2:8080/healthz": dial tcp 10.244.1.2:8080: connect: connection refused'
        : 'Unhealthy: Readiness probe failed: dial tcp 10.244.1.2:8080: connect: connection refused',
    );
    const seen: string[] = [];
    const stack = socketStack(lab.runtime.last('a').spec.netns);
    const server = await httpServer(stack, { port: 8080 }, (req, res) => {
      seen.push(`${req.url} ${req.headers['user-agent']}`);
      res.end('ok');
    });
    await lab.advance(2000);
    expect(condition(lab, 'Ready').status).toBe('True');
    if (kind === 'http') expect(seen[0]).toBe('/healthz kube-probe/1.32');
    server.stop();
    lab.kubelet.stop();
    stack.stop();
  });
});

describe('the end', () => {
  it('is SIGTERM, then the API forgets the pod', async () => {
    const lab = nodeLab();
    lab.create({});
    await lab.settle();
    lab.remove('web', 30);
    await lab.settle();
    expect(lab.runtime.last('a').graces).toEqual([30_000]);
    expect(lab.api.peek(PODS, 'web', 'default')).toBeUndefined();
    expect(lab.api.log.filter((line) => line.startsWith('delete'))).toEqual(['delete pods web']);
    expect([...lab.mounts.all]).toEqual([]);
    expect(lab.kubelet.worker('default', 'web')).toBeUndefined();
    expect(lab.host.fs.exists('/var/lib/kubelet/pods/u1')).toBe(false);
  });

  it('comes after the grace period for who does not listen, or earlier when told again', async () => {
    const lab = nodeLab();
    lab.runtime.onStart = (c) => void (c.stubborn = true);
    lab.create({});
    await lab.settle();
    lab.remove('web', 30);
    await lab.advance(10_000);
    expect(lab.pod()).toBeDefined();
    lab.remove('web', 1);
    await lab.advance(1100);
    expect(lab.api.peek(PODS, 'web', 'default')).toBeUndefined();
  });

  it('lets a preStop hook use its part of the grace period', async () => {
    const lab = nodeLab();
    lab.create({ containers: [container('a', { lifecycle: { preStop: { sleep: { seconds: 12 } } } })] });
    await lab.settle();
    lab.remove('web', 30);
    await lab.advance(11_000);
    expect(lab.runtime.last('a').graces).toEqual([]);
    await lab.advance(1500);
    expect(lab.runtime.last('a').graces).toEqual([18_000]);
  });

  it('waits for the API when it cannot be reached', async () => {
    const lab = nodeLab();
    lab.create({});
    await lab.settle();
    lab.api.down = true;
    lab.remove('web', 1);
    await lab.advance(5000);
    lab.api.down = false;
    expect(lab.pod()).toBeDefined();
    await lab.advance(15_000);
    expect(lab.api.peek(PODS, 'web', 'default')).toBeUndefined();
  });

  it('of a pod that is torn out of the API ends its containers all the same', async () => {
    const lab = nodeLab();
    lab.create({});
    await lab.settle();
    lab.api.remove(PODS, 'web', 'default');
    await lab.settle();
    expect(lab.runtime.last('a').graces).toEqual([1000]);
    expect([...lab.mounts.all]).toEqual([]);
  });

  it('of one pod is no end of the next of that name', async () => {
    const lab = nodeLab();
    lab.create({});
    await lab.settle();
    lab.create({ uid: 'u2' });
    await lab.settle();
    expect(status(lab)).toMatchObject({ phase: 'Running', podIP: '10.244.1.3' });
    expect(lab.runtime.containers.map((c) => c.spec.pod!.uid)).toEqual(['u1', 'u2']);
    expect(lab.runtime.containers[0]!.graces).toEqual([1000]);
  });
});

describe('after a reboot of the node', () => {
  it('pods come back with the same names, one restart more and new addresses', async () => {
    const before = nodeLab();
    before.create({ containers: [container('a'), container('b')] });
    before.create({ name: 'job', uid: 'u2', restartPolicy: 'Never', containers: [container('once')] });
    await before.settle();
    before.runtime.last('a').exit(0);
    await before.advance(100);
    expect(first(before).restartCount).toBe(1);
    const after = before.reboot();
    await after.advance(2000);
    expect(after.pod().status!.containerStatuses!.map((c) => [c.name, c.restartCount, c.ready])).toEqual([
      ['a', 2, true],
      ['b', 1, true],
    ]);
    expect(after.pod().status!.podIP).toBe('10.244.1.4');
    expect(first(after).lastState!.terminated).toMatchObject({ exitCode: 255, reason: 'Unknown' });
    // The old addresses were given back, and the cursor did not return to them.
    expect(after.host.fs.list('/var/lib/cni/networks/cbr0')).toEqual([
      '10.244.1.4',
      'last_reserved_ip.0',
      'lock',
    ]);
    // What is not to be restarted is not.
    expect(after.pod('job').status!.phase).toBe('Failed');
  });

  it('sandboxes of pods that are gone give their addresses back', async () => {
    const before = nodeLab();
    before.create({});
    await before.settle();
    before.kubelet.stop();
    before.api.remove(PODS, 'web', 'default');
    const after = before.reboot();
    await after.settle();
    expect(after.host.fs.list('/var/lib/cni/networks/cbr0')).toEqual(['last_reserved_ip.0', 'lock']);
  });
});
