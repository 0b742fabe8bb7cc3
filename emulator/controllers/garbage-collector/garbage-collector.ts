// Deletes what is owned by what is gone, and sees to the ways of deleting that wait for, or let go of, dependents:
// pkg/controller/garbagecollector.
import type { KubeObject } from '../../api/types/meta.ts';
import {
  type Action,
  type Controller,
  type Follow,
  keyOf,
  type Ref,
  refOf,
  type Situation,
} from '../runtime/controller.ts';
import type { View } from '../runtime/view.ts';

export interface GarbageOptions {
  /** All resources whose objects may own or be owned, as the store names them. */
  readonly resources: readonly string[];
  /** The store's name of a kind; undefined: nobody serves it. */
  readonly resourceOf: (
    apiVersion: string,
    kind: string,
  ) => { resource: string; namespaced: boolean } | undefined;
}

/** Keys are "resource namespace/name". */
export function garbageCollector(options: GarbageOptions): Controller {
  const index = new OwnerIndex();
  const follow = (resource: string): Follow => ({
    resource,
    keys: function* (object, view) {
      const id = `${resource} ${keyOf(object)}`;
      for (const owner of object.metadata.ownerReferences ?? []) {
        index.add(owner.uid, id);
        yield id;
        // An owner that waits for its dependents looks again when one of them goes.
        const found = options.resourceOf(owner.apiVersion, owner.kind);
        if (found !== undefined) yield `${found.resource} ${ownerKey(object, owner.name, found.namespaced)}`;
      }
      const { uid } = object.metadata;
      const gone = view.get(resource, keyOf(object))?.metadata.uid !== uid;
      if (waits(object)) yield id;
      if (uid !== undefined && (gone || waits(object))) yield* index.of(uid);
      if (gone && uid !== undefined) index.forget(uid);
    },
  });
  return {
    name: 'garbage-collector-controller',
    follows: options.resources.map(follow),
    reconcile: (id, { view }: Situation) => {
      const object = find(view, id);
      if (object === undefined) return [];
      if (waits(object)) return release(object, index.dependents(object.metadata.uid ?? '', view));
      return collect(object, (ref, uid) => ownerState(object, ref, uid, view, options));
    },
  };
}

function find(view: View, id: string): KubeObject | undefined {
  const space = id.indexOf(' ');
  return view.get<KubeObject>(id.slice(0, space), id.slice(space + 1));
}

/** Who says that it is owned by whom. What is no longer so is found out when it is asked for. */
class OwnerIndex {
  #byOwner = new Map<string, Set<string>>();

  add(owner: string, id: string): void {
    const ids = this.#byOwner.get(owner);
    if (ids === undefined) this.#byOwner.set(owner, new Set([id]));
    else ids.add(id);
  }
  of(owner: string): readonly string[] {
    return [...(this.#byOwner.get(owner) ?? [])];
  }
  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }
  dependents(owner: string, view: View): KubeObject[] {
    return this.of(owner).flatMap((id) => {
      const object = find(view, id);
      return object?.metadata.ownerReferences?.some((o) => o.uid === owner) === true ? [object] : [];
    });
  }
}

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

const waits = (object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined &&
  (object.metadata.finalizers ?? []).some((f) => f === FOREGROUND || f === ORPHAN);

const ownerKey = (object: KubeObject, name: string, namespaced: boolean): string =>
  namespaced ? `${object.metadata.namespace}/${name}` : name;

/** 'there', 'waiting' (in a foreground deletion) or 'gone'. */
type OwnerState = 'there' | 'waiting' | 'gone';

function ownerState(
  object: KubeObject,
  ref: Ref,
  uid: string,
  view: View,
  options: GarbageOptions,
): OwnerState {
  const found = options.resourceOf(ref.apiVersion, ref.kind);
  // An owner of a kind that nobody serves may come back with its definition.
  if (found === undefined) return 'there';
  const owner = view.get<KubeObject>(found.resource, ownerKey(object, ref.name, found.namespaced));
  if (owner === undefined || owner.metadata.uid !== uid) return 'gone';
  const waiting =
    owner.metadata.deletionTimestamp !== undefined &&
    owner.metadata.finalizers?.includes(FOREGROUND) === true;
  return waiting ? 'waiting' : 'there';
}

/** Goes when no owner is left; loses the references to those that are gone otherwise. */
export function collect(object: KubeObject, state: (ref: Ref, uid: string) => OwnerState): readonly Action[] {
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return [];
  const states = owners.map((owner) => state(owner, owner.uid));
  const solid = owners.filter((_, i) => states[i] === 'there');
  const waiting = states.includes('waiting');
  if (solid.length > 0) {
    if (solid.length === owners.length) return [];
    const metadata = { ...object.metadata, ownerReferences: solid };
    return [{ do: 'update', object: { ...object, metadata } }];
  }
  return [
    {
      do: 'delete',
      ref: refOf(object),
      ...(object.metadata.uid === undefined ? {} : { uid: object.metadata.uid }),
      propagationPolicy: waiting ? 'Foreground' : 'Background',
    },
  ];
}

/** An owner whose deletion waits: for its dependents to go, or for them to be let go of. */
export function release(owner: KubeObject, owned: readonly KubeObject[]): readonly Action[] {
  const finalizers = owner.metadata.finalizers ?? [];
  const drop = (name: string): Action => ({
    do: 'update',
    object: { ...owner, metadata: { ...owner.metadata, finalizers: finalizers.filter((f) => f !== name) } },
  });
  if (finalizers.includes(ORPHAN)) {
    const freed: Action[] = owned.map((object) => ({
      do: 'update',
      object: {
        ...object,
        metadata: {
          ...object.metadata,
          ownerReferences: object.metadata.ownerReferences!.filter((o) => o.uid !== owner.metadata.uid),
        },
      },
    }));
    return [...freed, drop(ORPHAN)];
  }
  const blocking = owned.filter((object) =>
    object.metadata.ownerReferences!.some(
      (o) => o.uid === owner.metadata.uid && o.blockOwnerDeletion === true,
    ),
  );
  return blocking.length === 0 ? [drop(FOREGROUND)] : [];
}
