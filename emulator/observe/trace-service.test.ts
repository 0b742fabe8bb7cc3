import { describe, expect, it } from 'vitest';
import type { EndpointSlice, Service } from '../api/types/service.ts';
import { refusalCause } from './service-cause.ts';
import type { Hop } from './trace-result.ts';
import { type ServiceStep, serviceLine, serviceSteps } from './trace-service.ts';

const hop = (stage: string, facts: Hop['facts']): Hop => ({
  node: 'n1',
  netns: 'host',
  stage,
  text: '',
  facts,
  packet: '',
  time: 0,
  reply: false,
});
const rule = (table: string, chain: string, number: number, goal: string, rest: string): Hop =>
  hop('prerouting', { table, chain, number, goal, rule: `-A ${chain} ${rest} ${goal}` });
const say = (text: string): string => `-m comment --comment "${text}"`;
const HASH = 'LOLE4ISW44XBNF3G';
const original = 'tcp 203.0.113.10:4000 > 192.168.100.11:30080';

describe('a Service met', () => {
  const hops = [
    hop('conntrack', { original, reply: 'tcp 192.168.100.11:30080 > 203.0.113.10:4000' }),
    rule('nat', 'KUBE-SERVICES', 9, '-j KUBE-NODEPORTS', say('kubernetes service nodeports; NOTE: …')),
    rule('nat', 'KUBE-NODEPORTS', 1, `-j KUBE-EXT-${HASH}`, '-m comment --comment default/web:http'),
    rule(
      'nat',
      `KUBE-EXT-${HASH}`,
      1,
      '-j KUBE-MARK-MASQ',
      say('masquerade traffic for default/web:http external destinations'),
    ),
    rule('nat', `KUBE-EXT-${HASH}`, 2, `-j KUBE-SVC-${HASH}`, ''),
    rule(
      'nat',
      `KUBE-SVC-${HASH}`,
      2,
      '-j KUBE-SEP-A',
      `${say('default/web:http -> 10.244.2.2:80')} -m statistic --mode random --probability 0.50000000000`,
    ),
    rule('nat', 'KUBE-SEP-A', 2, '-j DNAT --to-destination 10.244.2.2:80', say('default/web:http')),
    hop('nat', { side: 'destination', before: '192.168.100.11:30080', after: '10.244.2.2:80', reply: false }),
    hop('nat', { side: 'source', before: '203.0.113.10:4000', after: '10.244.1.0:5123', reply: false }),
    hop('conntrack', { original, reply: 'tcp 10.244.2.2:80 > 10.244.1.0:5123' }),
    hop('nat', { side: 'destination', before: '10.244.1.0:5123', after: '203.0.113.10:4000', reply: true }),
    hop('nat', { side: 'source', before: '10.244.2.2:80', after: '192.168.100.11:30080', reply: true }),
  ];
  it('tells the front end, the chains, the choice, the translations and the connection', () => {
    expect(serviceSteps(hops)).toEqual([
      {
        node: 'n1',
        port: 'default/web:http',
        namespace: 'default',
        name: 'web',
        frontEnd: 'node port',
        chains: ['KUBE-NODEPORTS', `KUBE-EXT-${HASH}`, `KUBE-SVC-${HASH}`, 'KUBE-SEP-A'],
        masqueradedBy: 'masquerade traffic for default/web:http external destinations',
        chosenBy: `nat KUBE-SVC-${HASH} rule 2`,
        probability: 0.5,
        endpoint: '10.244.2.2:80',
        masqueradedTo: '10.244.1.0:5123',
        connection: { original, reply: 'tcp 10.244.2.2:80 > 10.244.1.0:5123' },
        translatedBack: [
          'destination 10.244.1.0:5123 becomes 203.0.113.10:4000',
          'source 10.244.2.2:80 becomes 192.168.100.11:30080',
        ],
      },
    ]);
    expect(serviceLine(serviceSteps(hops)[0]!)).toContain(
      `endpoint 10.244.2.2:80 (nat KUBE-SVC-${HASH} rule 2: probability 0.5000)`,
    );
  });
  it.each([
    [
      'KUBE-SERVICES',
      '-j REJECT --reject-with icmp-port-unreachable',
      'default/web has no endpoints',
      'rejected',
      'cluster IP',
    ],
    ['KUBE-EXTERNAL-SERVICES', '-j DROP', 'default/web has no local endpoints', 'dropped', 'external IP'],
    [
      'KUBE-PROXY-FIREWALL',
      '-j DROP',
      `default/web traffic not accepted by KUBE-FW-${HASH}`,
      'dropped',
      'external IP',
    ],
  ] as const)('refused by %s', (chain, goal, text, refused, frontEnd) => {
    expect(serviceSteps([rule('filter', chain, 1, goal, say(text))])).toEqual([
      {
        node: 'n1',
        port: 'default/web',
        namespace: 'default',
        name: 'web',
        frontEnd,
        chains: [chain],
        refused,
        refusedBy: text,
      },
    ]);
  });
  it('no Service, no step', () => {
    expect(serviceSteps([rule('filter', 'FORWARD', 1, '-j ACCEPT', '')])).toEqual([]);
  });
});

