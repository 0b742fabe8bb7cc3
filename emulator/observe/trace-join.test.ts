import { expect, it } from 'vitest';
import type { ProbeOutcome } from '../protocol/records.ts';
import { isOver, joinTrace, type NodeTraceRecord, TRACE_REPLY } from './trace-join.ts';

let seq = 0;
const event = (
  node: string,
  netns: string,
  time: number,
  stage: string,
  more: Partial<NodeTraceRecord> = {},
): NodeTraceRecord => ({
  trace: 7,
  seq: seq++,
  node,
  netns,
  time,
  stage,
  text: stage,
  facts: {},
  packet: '',
  ...more,
});
const question = {
  source: 'pod/a',
  destination: 'pod/b',
  packet: { proto: 'icmp', src: '10.244.1.2', dst: '10.244.2.2', size: 56, df: false, ttl: 64 },
} as const;
const input = (node: string, netns: string, time: number) =>
  event(node, netns, time, 'input', { facts: { src: '10.244.1.2', dst: '10.244.2.2', ttl: 62, proto: 1 } });
const drop = (node: string, netns: string, time: number, reason: string, trace = 7) =>
  event(node, netns, time, 'drop', { trace, text: reason, facts: { reason } });
const probe = (result: ProbeOutcome['result'], more: Partial<ProbeOutcome> = {}): ProbeOutcome => ({
  result,
  text: result,
  ...more,
});

const delivered = [
  event('n1', 'a', 10, 'send'),
  event('n1', 'host', 11, 'forward'),
  input('n2', 'b', 12),
  event('n2', 'b', 12, 'icmp', { text: 'echo request: the kernel answers it' }),
];

it('a delivered packet: where, and how it was received', () => {
  const { outcome, hops, rtt } = joinTrace(question, [...delivered].reverse(), probe('reply', { rtt: 1.5 }));
  expect(hops.map((h) => [h.node, h.time])).toEqual([
    ['n1', 0],
    ['n1', 1],
    ['n2', 2],
    ['n2', 2],
  ]);
  expect(outcome).toMatchObject({
    result: 'delivered',
    node: 'n2',
    netns: 'b',
    received: { src: '10.244.1.2', dst: '10.244.2.2', ttl: 62 },
    answered: true,
  });
  expect(rtt).toBe(1.5);
});

it('an answer that died says where', () => {
  const records = [...delivered, drop('n2', 'host', 13, 'NETFILTER_DROP', 7 | TRACE_REPLY)];
  expect(joinTrace(question, records, probe('timeout')).outcome).toMatchObject({
    result: 'delivered',
    answered: false,
    reason: 'NETFILTER_DROP',
  });
  expect(joinTrace(question, records, probe('timeout')).hops.at(-1)!.reply).toBe(true);
});

it('a dropped packet: by what and where, and the bystanders of a flood do not count', () => {
  const records = [
    event('n1', 'a', 1, 'send'),
    drop('n1', 'c', 2, 'OTHERHOST'),
    drop('n1', 'host', 3, 'VXLAN_NO_REMOTE'),
    drop('n1', 'd', 4, 'OTHERHOST'),
  ];
  expect(joinTrace(question, records, probe('timeout')).outcome).toMatchObject({
    result: 'dropped',
    node: 'n1',
    netns: 'host',
    reason: 'VXLAN_NO_REMOTE',
  });
});

it.each<[string, ProbeOutcome, NodeTraceRecord[], object]>([
  ['refused', probe('refused'), [...delivered], { result: 'rejected', answered: true }],
  [
    'ICMP error',
    probe('icmp-error', { icmp: { type: 3, code: 1, from: '10.244.1.1', mtu: 0 } }),
    [drop('n1', 'host', 3, 'NEIGH_FAILED')],
    { result: 'rejected', reason: 'NEIGH_FAILED', icmp: { type: 3, code: 1, from: '10.244.1.1', mtu: 0 } },
  ],
  [
    'not sent',
    probe('not-sent', { error: 'ENETUNREACH' }),
    [],
    { result: 'not-sent', reason: 'ENETUNREACH' },
  ],
  [
    'vanished',
    probe('timeout'),
    [event('n1', 'a', 1, 'xmit')],
    { result: 'dropped', node: 'n1', netns: 'a' },
  ],
  ['nothing seen', probe('timeout'), [], { result: 'dropped', text: 'nothing was seen of it' }],
])('%s', (_, outcome, records, expected) =>
  expect(joinTrace(question, records, outcome).outcome).toMatchObject(expected),
);

it('is over when the packet or its answer died, but not while an ICMP error is under way', () => {
  expect(isOver(delivered)).toBe(false);
  expect(isOver([...delivered, drop('n2', 'c', 3, 'OTHERHOST')])).toBe(false);
  expect(isOver([drop('n1', 'host', 3, 'VXLAN_NO_REMOTE')])).toBe(true);
  expect(
    isOver([event('n1', 'host', 3, 'icmp', { trace: 7 | TRACE_REPLY }), drop('n1', 'host', 3, 'IP_TTL')]),
  ).toBe(false);
});
