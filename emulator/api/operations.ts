// Writes that are more than an update: binding a pod to a node, and ending a namespace. The subresources of these names do
// them for clients, the controllers of this process call them.
import { timestamp } from './clock.ts';
import { copy, type Fields, fieldsOf } from './fields.ts';
import type { Registry, Target } from './registry.ts';
import { conflict } from './status-error.ts';
import type { KubeObject } from './types/meta.ts';
import type { Pod } from './types/pod.ts';

export async function bindPod(registry: Registry, target: Target, node: string): Promise<KubeObject> {
  return registry.update(
    target,
    (latest) => {
      const pod = latest as Pod;
      if (pod.metadata.deletionTimestamp !== undefined)
        throw conflict(
          target.info,
          target.name,
          `pod ${target.name} is being deleted, cannot be assigned to a host`,
        );
      if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '')
        throw conflict(
          target.info,
          target.name,
          `pod ${target.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
        );
      const next = copy(latest) as unknown as Fields;
      fieldsOf(next['spec'])['nodeName'] = node;
      const status = fieldsOf(next['status']);
      const others = ((status['conditions'] as Fields[] | undefined) ?? []).filter(
        (c) => c['type'] !== 'PodScheduled',
      );
      next['status'] = {
        ...status,
        conditions: [
          ...others,
          {
            type: 'PodScheduled',
            status: 'True',
            lastProbeTime: null,
            lastTransitionTime: timestamp(registry.clock),
          },
        ],
      };
      return next;
    },
    { subresource: 'binding' },
  );
}

/** The namespace controller says that it is done: only spec.finalizers changes. */
export async function finalizeNamespace(
  registry: Registry,
  target: Target,
  spec: Fields,
): Promise<KubeObject> {
  return registry.update(target, (latest) => ({ ...(copy(latest) as unknown as Fields), spec }), {
    subresource: 'finalize',
  });
}
