import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../types/meta.ts';
import { humanDuration } from './duration.ts';
import { tableOf } from './table.ts';

describe('HumanDuration', () => {
  const S = 1000;
  const M = 60 * S;
  const H = 60 * M;
  const D = 24 * H;
  it.each([
    [-5 * S, '<invalid>'],
    [-S, '0s'],
    [0, '0s'],
    [119 * S, '119s'],
    [120 * S, '2m'],
    [9 * M + 59 * S, '9m59s'],
    [10 * M, '10m'],
    [179 * M, '179m'],
    [3 * H, '3h'],
    [7 * H + 59 * M, '7h59m'],
    [47 * H, '47h'],
    [48 * H, '2d'],
    [7 * D + 23 * H, '7d23h'],
    [8 * D, '8d'],
    [729 * D, '729d'],
    [730 * D, '2y'],
    [2 * 365 * D + D, '2y1d'],
    [9 * 365 * D, '9y'],
  ])('%i ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));
});

const NOW = Date.UTC(2026, 0, 1, 0, 1);
const created = { creationTimestamp: '2026-01-01T00:00:00Z' };
/** The cells under these columns. */
const cells = (kind: string, object: object, ...names: string[]): unknown[] => {
  const table = tableOf(kind)!;
  const row = table.cells({ kind, metadata: { name: 'x', ...created }, ...object } as KubeObject, NOW);
  expect(row.length).toBe(table.columns.length);
  return names.map((name) => row[table.columns.findIndex((c) => c.name === name)]);
};

const spec = { containers: [{ name: 'c' }] };
const state = (s: object, more: object = {}): object => ({
  containerStatuses: [{ name: 'c', ready: false, restartCount: 0, state: s, ...more }],
});

describe('pods', () => {
  it.each<[string, object, unknown[]]>([
    ['pending', { spec, status: { phase: 'Pending' } }, ['0/1', 'Pending', '0']],
    [
      'running',
      { spec, status: { phase: 'Running', ...state({ running: {} }, { ready: true }) } },
      ['1/1', 'Running', '0'],
    ],
    [
      'being made',
      { spec, status: { phase: 'Pending', ...state({ waiting: { reason: 'ContainerCreating' } }) } },
      ['0/1', 'ContainerCreating', '0'],
    ],
    [
      'looping',
      {
        spec,
        status: {
          phase: 'Running',
          ...state(
            { waiting: { reason: 'CrashLoopBackOff' } },
            {
              restartCount: 3,
              lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:00:30Z' } },
            },
          ),
        },
      },
      ['0/1', 'CrashLoopBackOff', '3 (30s ago)'],
    ],
    [
      'done',
      {
        spec,
        status: { phase: 'Succeeded', ...state({ terminated: { exitCode: 0, reason: 'Completed' } }) },
      },
      ['0/1', 'Completed', '0'],
    ],
    [
      'ended without a reason',
      { spec, status: { phase: 'Failed', ...state({ terminated: { exitCode: 7 } }) } },
      ['0/1', 'ExitCode:7', '0'],
    ],
    [
      'killed',
      { spec, status: { phase: 'Failed', ...state({ terminated: { exitCode: 137, signal: 9 } }) } },
      ['0/1', 'Signal:9', '0'],
    ],
    ['evicted', { spec, status: { phase: 'Failed', reason: 'Evicted' } }, ['0/1', 'Evicted', '0']],
    [
      'going',
      { spec, metadata: { name: 'x', ...created, deletionTimestamp: 'x' }, status: { phase: 'Running' } },
      ['0/1', 'Terminating', '0'],
    ],
    [
      'initializing',
      {
        spec: { ...spec, initContainers: [{ name: 'i' }, { name: 'j' }] },
        status: {
          phase: 'Pending',
          initContainerStatuses: [
            { name: 'i', restartCount: 0, state: { terminated: { exitCode: 0 } } },
            { name: 'j', restartCount: 0, state: { running: {} } },
          ],
        },
      },
      ['0/1', 'Init:1/2', '0'],
    ],
    [
      'failing to',
      {
        spec: { ...spec, initContainers: [{ name: 'i' }] },
        status: {
          phase: 'Pending',
          initContainerStatuses: [
            { name: 'i', restartCount: 2, state: { waiting: { reason: 'CrashLoopBackOff' } } },
          ],
        },
      },
      ['0/1', 'Init:CrashLoopBackOff', '2'],
    ],
  ])('%s', (_case, object, expected) =>
    expect(cells('Pod', object, 'Ready', 'Status', 'Restarts')).toEqual(expected),
  );
});

describe('others', () => {
  const svc = (more: object): object => ({
    spec: { clusterIP: '10.96.0.10', ports: [{ port: 80, protocol: 'TCP' }], ...more },
  });
  it.each<[string, unknown[], unknown[]]>([
    [
      'ClusterIP',
      cells('Service', svc({}), 'Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age'),
      ['ClusterIP', '10.96.0.10', '<none>', '80/TCP', '60s'],
    ],
    [
      'NodePort',
      cells('Service', svc({ type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }), 'Port(s)'),
      ['80:30080/TCP'],
    ],
    [
      'LoadBalancer that waits',
      cells('Service', svc({ type: 'LoadBalancer' }), 'External-IP'),
      ['<pending>'],
    ],
    [
      'headless',
      cells('Service', svc({ clusterIP: 'None', ports: [] }), 'Cluster-IP', 'Port(s)'),
      ['None', '<none>'],
    ],
    [
      'ExternalName',
      cells(
        'Service',
        { spec: { type: 'ExternalName', externalName: 'a.example' } },
        'Cluster-IP',
        'External-IP',
      ),
      ['<none>', 'a.example'],
    ],
    [
      'a cordoned node',
      cells(
        'Node',
        { spec: { unschedulable: true }, status: { conditions: [{ type: 'Ready', status: 'True' }] } },
        'Status',
        'Roles',
        'Internal-IP',
      ),
      ['Ready,SchedulingDisabled', '<none>', '<none>'],
    ],
    ['a node nobody heard of', cells('Node', { spec: {} }, 'Status'), ['Unknown']],
    [
      'roles',
      cells(
        'Node',
        {
          metadata: {
            name: 'n',
            labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
          },
          spec: {},
        },
        'Roles',
      ),
      ['control-plane,worker'],
    ],
    [
      'many endpoints',
      cells(
        'EndpointSlice',
        {
          addressType: 'IPv4',
          ports: [{ port: 80 }],
          endpoints: ['1', '2', '3', '4'].map((a) => ({ addresses: [a] })),
        },
        'Ports',
        'Endpoints',
      ),
      ['80', '1,2,3 + 1 more...'],
    ],
    [
      'an empty slice',
      cells('EndpointSlice', { addressType: 'IPv4', endpoints: [] }, 'Ports', 'Endpoints'),
      ['<unset>', '<unset>'],
    ],
    [
      'endpoints',
      cells(
        'Endpoints',
        { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
        'Endpoints',
      ),
      ['10.0.0.1:80'],
    ],
    [
      'a deployment',
      cells(
        'Deployment',
        {
          spec: { replicas: 3, selector: {}, template: { spec } },
          status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 },
        },
        'Ready',
        'Up-to-date',
        'Available',
        'Selector',
      ),
      ['2/3', 3, 2, '<none>'],
    ],
    [
      'an ingress',
      cells('Ingress', { spec: { tls: [{}], rules: [{ host: 'a' }] } }, 'Class', 'Hosts', 'Ports'),
      ['<none>', 'a', '80, 443'],
    ],
    ['a policy for all', cells('NetworkPolicy', { spec: { podSelector: {} } }, 'Pod-Selector'), ['<none>']],
    [
      'an event',
      cells(
        'Event',
        {
          involvedObject: { kind: 'Pod', name: 'p' },
          type: 'Normal',
          reason: 'R',
          message: 'm',
          lastTimestamp: '2026-01-01T00:00:30Z',
        },
        'Last Seen',
        'Object',
        'Message',
      ),
      ['30s', 'pod/p', 'm'],
    ],
  ])('%s', (_case, got, expected) => expect(got).toEqual(expected));
});
