// What the admission chain refuses before an object is stored: plugin/pkg/admission/namespace/lifecycle.
import type { ObjectStore } from '../store/store.ts';
import type { Target } from './registry.ts';
import { forbidden, notFound, StatusError } from './status-error.ts';
import type { Namespace } from './types/core.ts';

/** Objects are created only in namespaces that exist and are not being deleted. */
export function namespaceAdmits(store: ObjectStore, { info, namespace, name }: Target): void {
  if (namespace === undefined) return;
  const found = store.get('namespaces', namespace)?.object as Namespace | undefined;
  if (found === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const error = forbidden(
    info,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  throw new StatusError(403, 'Forbidden', error.message, {
    ...error.status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  });
}
