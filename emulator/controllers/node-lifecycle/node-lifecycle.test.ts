import { describe, expect, it } from 'vitest';
import type { Node, NodeCondition, Taint } from '../../api/types/node.ts';
import { NOW, node, pod } from '../testing.ts';
import { judge, wantedTaints } from './node-lifecycle.ts';

const ready = (status: NodeCondition['status']): NonNullable<Node['status']> => ({
  conditions: [{ type: 'Ready', status }],
});
const OPTIONS = { graceMs: 40_000, periodMs: 5000 };
const running = pod('p', { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } });

const told = (n: Node, silentMs: number, pods = [running]): string[] =>
  judge({ node: n, heartbeat: NOW - silentMs, pods, now: NOW }, OPTIONS).map((action) =>
    action.do === 'event'
      ? `event ${action.reason}`
      : action.do === 'status' || action.do === 'update'
        ? `${action.do} ${action.object.kind}`
        : action.do,
  );

describe('node lifecycle', () => {
  it.each<[string, string[], string[]]>([
    ['a node that is heard is left alone', told(node('n', { status: ready('True') }), 10_000), []],
    ['up to the grace time', told(node('n', { status: ready('True') }), 40_000), []],
    [
      'after it, the node is Unknown and its pods are not Ready',
      told(node('n', { status: ready('True') }), 40_001),
      ['status Node', 'event NodeNotReady', 'status Pod', 'event NodeNotReady'],
    ],
    [
      'a node that is Unknown already gets its taints',
      told(node('n', { status: ready('Unknown') }), 60_000, []),
      ['update Node'],
    ],
    [
      'a node that says it is not ready too',
      told(node('n', { status: ready('False') }), 0, []),
      ['update Node'],
    ],
  ])('%s', (_case, got, expected) => expect(got).toEqual(expected));

  const text = (taints: readonly Taint[]): string[] =>
    taints.map((t) => `${t.key.split('/')[1] ?? t.key}:${t.effect}`);
  const kept: Taint = { key: 'mine', effect: 'NoSchedule' };
  it.each<[string, Node, string[]]>([
    ['ready', node('n', { status: ready('True') }), []],
    ['new', node('n'), ['not-ready:NoSchedule']],
    ['not ready', node('n', { status: ready('False') }), ['not-ready:NoSchedule', 'not-ready:NoExecute']],
    ['unknown', node('n', { status: ready('Unknown') }), ['unreachable:NoSchedule', 'unreachable:NoExecute']],
    [
      'cordoned',
      node('n', { status: ready('True'), spec: { unschedulable: true } }),
      ['unschedulable:NoSchedule'],
    ],
    ['others stay', node('n', { status: ready('True'), spec: { taints: [kept] } }), ['mine:NoSchedule']],
  ])('taints of a node that is %s', (_case, n, expected) =>
    expect(text(wantedTaints(n, NOW))).toEqual(expected),
  );
});
