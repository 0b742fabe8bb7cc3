// When a cluster is up: every node has registered, and is Ready where a network is meant to make it so.
import { timestamp } from './api/clock.ts';
import { copy, type Fields, fieldsOf, listOf } from './api/fields.ts';
import type { Node } from './api/types/node.ts';
import type { OperationContext } from './operations/context.ts';
import { ProtocolError } from './protocol/errors.ts';
import type { StoreWatch } from './store/store.ts';

/** Milliseconds of the cluster's clock for all of it. */
const PATIENCE = 60_000;

export function nodesUp({ spec, registry, clock }: OperationContext): Promise<void> {
  if (spec.runtime === 'docker') return Promise.resolve();
  const waiting = new Map<string, string>();
  for (const node of spec.nodes)
    if (!node.without.includes('kubelet')) waiting.set(node.name, 'it has not registered');
  const needed = (name: string): boolean => {
    const node = spec.nodes.find((n) => n.name === name)!;
    return (node.network.backend ?? spec.network.backend) !== 'none' && !node.without.includes('flanneld');
  };
  return new Promise((resolve, reject) => {
    let watch: StoreWatch | undefined;
    const end = (error?: Error): void => {
      timer.cancel();
      watch?.stop();
      if (error === undefined) resolve();
      else reject(error);
    };
    const timer = clock.after(PATIENCE, () =>
      end(
        new ProtocolError(
          'E_START',
          `not Ready after ${PATIENCE / 1000} s: ${[...waiting].map(([n, why]) => `${n} (${why})`).join(', ')}`,
        ),
      ),
    );
    const look = (node: Node): void => {
      const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
      // Ready is the kubelet's word, given as soon as a CNI configuration lies there; flannel says when it can be used.
      const network = node.status?.conditions?.find((c) => c.type === 'NetworkUnavailable');
      if (
        (ready?.status === 'True' && network?.status === 'False') ||
        (ready !== undefined && !needed(node.metadata.name))
      )
        waiting.delete(node.metadata.name);
      else if (waiting.has(node.metadata.name))
        waiting.set(
          node.metadata.name,
          ready?.status === 'True'
            ? 'flannel is not up'
            : (ready?.message ?? 'it says nothing of being ready'),
        );
      if (waiting.size === 0) end();
    };
    for (const { object } of registry.store.list('nodes')) look(object as Node);
    if (waiting.size > 0)
      watch = registry.store.watch('nodes', registry.store.revision, (event) => {
        if (event.type !== 'DELETED') look(event.stored.object as Node);
      });
  });
}

/** Nodes that were switched off: what they said of themselves is of the past, as the node lifecycle controller would find. */
export async function nodesOff({ registry }: Pick<OperationContext, 'registry'>): Promise<void> {
  const info = registry.catalogue.find('', 'v1', 'nodes')!;
  const at = timestamp(registry.clock);
  for (const { object } of registry.store.list('nodes')) {
    const name = object.metadata.name;
    await registry.update(
      { info, namespace: undefined, name },
      (latest) => {
        const next = copy(latest) as unknown as Fields;
        const status = fieldsOf(next['status']);
        status['conditions'] = [
          ...listOf(status['conditions'])
            .map(fieldsOf)
            .filter(({ type }) => type !== 'Ready' && type !== 'NetworkUnavailable'),
          condition('NetworkUnavailable', at, 'NoRouteCreated', 'the node was switched off'),
          condition('Ready', at, 'NodeStatusUnknown', 'Kubelet stopped posting node status.'),
        ];
        next['status'] = status;
        return next;
      },
      { subresource: 'status', fieldManager: 'kube-controller-manager' },
    );
  }
}

const condition = (type: string, at: string, reason: string, message: string): Fields => ({
  type,
  status: 'Unknown',
  lastHeartbeatTime: at,
  lastTransitionTime: at,
  reason,
  message,
});
