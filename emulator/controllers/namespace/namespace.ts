// What a namespace has from the start (the default ServiceAccount, the cluster's CA) and what becomes of its content when
// it is deleted: kube-controller-manager's serviceaccount, root-ca-cert-publisher and namespace controllers.
import type { Namespace } from '../../api/types/core.ts';
import type { KubeObject } from '../../api/types/meta.ts';
import { type Action, type Controller, each, refOf, type Situation } from '../runtime/controller.ts';

export interface NamespaceOptions {
  /** PEM, for the ConfigMap kube-root-ca.crt that pods mount; undefined when the cluster has none. */
  readonly caCertificate: string | undefined;
  /** All namespaced resources, as the store names them. */
  readonly resources: () => readonly string[];
}

/** How often content that is slow to go is looked at again. */
const LOOK_AGAIN = 1000;

export function namespaceController(options: NamespaceOptions): Controller {
  return {
    name: 'namespace-controller',
    follows: [
      each('namespaces'),
      { resource: 'serviceaccounts', keys: namespaceOf },
      { resource: 'configmaps', keys: namespaceOf },
      {
        resource: 'pods',
        keys: (pod, view) =>
          view.get<Namespace>('namespaces', pod.metadata.namespace!)?.metadata.deletionTimestamp === undefined
            ? []
            : namespaceOf(pod),
      },
    ],
    reconcile: (name, situation) => reconcile(name, situation, options),
  };
}

const namespaceOf = (object: KubeObject): string[] => [object.metadata.namespace!];

function reconcile(name: string, { view }: Situation, options: NamespaceOptions): readonly Action[] {
  const namespace = view.get<Namespace>('namespaces', name);
  if (namespace === undefined) return [];
  if (namespace.metadata.deletionTimestamp !== undefined) {
    const content = options.resources().flatMap((resource) => view.list(resource, name));
    return empty(name, content);
  }
  const actions: Action[] = [];
  if (view.get('serviceaccounts', `${name}/default`) === undefined)
    actions.push(make(name, 'ServiceAccount', 'default', {}));
  const { caCertificate } = options;
  if (caCertificate !== undefined && view.get('configmaps', `${name}/kube-root-ca.crt`) === undefined)
    actions.push(make(name, 'ConfigMap', 'kube-root-ca.crt', { data: { 'ca.crt': caCertificate } }));
  return actions;
}

/** Deletes what is left; when nothing is, lets the namespace go. */
export function empty(name: string, content: readonly KubeObject[]): readonly Action[] {
  if (content.length === 0) return [{ do: 'finalize', name }];
  const actions: Action[] = content
    .filter((object) => object.metadata.deletionTimestamp === undefined)
    .map((object) => ({ do: 'delete', ref: refOf(object), propagationPolicy: 'Background' }));
  return [...actions, { do: 'again', afterMs: actions.length === content.length ? 0 : LOOK_AGAIN }];
}

const make = (namespace: string, kind: string, name: string, more: object): Action => ({
  do: 'create',
  unlessThere: true,
  object: { apiVersion: 'v1', kind, metadata: { name, namespace }, ...more },
});
