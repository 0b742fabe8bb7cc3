// A cluster as a few lists of objects, for tables of facts: what a reconcile is given in tests.
import { Chance } from '../api/chance.ts';
import type { KubeObject } from '../api/types/meta.ts';
import type { Node } from '../api/types/node.ts';
import type { Pod } from '../api/types/pod.ts';
import type { Situation } from './runtime/controller.ts';
import type { View } from './runtime/view.ts';

export const NOW = Date.UTC(2026, 0, 1);

export function viewOf(objects: Readonly<Record<string, readonly KubeObject[]>>): View {
  const list = <T extends KubeObject>(resource: string, namespace?: string): readonly T[] =>
    ((objects[resource] ?? []) as readonly T[]).filter(
      (object) => namespace === undefined || object.metadata.namespace === namespace,
    );
  return {
    list,
    get: (resource, key) =>
      list<never>(resource).find((object: KubeObject) => {
        const { namespace, name } = object.metadata;
        return (namespace === undefined ? name : `${namespace}/${name}`) === key;
      }),
    ownedBy: (resource, uid) =>
      list<never>(resource).filter((object: KubeObject) =>
        object.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === uid),
      ),
    podsOn: (node) => list<Pod>('pods').filter((pod) => (pod.spec.nodeName ?? '') === node),
  };
}

export const situation = (
  objects: Readonly<Record<string, readonly KubeObject[]>>,
  now = NOW,
): Situation => ({ view: viewOf(objects), now, chance: new Chance(1, 1) });

export const node = (name: string, tweak: Partial<Node> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  spec: {},
  ...tweak,
  metadata: { name, ...tweak.metadata },
});

export const pod = (
  name: string,
  tweak: Partial<Omit<Pod, 'metadata'>> & { metadata?: object } = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  ...tweak,
  metadata: { name, namespace: 'default', uid: `uid-${name}`, ...tweak.metadata },
  spec: { containers: [{ name: 'c' }], schedulerName: 'default-scheduler', ...tweak.spec },
});
