import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../emulator/api/types/pod.ts';
import type { Service } from '../../emulator/api/types/service.ts';
import { NodeFs } from '../node-fs.ts';
import { containerEnv, type EnvContext, expand, serviceEnv } from './env.ts';
import { hostsFile, podHostname, podResolvConf, resolvConfText } from './etc-files.ts';
import { setUpVolumes, volumeMounts } from './volumes.ts';

const pod = (spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-0', namespace: 'shop', uid: 'u1', labels: { app: 'web' } },
  spec: { containers: [], ...spec },
});
const base = (name: string) => ({ apiVersion: 'v1', metadata: { name, namespace: 'shop' } });
const context = (p = pod()): EnvContext => ({
  pod: p,
  podIP: '10.244.1.2',
  hostIP: '192.168.100.11',
  nodeName: 'n1',
  services: [],
  references: {
    configMap: async (name) =>
      name === 'conf' ? { ...base(name), kind: 'ConfigMap', data: { a: '1', b: '2' } } : undefined,
    secret: async (name) =>
      name === 'key' ? { ...base(name), kind: 'Secret', data: { pass: 'aHVudGVyMg==' } } : undefined,
  },
});

describe('expand', () => {
  it.each([
    ['$(A)-$(B)', '1-2'],
    ['$$(A)', '$(A)'],
    ['$(NONE)', '$(NONE)'],
    ['$A $', '$A $'],
    ['$(toString)', '$(toString)'],
  ])('%s is %s', (text, wanted) => {
    expect(expand(text, { A: '1', B: '2' })).toBe(wanted);
  });
});

describe('containerEnv', () => {
  it('takes values, fields, keys, whole objects, and earlier variables', async () => {
    const field = (fieldPath: string) => ({ fieldRef: { fieldPath } });
    const env = await containerEnv(
      {
        name: 'c',
        resources: { limits: { memory: '64Mi' } },
        envFrom: [{ prefix: 'C_', configMapRef: { name: 'conf' } }],
        env: [
          { name: 'IP', valueFrom: field('status.podIP') },
          { name: 'NODE', valueFrom: field('spec.nodeName') },
          { name: 'APP', valueFrom: field("metadata.labels['app']") },
          { name: 'PASS', valueFrom: { secretKeyRef: { name: 'key', key: 'pass' } } },
          { name: 'MEM', valueFrom: { resourceFieldRef: { resource: 'limits.memory' } } },
          { name: 'MAYBE', valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } } },
          { name: 'URL', value: 'http://$(IP):$(C_a)' },
        ],
      },
      context(),
    );
    expect(env).toEqual({
      C_a: '1',
      C_b: '2',
      IP: '10.244.1.2',
      NODE: 'n1',
      APP: 'web',
      PASS: 'hunter2',
      MEM: '67108864',
      URL: 'http://10.244.1.2:1',
    });
  });

  it.each([
    [{ configMapKeyRef: { name: 'none', key: 'x' } }, 'configmap "none" not found'],
    [{ configMapKeyRef: { name: 'conf', key: 'x' } }, "couldn't find key x in ConfigMap shop/conf"],
    [{ secretKeyRef: { name: 'none', key: 'x' } }, 'secret "none" not found'],
    [{ fieldRef: { fieldPath: 'spec.nope' } }, 'unsupported fieldPath: spec.nope'],
  ])('%o is refused', async (valueFrom, message) => {
    await expect(containerEnv({ name: 'c', env: [{ name: 'X', valueFrom }] }, context())).rejects.toThrow(
      message,
    );
  });
});