describe('why it refused', () => {
  const step = (refusedBy: string, more: Partial<ServiceStep> = {}): ServiceStep => ({
    node: 'n1',
    port: 'default/web',
    namespace: 'default',
    name: 'web',
    frontEnd: 'cluster IP',
    chains: [],
    refused: 'rejected',
    refusedBy,
    ...more,
  });
  const service = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' } },
  } as unknown as Service;
  const slice = (states: string, portName = ''): EndpointSlice =>
    ({
      metadata: { name: 'x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      ports: [{ name: portName, port: 80 }],
      endpoints: [...states].map((s, i) => ({
        addresses: [`10.244.2.${i}`],
        nodeName: 'n2',
        conditions: { ready: s === 'r', serving: s === 'r', terminating: s === 't' },
      })),
    }) as unknown as EndpointSlice;
  const NONE = 'default/web has no endpoints';
  it.each<[string, string, string]>([
    ['', NONE, 'Service default/web has no endpoints: no pod with an address has the labels app=web'],
    ['n', NONE, 'Service default/web has no ready endpoints; 1 exists, it is failing readiness'],
    ['nn', NONE, 'Service default/web has no ready endpoints; 2 exist, both failing readiness'],
    ['nnn', NONE, 'Service default/web has no ready endpoints; 3 exist, all failing readiness'],
    ['ntt', NONE, 'Service default/web has no ready endpoints; 3 exist, 1 failing readiness, 2 terminating'],
    ['tt', NONE, 'Service default/web has no ready endpoints; 2 exist, both terminating'],
    ['r', NONE, 'Service default/web has 1 ready endpoints by now, but node n1 had not written their rules'],
    [
      'rr',
      'default/web has no local endpoints',
      'Service default/web has internalTrafficPolicy Local and no ready endpoint on node n1; 2 are ready on n2',
    ],
  ])('%s, %s', (states, refusedBy, expected) =>
    expect(refusalCause(step(refusedBy), service, [slice(states)], '10.1.1.1')).toBe(expected),
  );
  it('a port that no endpoint has, source ranges, no selector, no Service', () => {
    expect(refusalCause(step(NONE, { port: 'default/web:http' }), service, [slice('r', 'other')], '')).toBe(
      'Service default/web has endpoints, but none of them has the port "http": its targetPort names no port of theirs',
    );
    const ranged = { ...service, spec: { loadBalancerSourceRanges: ['192.0.2.0/24'] } } as Service;
    expect(
      refusalCause(step('default/web traffic not accepted by KUBE-FW-X'), ranged, [], '203.0.113.9'),
    ).toBe(
      'Service default/web lets only 192.0.2.0/24 reach its load balancer address, and the sender is 203.0.113.9',
    );
    expect(refusalCause(step(NONE), { ...service, spec: {} } as Service, [], '')).toMatch(
      /it has no selector/,
    );
    expect(refusalCause(step(NONE), undefined, [], '')).toMatch(/is no more/);
  });
});
