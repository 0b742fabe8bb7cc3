// Takes away pods that nobody will ever finish: those of nodes that are gone, and deleted ones that never had a node.
// pkg/controller/podgc/gc_controller.go.
import type { Pod } from '../../api/types/pod.ts';
import { type Action, type Controller, each, keyOf, refOf } from '../runtime/controller.ts';

/** A node's object may be made anew in a moment: pods of a missing node are given this long, in ms (quarantineTime). */
const QUARANTINE = 40_000;

export function podGcController(quarantineMs = QUARANTINE): Controller {
  const missingSince = new Map<string, number>();
  return {
    name: 'pod-garbage-collector',
    follows: [
      each('pods'),
      { resource: 'nodes', keys: (node, view) => view.podsOn(node.metadata.name).map(keyOf) },
    ],
    reconcile: (key, { view, now }) => {
      const pod = view.get<Pod>('pods', key);
      const node = pod?.spec.nodeName;
      if (pod === undefined || node === undefined || node === '' || view.get('nodes', node) !== undefined) {
        missingSince.delete(key);
        return [];
      }
      const since = missingSince.get(key) ?? now;
      missingSince.set(key, since);
      return collect(pod, since, now, quarantineMs);
    },
  };
}

export function collect(pod: Pod, since: number, now: number, quarantineMs: number): readonly Action[] {
  if (now - since < quarantineMs) return [{ do: 'again', afterMs: quarantineMs - (now - since) }];
  const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  const failed = { ...pod, status: { ...pod.status, phase: 'Failed' } } as Pod;
  const actions: Action[] = over ? [] : [{ do: 'status', object: failed }];
  return [...actions, { do: 'delete', ref: refOf(pod), gracePeriodSeconds: 0 }];
}
