// What a lease means to the vxlan back end (flannel pkg/backend/vxlan/vxlan_network.go): per remote node one neighbour, one FDB entry
// and one route, all permanent, so that nothing is ever asked of the other side. The gateway of the route is the lease's own
// first address, which exists on no wire: the neighbour entry gives it the remote VTEP's MAC, the FDB entry gives that
// MAC the remote node's address.
import { parseMac } from '../../kernel/wire/addr.ts';
import type { Change } from '../change.ts';
import type { LeaseEvent } from '../lease.ts';

export interface VxlanContext {
  /** "flannel.1". */
  readonly device: string;
  readonly vni: number;
  /** Whether the peer can be reached without a gateway and DirectRouting is on; then by which device. */
  directDevice(event: LeaseEvent): string | undefined;
}

export interface VxlanData {
  readonly VNI?: number;
  readonly VtepMAC: string;
}

/** Throws when the peer's annotation is broken; leases of other back ends give no change. */
export function plan({ type, lease }: LeaseEvent, context: VxlanContext): Change[] {
  if (lease.attrs.backendType !== 'vxlan') return [];
  const data = lease.attrs.backendData as VxlanData | null;
  const mac = parseMac(data?.VtepMAC ?? '');
  if (mac === undefined) throw new Error(`error decoding subnet lease JSON: bad VtepMAC ${data?.VtepMAC}`);
  const { subnet } = lease;
  const { publicIP } = lease.attrs;
  const dev = context.device;
  const direct = context.directDevice({ type, lease });
  const gone = type === 'removed';
  if (direct !== undefined)
    return [{ op: gone ? 'route-del' : 'route', dst: subnet, via: publicIP, dev: direct, onlink: false }];
  return [
    { op: gone ? 'neigh-del' : 'neigh', dev, addr: subnet.addr, mac },
    { op: gone ? 'fdb-del' : 'fdb', dev, mac, dst: publicIP },
    { op: gone ? 'route-del' : 'route', dst: subnet, via: subnet.addr, dev, onlink: true },
  ];
}
