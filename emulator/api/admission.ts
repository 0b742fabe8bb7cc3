// What the admission chain refuses before an object is stored: plugin/pkg/admission/namespace/lifecycle and serviceaccount.
import type { ObjectStore, StoreWatch } from '../store/store.ts';
import type { Clock } from './clock.ts';
import type { Fields } from './fields.ts';
import type { Target } from './registry.ts';
import { accountOf, DEFAULT_ACCOUNT } from './resources/pod-service-account.ts';
import { forbidden, notFound, StatusError } from './status-error.ts';
import type { Namespace } from './types/core.ts';
import type { KubeObject } from './types/meta.ts';

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

/** In ms: how long a pod waits for the account that every namespace gets shortly after it was made. */
const ACCOUNT_PATIENCE = 1500;

/** The ServiceAccount of a new pod; undefined for a pod that has none. Rejects when the pod names one that is not there. */
export async function accountFor(
  pod: Fields,
  { info, namespace, name }: Target,
  store: ObjectStore,
  clock: Clock,
): Promise<KubeObject | undefined> {
  const account = accountOf(pod);
  if (account === undefined) return undefined;
  const key = `${namespace}/${account}`;
  const patience = account === DEFAULT_ACCOUNT ? ACCOUNT_PATIENCE : 0;
  const found =
    store.get(ACCOUNTS, key)?.object ??
    (patience > 0 && store.get('namespaces', namespace ?? '') !== undefined
      ? await appears(store, clock, key, patience)
      : undefined);
  if (found !== undefined) return found;
  throw forbidden(
    info,
    name,
    `error looking up service account ${key}: serviceaccount ${JSON.stringify(account)} not found`,
  );
}

const ACCOUNTS = 'serviceaccounts';

function appears(
  store: ObjectStore,
  clock: Clock,
  key: string,
  patience: number,
): Promise<KubeObject | undefined> {
  return new Promise((resolve) => {
    let watch: StoreWatch | undefined;
    const end = (object: KubeObject | undefined): void => {
      timer.cancel();
      watch?.stop();
      resolve(object);
    };
    const timer = clock.after(patience, () => end(undefined));
    watch = store.watch(ACCOUNTS, store.revision, ({ type, stored }) => {
      if (type !== 'DELETED' && stored.key === key) end(stored.object);
    });
  });
}
