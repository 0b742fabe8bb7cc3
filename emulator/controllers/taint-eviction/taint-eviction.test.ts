import { describe, expect, it } from 'vitest';
import type { Taint } from '../../api/types/node.ts';
import type { Toleration } from '../../api/types/pod.ts';
import { NOW, node, pod } from '../testing.ts';
import { evict } from './taint-eviction.ts';

const at = new Date(NOW - 100_000).toISOString();
const taint: Taint = { key: 'k', effect: 'NoExecute', timeAdded: at };
const outcome = (tolerations: readonly Toleration[], taints: readonly Taint[] = [taint]): string =>
  evict(pod('p', { spec: { containers: [], tolerations } }), node('n', { spec: { taints } }), NOW)
    .map((action) => (action.do === 'again' ? `again ${action.afterMs}` : action.do))
    .join(' ');

describe('taint eviction', () => {
  it.each<[string, string, string]>([
    ['no taint', outcome([], []), ''],
    ['NoSchedule evicts nobody', outcome([], [{ key: 'k', effect: 'NoSchedule' }]), ''],
    ['not tolerated', outcome([]), 'event delete'],
    ['tolerated for ever', outcome([{ key: 'k', operator: 'Exists' }]), ''],
    ['everything tolerated', outcome([{ operator: 'Exists' }]), ''],
    [
      'tolerated for a while yet',
      outcome([{ key: 'k', operator: 'Exists', tolerationSeconds: 300 }]),
      'again 200000',
    ],
    [
      'tolerated long enough',
      outcome([{ key: 'k', operator: 'Exists', tolerationSeconds: 100 }]),
      'event delete',
    ],
    ['another value', outcome([{ key: 'k', operator: 'Equal', value: 'x' }]), 'event delete'],
    ['another effect', outcome([{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }]), 'event delete'],
  ])('%s', (_case, got, expected) => expect(got).toBe(expected));
});
