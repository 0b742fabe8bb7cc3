// The cluster as controllers read it: the store, and a few indexes kept beside it so that no reconcile walks all pods to
// find the three that are its own.
import type { KubeObject } from '../../api/types/meta.ts';
import type { Pod } from '../../api/types/pod.ts';
import type { ObjectStore, StoreEvent } from '../../store/store.ts';

export interface View {
  get<T extends KubeObject>(resource: string, key: string): T | undefined;
  list<T extends KubeObject>(resource: string, namespace?: string): readonly T[];
  /** Objects of a resource whose controlling owner has this uid. */
  ownedBy<T extends KubeObject>(resource: string, uid: string): readonly T[];
  /** '' for pods that no node has yet. */
  podsOn(node: string): readonly Pod[];
}

/** Resources whose controlling owner is indexed. */
const OWNED = [
  'pods',
  'replicasets.apps',
  'jobs.batch',
  'endpointslices.discovery.k8s.io',
  'controllerrevisions.apps',
];

export class StoreView implements View {
  #store: ObjectStore;
  #byOwner = new Map<string, Map<string, Map<string, KubeObject>>>();
  #byNode = new Map<string, Map<string, Pod>>();
  #stops: (() => void)[] = [];

  constructor(store: ObjectStore) {
    this.#store = store;
    for (const resource of OWNED) {
      this.#byOwner.set(resource, new Map());
      for (const { object } of store.list(resource)) this.#index(resource, undefined, object);
      const watch = store.watch(resource, store.revision, (event) => this.#follow(resource, event));
      this.#stops.push(() => watch.stop());
    }
  }

  get<T extends KubeObject>(resource: string, key: string): T | undefined {
    return this.#store.get(resource, key)?.object as T | undefined;
  }

  list<T extends KubeObject>(resource: string, namespace?: string): readonly T[] {
    return this.#store.list(resource, namespace).map((stored) => stored.object as T);
  }

  ownedBy<T extends KubeObject>(resource: string, uid: string): readonly T[] {
    const owners = this.#byOwner.get(resource);
    if (owners === undefined) throw new Error(`owners of ${resource} are not indexed`);
    return [...(owners.get(uid)?.values() ?? [])] as unknown as readonly T[];
  }

  podsOn(node: string): readonly Pod[] {
    return [...(this.#byNode.get(node)?.values() ?? [])];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #follow(resource: string, event: StoreEvent): void {
    this.#index(resource, event.previous?.object, event.type === 'DELETED' ? undefined : event.stored.object);
  }

  #index(resource: string, old: KubeObject | undefined, next: KubeObject | undefined): void {
    const key = keyOf(next ?? old!);
    const owners = this.#byOwner.get(resource)!;
    move(owners, ownerUid(old), ownerUid(next), key, next);
    if (resource === 'pods') move(this.#byNode, nodeOf(old), nodeOf(next), key, next as Pod | undefined);
  }
}

function move<T>(
  index: Map<string, Map<string, T>>,
  from: string | undefined,
  to: string | undefined,
  key: string,
  value: T | undefined,
): void {
  if (from !== undefined && from !== to) {
    const bucket = index.get(from);
    bucket?.delete(key);
    if (bucket?.size === 0) index.delete(from);
  }
  if (to === undefined) return;
  let bucket = index.get(to);
  if (bucket === undefined) index.set(to, (bucket = new Map()));
  if (value === undefined) bucket.delete(key);
  else bucket.set(key, value);
}

const keyOf = (object: KubeObject): string => `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

const ownerUid = (object: KubeObject | undefined): string | undefined =>
  object?.metadata.ownerReferences?.find((owner) => owner.controller === true)?.uid;

const nodeOf = (object: KubeObject | undefined): string | undefined =>
  object === undefined ? undefined : ((object as Pod).spec.nodeName ?? '');
