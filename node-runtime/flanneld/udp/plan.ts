// What a lease means to the udp back end (flannel pkg/backend/udp/udp_network_amd64.go): an entry in the daemon's own table. The kernel
// knows one route only, the whole network by flannel0.
import type { Change } from '../change.ts';
import type { LeaseEvent } from '../lease.ts';

export interface UdpContext {
  /** Where every daemon listens: 8285. */
  readonly port: number;
}

/** Unlike the other two, this back end takes leases of any type, as upstream's does. */
export function plan({ type, lease }: LeaseEvent, context: UdpContext): Change[] {
  return [
    {
      op: type === 'removed' ? 'peer-del' : 'peer',
      subnet: lease.subnet,
      nextHop: lease.attrs.publicIP,
      port: context.port,
    },
  ];
}
