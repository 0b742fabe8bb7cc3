// What a controller is here: which objects it follows, and a pure function from what the cluster looks like to what is to
// be done. The runtime beside this file follows, queues, applies and retries for all of them (k8s.io/client-go/util/
// workqueue and kube-controller-manager's loops).
import type { Chance } from '../../api/chance.ts';
import type { KubeObject } from '../../api/types/meta.ts';
import type { View } from './view.ts';

export interface Ref {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export type Action =
  /** metadata.generateName will do for a name; one that exists already is no failure when `unlessThere`. */
  | { readonly do: 'create'; readonly object: Draft; readonly unlessThere?: boolean }
  /** The whole object, as a PUT: fails when somebody changed it since it was read. */
  | { readonly do: 'update'; readonly object: KubeObject }
  | { readonly do: 'status'; readonly object: KubeObject }
  /** A namespace's content is gone: empties spec.finalizers. */
  | { readonly do: 'finalize'; readonly name: string }
  | {
      readonly do: 'delete';
      readonly ref: Ref;
      readonly uid?: string;
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
    }
  | { readonly do: 'bind'; readonly namespace: string; readonly name: string; readonly node: string }
  | {
      readonly do: 'event';
      readonly about: KubeObject;
      readonly type: 'Normal' | 'Warning';
      readonly reason: string;
      readonly message: string;
    }
  /** Look again after this many milliseconds. */
  | { readonly do: 'again'; readonly afterMs: number };

/** An object to be made: its metadata lacks what the server fills in. */
export type Draft = Omit<KubeObject, 'metadata'> & {
  readonly metadata: Partial<KubeObject['metadata']>;
};

export interface Situation {
  readonly view: View;
  /** Wall-clock time in milliseconds since 1970. */
  readonly now: number;
  readonly chance: Chance;
}

export interface Follow {
  /** "pods", "replicasets.apps". */
  readonly resource: string;
  /** Which keys of the controller an object's change makes due. */
  readonly keys: (object: KubeObject, view: View) => Iterable<string>;
}

export interface Controller {
  /** As kube-controller-manager names it in events and logs. */
  readonly name: string;
  readonly follows: readonly Follow[];
  /** How often all keys are due although nothing happened, in ms; for what depends on time alone. */
  readonly resyncMs?: number;
  readonly reconcile: (key: string, situation: Situation) => readonly Action[];
}

/** "namespace/name" of an object, or its name. */
export const keyOf = (object: KubeObject): string =>
  object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`;

/** Follows a resource whose own keys are the controller's. */
export const each = (resource: string): Follow => ({ resource, keys: (object) => [keyOf(object)] });

/** Follows what the controller's objects own: the key is the owner's. */
export const owned = (resource: string, ownerKind: string): Follow => ({
  resource,
  keys: (object) =>
    (object.metadata.ownerReferences ?? [])
      .filter((owner) => owner.controller === true && owner.kind === ownerKind)
      .map((owner) =>
        object.metadata.namespace === undefined ? owner.name : `${object.metadata.namespace}/${owner.name}`,
      ),
});

export const refOf = (object: KubeObject): Ref => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
});

export const isoTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
