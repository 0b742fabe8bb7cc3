import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Harness } from '../testing/harness.ts';
import type { Status } from '../types/meta.ts';
import type { Service } from '../types/service.ts';

let api: Harness;
beforeEach(async () => {
  api = new Harness({ serviceCIDR: '10.96.0.0/24' });
  await api.namespace();
});
afterEach(() => api.close());

const PATH = '/api/v1/namespaces/default/services';
const make = async (name: string, spec: object) =>
  (await api.call('POST', PATH, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } }))
    .body as Omit<Service, 'status' | 'kind'> & Pick<Status, 'message' | 'code'>;

describe('a Service', () => {
  it('gets an address above the static band and upstream’s defaults', async () => {
    const { spec } = await make('a', { selector: { app: 'a' } });
    expect(spec).toMatchObject({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
    });
    expect(spec.clusterIPs).toEqual([spec.clusterIP]);
    expect(Number(spec.clusterIP!.split('.')[3])).toBeGreaterThan(16);
  });

  it('of type NodePort gets a port above the static band; TCP and UDP of one port share it', async () => {
    const ports = [
      { name: 'a', port: 53, protocol: 'TCP' },
      { name: 'b', port: 53, protocol: 'UDP' },
    ];
    const { spec } = await make('a', { type: 'NodePort', ports });
    expect(spec.ports![0]!.nodePort).toBeGreaterThanOrEqual(30_086);
    expect(spec.ports![1]!.nodePort).toBe(spec.ports![0]!.nodePort);
    expect(spec.externalTrafficPolicy).toBe('Cluster');
  });

  it('gives back what it had when it goes, and when it changes its type', async () => {
    await make('a', { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 80, nodePort: 30_080 }] });
    const merge = { 'content-type': 'application/merge-patch+json' };
    await api.call('PATCH', `${PATH}/a`, { spec: { type: 'ClusterIP' } }, merge);
    const b = await make('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] });
    expect(b.spec.ports![0]!.nodePort).toBe(30_080);
    await api.call('DELETE', `${PATH}/a`);
    expect((await make('c', { clusterIP: '10.96.0.10' })).spec.clusterIP).toBe('10.96.0.10');
  });

  it('keeps its address over a PUT that leaves it out, and may not change it', async () => {
    const { spec } = await make('a', {});
    const body = { metadata: { name: 'a' }, spec: { ports: [{ port: 81 }] } };
    const put = (await api.call('PUT', `${PATH}/a`, body)).body as Service;
    expect(put.spec.clusterIP).toBe(spec.clusterIP);
    const moved = { ...body, spec: { ...body.spec, clusterIP: '10.96.0.200' } };
    expect(((await api.call('PUT', `${PATH}/a`, moved)).body as Status).message).toBe(
      'Service "a" is invalid: spec.clusterIPs[0]: Invalid value: []string{"10.96.0.200"}: may not change once set',
    );
  });

  it('a dry run takes nothing', async () => {
    const body = { metadata: { name: 'x' }, spec: { clusterIP: '10.96.0.9', ports: [{ port: 80 }] } };
    expect((await api.call('POST', `${PATH}?dryRun=All`, body)).code).toBe(201);
    expect((await make('a', { clusterIP: '10.96.0.9' })).spec.clusterIP).toBe('10.96.0.9');
  });

  it('a full range says so', async () => {
    const tiny = new Harness({ serviceCIDR: '10.96.0.0/30' });
    await tiny.namespace();
    const create = (name: string) =>
      tiny.call('POST', PATH, { metadata: { name }, spec: { ports: [{ port: 80 }] } });
    expect([(await create('a')).code, (await create('b')).code]).toEqual([201, 201]);
    expect((await create('c')).body).toMatchObject({
      code: 500,
      message: 'Internal error occurred: failed to allocate a serviceIP: range is full',
    });
    tiny.close();
  });

  it.each<[object, string]>([
    [
      { type: 'ClusterIp' },
      'spec.type: Unsupported value: "ClusterIp": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [{ ports: [] }, 'spec.ports: Required value'],
    [
      { ports: [{ port: 0 }] },
      '[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive]',
    ],
    [
      { ports: [{ port: 80, protocol: 'ICMP' }] },
      'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      { type: 'NodePort', ports: [{ port: 80, nodePort: 40_000 }] },
      'spec.ports[0].nodePort: Invalid value: 40000: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ],
    [
      { type: 'NodePort', ports: [{ port: 80, nodePort: 30_001 }] },
      'spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated',
    ],
    [
      { clusterIP: '1.2.3.4' },
      'spec.clusterIPs: Invalid value: []string{"1.2.3.4"}: failed to allocate IP 1.2.3.4: the provided IP (1.2.3.4) is not in the valid range. The range of valid IPs is 10.96.0.0/24',
    ],
    [
      { clusterIP: '10.96.0.7' },
      'spec.clusterIPs: Invalid value: []string{"10.96.0.7"}: failed to allocate IP 10.96.0.7: provided IP is already allocated',
    ],
    [
      { ipFamilyPolicy: 'RequireDualStack' },
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ],
    [
      { externalIPs: ['169.254.169.254'] },
      'spec.externalIPs[0]: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
    [
      { trafficDistribution: 'Nearest' },
      'spec.trafficDistribution: Unsupported value: "Nearest": supported values: "PreferClose"',
    ],
    [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
    [
      { externalTrafficPolicy: 'Local' },
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 90_000 } } },
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400',
    ],
  ])('refuses %j', async (spec, fault) => {
    await make('taken', {
      type: 'NodePort',
      clusterIP: '10.96.0.7',
      ports: [{ port: 80, nodePort: 30_001 }],
    });
    const answer = await make('bad', spec);
    expect(answer.message).toBe(`Service "bad" is invalid: ${fault}`);
    expect(answer.code).toBe(422);
  });

  it('names each fault of several', async () => {
    const ports = [{ port: 80, name: 'a' }, { port: 80 }];
    expect((await make('bad', { ports })).message).toBe(
      'Service "bad" is invalid: [spec.ports[1].name: Required value, spec.ports[1]: Duplicate value: core.ServicePort{Name:"", Protocol:"TCP", AppProtocol:(*string)(nil), Port:80, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}]',
    );
  });
});
