// The ServiceAccount admission plugin (plugin/pkg/admission/serviceaccount/admission.go): a pod has an account, "default" when
// it names none, and its containers find the account's token, the cluster's authority and their namespace under
// /var/run/secrets/kubernetes.io/serviceaccount.
import { child, copy, type Fields, fieldsOf, isFields, listOf, textOf } from '../fields.ts';
import type { KubeObject } from '../types/meta.ts';

export const DEFAULT_ACCOUNT = 'default';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** One hour, and seven seconds by which the server knows that it was asked for here. */
export const DEFAULT_TOKEN_SECONDS = 3607;
const ANNOTATION_MIRROR = 'kubernetes.io/config.mirror';

/** The account that the pod means; undefined for a static pod's mirror, which has none. */
export function accountOf(pod: Fields): string | undefined {
  const annotations = fieldsOf(fieldsOf(pod['metadata'])['annotations']);
  if (annotations[ANNOTATION_MIRROR] !== undefined) return undefined;
  const spec = fieldsOf(pod['spec']);
  return textOf(spec['serviceAccountName']) || textOf(spec['serviceAccount']) || DEFAULT_ACCOUNT;
}

/** Writes the account into the pod, and its token volume unless pod or account want none. */
export function giveAccount(pod: Fields, account: KubeObject, suffix: () => string): void {
  const spec = child(pod, 'spec');
  spec['serviceAccountName'] = account.metadata.name;
  const own = account as KubeObject & Fields;
  if (wantsToken(spec, own)) mountToken(spec, suffix);
  const secrets = listOf(own['imagePullSecrets']);
  if (listOf(spec['imagePullSecrets']).length === 0 && secrets.length > 0)
    spec['imagePullSecrets'] = copy(secrets);
}

/** The pod's word goes before the account's. */
function wantsToken(spec: Fields, account: Fields): boolean {
  return spec['automountServiceAccountToken'] !== undefined
    ? spec['automountServiceAccountToken'] !== false
    : account['automountServiceAccountToken'] !== false;
}

function mountToken(spec: Fields, suffix: () => string): void {
  const volumes = listOf(spec['volumes']);
  const there = volumes.find((v) => textOf(fieldsOf(v)['name']).startsWith(VOLUME_PREFIX));
  const name = there === undefined ? VOLUME_PREFIX + suffix() : textOf(fieldsOf(there)['name']);
  let mounted = false;
  for (const list of ['initContainers', 'containers'])
    for (const container of listOf(spec[list])) {
      if (!isFields(container)) continue;
      const mounts = listOf(container['volumeMounts']);
      if (mounts.some((m) => fieldsOf(m)['mountPath'] === MOUNT_PATH)) continue;
      container['volumeMounts'] = [...mounts, { name, readOnly: true, mountPath: MOUNT_PATH }];
      mounted = true;
    }
  if (mounted && there === undefined) spec['volumes'] = [...volumes, tokenVolume(name)];
}

const tokenVolume = (name: string): Fields => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: DEFAULT_TOKEN_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
        },
      },
    ],
  },
});
