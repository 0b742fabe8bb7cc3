// What all controllers that make pods share: k8s.io/kubernetes/pkg/controller/controller_utils.go and pkg/api/v1/pod.
import type { KubeObject, ObjectMeta } from '../../api/types/meta.ts';
import type { Pod, PodTemplateSpec } from '../../api/types/pod.ts';
import type { Action, Draft } from './controller.ts';
import { refOf } from './controller.ts';

export const isActive = (pod: Pod): boolean =>
  pod.status?.phase !== 'Succeeded' &&
  pod.status?.phase !== 'Failed' &&
  pod.metadata.deletionTimestamp === undefined;

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;

/** When a pod became Ready, in wall-clock ms; undefined: it is not. */
function readySince(pod: Pod): number | undefined {
  const ready = pod.status?.conditions?.find((c) => c.type === 'Ready' && c.status === 'True');
  return ready === undefined ? undefined : Date.parse(ready.lastTransitionTime ?? '') || 0;
}

export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  const since = readySince(pod);
  return since !== undefined && (minReadySeconds === 0 || now - since >= minReadySeconds * 1000);
}

/** Milliseconds until the next Ready pod counts as available; undefined: none is waiting to. */
export function untilAvailable(
  pods: readonly Pod[],
  minReadySeconds: number,
  now: number,
): number | undefined {
  const waits = pods
    .filter((pod) => isReady(pod) && !isAvailable(pod, minReadySeconds, now))
    .map((pod) => readySince(pod)! + minReadySeconds * 1000 - now);
  return waits.length === 0 ? undefined : Math.max(1, Math.min(...waits));
}

export const ownerRef = (owner: KubeObject): NonNullable<ObjectMeta['ownerReferences']>[number] => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

export interface PodDraft {
  readonly name?: string;
  readonly generateName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Partial<Pod['spec']>;
}

/** A pod of a template, owned by what the template is in. */
export function podOf(owner: KubeObject, template: PodTemplateSpec, more: PodDraft = {}): Draft {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const allAnnotations = { ...annotations, ...more.annotations };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(owner.metadata.namespace === undefined ? {} : { namespace: owner.metadata.namespace }),
      ...(more.name === undefined
        ? { generateName: more.generateName ?? `${owner.metadata.name}-` }
        : { name: more.name }),
      labels: { ...labels, ...more.labels },
      ...(Object.keys(allAnnotations).length > 0 ? { annotations: allAnnotations } : {}),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [ownerRef(owner)],
    },
    spec: { ...template.spec, ...more.spec },
  } as Draft;
}

export const deletePod = (pod: Pod): Action => ({
  do: 'delete',
  ref: refOf(pod),
  ...(pod.metadata.uid === undefined ? {} : { uid: pod.metadata.uid }),
});

/**
 * In the order in which pods are given up when there are too many: not assigned, pending, not ready, doubled on their node,
 * youngest first. ActivePodsWithRanks.
 */
export function byExpendability(pods: readonly Pod[]): Pod[] {
  const onNode = new Map<string, number>();
  for (const pod of pods) onNode.set(pod.spec.nodeName ?? '', (onNode.get(pod.spec.nodeName ?? '') ?? 0) + 1);
  const rank = (pod: Pod): readonly number[] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    pod.status?.phase === 'Pending' ? 0 : pod.status?.phase === 'Unknown' ? 1 : 2,
    isReady(pod) ? 1 : 0,
    -(onNode.get(pod.spec.nodeName ?? '') ?? 0),
    -Date.parse(pod.metadata.creationTimestamp ?? ''),
  ];
  return [...pods].sort((a, b) => {
    const x = rank(a);
    const y = rank(b);
    for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return x[i]! - y[i]!;
    return a.metadata.name < b.metadata.name ? 1 : -1;
  });
}

/** intstr.GetScaledValueFromIntOrPercent. */
export function scaledValue(value: number | string | undefined, total: number, roundUp: boolean): number {
  if (value === undefined) return 0;
  if (typeof value === 'number') return value;
  const share = (Number.parseInt(value, 10) * total) / 100;
  return roundUp ? Math.ceil(share) : Math.floor(share);
}
