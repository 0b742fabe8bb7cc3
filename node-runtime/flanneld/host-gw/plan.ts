// What a lease means to the host-gw back end (flannel pkg/backend/hostgw): one route, by the node that has the lease.
import type { Change } from '../change.ts';
import type { LeaseEvent } from '../lease.ts';

export interface HostGwContext {
  /** The external device: "eth0". */
  readonly device: string;
}

export function plan({ type, lease }: LeaseEvent, context: HostGwContext): Change[] {
  if (lease.attrs.backendType !== 'host-gw') return [];
  return [
    {
      op: type === 'removed' ? 'route-del' : 'route',
      dst: lease.subnet,
      via: lease.attrs.publicIP,
      dev: context.device,
      onlink: false,
    },
  ];
}