describe('serviceEnv', () => {
  const service = (namespace: string, name: string, clusterIP: string): Service => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  });
  const all = [
    service('default', 'kubernetes', '10.96.0.1'),
    service('shop', 'red-db', '10.96.0.7'),
    service('shop', 'headless', 'None'),
    service('other', 'x', '10.96.0.8'),
  ];
  it('has the docker-link names of the namespace’s Services and of kubernetes', () => {
    expect(serviceEnv(all.slice(1), 'shop', true)).toEqual({
      RED_DB_SERVICE_HOST: '10.96.0.7',
      RED_DB_SERVICE_PORT: '80',
      RED_DB_SERVICE_PORT_HTTP: '80',
      RED_DB_PORT: 'tcp://10.96.0.7:80',
      RED_DB_PORT_80_TCP: 'tcp://10.96.0.7:80',
      RED_DB_PORT_80_TCP_PROTO: 'tcp',
      RED_DB_PORT_80_TCP_PORT: '80',
      RED_DB_PORT_80_TCP_ADDR: '10.96.0.7',
    });
  });
  it('without enableServiceLinks only kubernetes', () => {
    expect(Object.keys(serviceEnv(all, 'shop', false)).every((k) => k.startsWith('KUBERNETES_'))).toBe(true);
  });
});

describe('files of a pod', () => {
  const dns = {
    clusterDNS: '10.96.0.10',
    clusterDomain: 'cluster.local',
    host: { nameservers: ['192.168.100.1'], searches: ['lan'], options: [] },
  };
  it.each<[string, Partial<PodSpec>, string]>([
    [
      'ClusterFirst',
      {},
      'search shop.svc.cluster.local svc.cluster.local cluster.local lan\nnameserver 10.96.0.10\noptions ndots:5\n',
    ],
    ['Default', { dnsPolicy: 'Default' }, 'search lan\nnameserver 192.168.100.1\n'],
    ['a host-network pod', { hostNetwork: true }, 'search lan\nnameserver 192.168.100.1\n'],
    [
      'dnsConfig is added, and its options win',
      {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'ndots', value: '2' }] },
      },
      'nameserver 1.1.1.1\noptions ndots:2\n',
    ],
  ])('resolv.conf: %s', (_, spec, text) => {
    expect(resolvConfText(podResolvConf(pod(spec), dns))).toBe(text);
  });

  it('hosts: its own name, in full with a subdomain, and aliases', () => {
    const hosts = hostsFile(
      pod({ subdomain: 'db', hostAliases: [{ ip: '1.2.3.4', hostnames: ['x', 'y'] }] }),
      '10.244.1.2',
      'cluster.local',
      '',
    );
    expect(hosts).toContain('10.244.1.2\tweb-0.db.shop.svc.cluster.local\tweb-0\n');
    expect(hosts).toContain('# Entries added by HostAliases.\n1.2.3.4\tx\ty\n');
    expect([podHostname(pod(), 'n1'), podHostname(pod({ hostNetwork: true }), 'n1')]).toEqual([
      'web-0',
      'n1',
    ]);
  });

  it('volumes are files on the node, mounted where the container says', async () => {
    const fs = new NodeFs({ now: () => 0 });
    const p = pod({
      volumes: [
        { name: 'conf', configMap: { name: 'conf', items: [{ key: 'a', path: 'sub/a.txt' }] } },
        { name: 'key', secret: { secretName: 'key', defaultMode: 0o400 } },
        { name: 'sa', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
        { name: 'tmp', emptyDir: {} },
      ],
    });
    await setUpVolumes({ ...context(p), fs, token: async () => 'jwt' });
    const mounts = volumeMounts(p, {
      name: 'c',
      volumeMounts: ['conf', 'key', 'sa', 'tmp'].map((name) => ({ name, mountPath: `/mnt/${name}` })),
    });
    const at = (name: string) => mounts.find((m) => m.target === `/mnt/${name}`)!;
    expect(fs.readText(`${at('conf').source}/sub/a.txt`)).toBe('1');
    expect(fs.readText(`${at('key').source}/pass`)).toBe('hunter2');
    expect(fs.stat(`${at('key').source}/pass`).mode).toBe(0o400);
    expect(fs.readText(`${at('sa').source}/token`)).toBe('jwt');
    expect([at('conf').readOnly, at('tmp').readOnly]).toEqual([true, false]);
    expect(() => volumeMounts(p, { name: 'c', volumeMounts: [{ name: 'no', mountPath: '/x' }] })).toThrow(
      'cannot find volume "no" to mount into container "c"',
    );
  });
});
