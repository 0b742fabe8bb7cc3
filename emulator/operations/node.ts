// What is done to nodes as machines: their processes, daemons and docker.
import type { Node } from '../api/types/node.ts';
import type { NodeStatus } from '../cluster/types.ts';
import type { Operations } from '../control/caller.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { findObject, nodeSpec, type OperationContext } from './context.ts';

interface NodeParams {
  readonly node: string;
  readonly action: string;
  readonly daemon?: string;
  readonly daemonAction?: 'start' | 'stop' | 'restart' | 'status';
  readonly argv?: readonly string[];
}

export function nodeOperations(context: OperationContext): Operations {
  const { supervisor, spec } = context;
  return {
    node: async (params: NodeParams) => {
      nodeSpec(context, params.node);
      const member = supervisor.member(params.node);
      switch (params.action) {
        case 'kill':
          member.kill();
          return null;
        case 'pause':
          member.pause();
          return null;
        case 'resume':
          member.resume();
          return null;
        case 'restart':
          await supervisor.restart(params.node);
          return null;
        case 'daemon':
          return member.request('daemon', {
            name: params.daemon ?? '',
            action: params.daemonAction ?? 'status',
          });
        case 'docker':
          return member.request('docker', { argv: params.argv ?? [] });
        case 'stats':
          return member.request('stats', {});
        default:
          throw new ProtocolError('E_INVALID', `no action "${params.action}"`);
      }
    },
    status: async () => spec.nodes.map((node) => statusOf(context, node.name, node.address)),
  };
}

function statusOf({ registry, supervisor }: OperationContext, name: string, address: string): NodeStatus {
  const member = supervisor.members.get(name);
  const object = findObject(registry, { kind: 'node', name }) as Node | undefined;
  const ready = object?.status?.conditions?.find((c) => c.type === 'Ready');
  return {
    name,
    process: member?.state ?? 'down',
    pid: member?.pid,
    ready:
      ready === undefined
        ? '-'
        : ready.status === 'True'
          ? 'Ready'
          : ready.status === 'Unknown'
            ? 'Unknown'
            : 'NotReady',
    address,
    podCIDR: object?.spec?.podCIDR,
    restarts: member?.restarts ?? 0,
    start: member?.report,
  };
}
