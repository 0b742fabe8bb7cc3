import { describe, expect, it } from 'vitest';
import type { Namespace } from '../../api/types/core.ts';
import type { Node } from '../../api/types/node.ts';
import type { Pod } from '../../api/types/pod.ts';
import { node, pod } from '../testing.ts';
import { schedule } from './schedule.ts';

const zoned = (name: string, zone: string, tweak: Partial<Node> = {}): Node =>
  node(name, { ...tweak, metadata: { name, labels: { zone, 'kubernetes.io/hostname': name } } });

const web = (name: string, spec: Partial<Pod['spec']> = {}): Pod =>
  pod(name, { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c' }], ...spec } });

const selector = { matchLabels: { app: 'web' } };
const apart = (topologyKey: string): Partial<Pod['spec']> => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: selector, topologyKey }],
    },
  },
});
const near = (topologyKey: string): Partial<Pod['spec']> => ({
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: selector, topologyKey }],
    },
  },
});
const spread = (maxSkew: number): Partial<Pod['spec']> => ({
  topologySpreadConstraints: [
    { maxSkew, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: selector },
  ],
});

const place = (
  subject: Pod,
  nodes: readonly Node[],
  running: Readonly<Record<string, readonly Pod[]>> = {},
  turn = 0,
) => {
  const infos = nodes.map((n) => ({ node: n, pods: running[n.metadata.name] ?? [] }));
  const namespaceOf = (name: string): Namespace => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name },
  });
  const choice = schedule(subject, infos, namespaceOf, turn);
  return 'node' in choice ? choice.node : choice.unschedulable;
};

const [a, b, c] = [zoned('a', 'x'), zoned('b', 'x'), zoned('c', 'y')];
const tainted = zoned('t', 'x', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
const preemption = (n: number): string =>
  ` preemption: 0/${n} nodes are available: ${n} Preemption is not helpful for scheduling.`;

describe('schedule', () => {
  it.each<[string, string, string]>([
    ['no nodes', place(web('p'), []), 'no nodes available to schedule pods'],
    ['the first of equals', place(web('p'), [a, b, c]), 'a'],
    ['then the next, in turn', place(web('p'), [a, b, c], {}, 1), 'b'],
    ['the one with fewer pods', place(web('p'), [a, b], { a: [pod('q')] }), 'b'],
    [
      'a pod that is over does not count',
      place(web('p'), [a, b], { a: [pod('q', { status: { phase: 'Failed' } })] }),
      'a',
    ],
    ['nodeSelector', place(web('p', { nodeSelector: { zone: 'y' } }), [a, b, c]), 'c'],
    [
      'nodeSelector that none matches',
      place(web('p', { nodeSelector: { zone: 'z' } }), [a, b]),
      `0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.${preemption(2)}`,
    ],
    [
      'a taint, and a node that is cordoned',
      place(web('p'), [tainted, zoned('u', 'x', { spec: { unschedulable: true } })]),
      `0/2 nodes are available: 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable.${preemption(2)}`,
    ],
    [
      'a taint that is tolerated',
      place(web('p', { tolerations: [{ key: 'k', operator: 'Exists' }] }), [tainted]),
      't',
    ],
    [
      'PreferNoSchedule is avoided',
      place(web('p'), [zoned('t', 'x', { spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } }), b]),
      'b',
    ],
    [
      'anti-affinity by host',
      place(web('p', apart('kubernetes.io/hostname')), [a, b], { a: [web('q')] }),
      'b',
    ],
    ['anti-affinity by zone', place(web('p', apart('zone')), [a, b, c], { a: [web('q')] }), 'c'],
    [
      'anti-affinity of one that runs',
      place(web('p'), [a, b], { a: [web('q', apart('kubernetes.io/hostname'))] }),
      'b',
    ],
    ['affinity by zone', place(web('p', near('zone')), [a, b, c], { c: [web('q')] }), 'c'],
    ['affinity to itself when it is the first', place(web('p', near('zone')), [a, b, c]), 'a'],
    [
      'affinity to what is nowhere',
      place(pod('p', { spec: { containers: [], ...near('zone') } }), [a]),
      `0/1 nodes are available: 1 node(s) didn't match pod affinity rules.${preemption(1)}`,
    ],
    ['spread over zones', place(web('p', spread(1)), [a, b, c], { a: [web('q')] }), 'c'],
    ['a skew that is allowed', place(web('p', spread(2)), [a, b], { a: [web('q')] }), 'b'],
    [
      'host ports',
      place(web('p', { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] }), [a], {
        a: [web('q', { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80 }] }] })],
      }),
      `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.${preemption(1)}`,
    ],
    [
      'cpu that is not there',
      place(web('p', { containers: [{ name: 'c', resources: { requests: { cpu: '600m' } } }] }), [
        zoned('a', 'x', { status: { allocatable: { cpu: '500m', memory: '1Gi', pods: '110' } } }),
      ]),
      `0/1 nodes are available: 1 Insufficient cpu.${preemption(1)}`,
    ],
    [
      'room for no more pods',
      place(web('p'), [zoned('a', 'x', { status: { allocatable: { pods: '0' } } })]).slice(0, 44),
      '0/1 nodes are available: 1 Too many pods. pr',
    ],
    [
      'a preference outweighs an emptier node',
      place(
        web('p', {
          affinity: {
            nodeAffinity: {
              preferredDuringSchedulingIgnoredDuringExecution: [
                {
                  weight: 10,
                  preference: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['y'] }] },
                },
              ],
            },
          },
        }),
        [a, c],
        { c: [pod('q'), pod('r')] },
      ),
      'c',
    ],
  ])('%s', (_case, got, expected) => expect(got).toBe(expected));
});
