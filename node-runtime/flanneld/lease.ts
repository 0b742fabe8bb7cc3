// A lease: a subnet and the node that has it (flannel pkg/lease/lease.go), and the watcher's table, which turns snapshots and
// single changes into events and keeps a node from hearing of its own lease (pkg/lease/lease_watcher.go).
import { formatPrefix, type Ipv4, type Prefix } from '../kernel/wire/addr.ts';

export interface LeaseAttrs {
  readonly publicIP: Ipv4;
  /** "vxlan", "udp", "host-gw". */
  readonly backendType: string;
  /** {"VNI":1,"VtepMAC":"…"} for vxlan, null for host-gw and udp. */
  readonly backendData: unknown;
}

export interface Lease {
  readonly subnet: Prefix;
  readonly attrs: LeaseAttrs;
}

export interface LeaseEvent {
  readonly type: 'added' | 'removed';
  readonly lease: Lease;
}

const sameAttrs = (a: LeaseAttrs, b: LeaseAttrs): boolean =>
  a.publicIP === b.publicIP &&
  a.backendType === b.backendType &&
  JSON.stringify(a.backendData) === JSON.stringify(b.backendData);

export class LeaseTable {
  /** Own subnet as text: never reported. */
  readonly #own: string;
  readonly #leases = new Map<string, Lease>();

  constructor(own: Prefix) {
    this.#own = formatPrefix(own);
  }

  get leases(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  /** All leases there are: what is gone is removed, what is new or changed is added. */
  reset(leases: readonly Lease[]): LeaseEvent[] {
    const present = new Set(leases.map((lease) => formatPrefix(lease.subnet)));
    const gone = [...this.#leases].filter(([key]) => !present.has(key));
    return [
      ...gone.flatMap(([, lease]) => this.update({ type: 'removed', lease })),
      ...leases.flatMap((lease) => this.update({ type: 'added', lease })),
    ];
  }

  /** One change: the events it means, if any. */
  update(event: LeaseEvent): LeaseEvent[] {
    const key = formatPrefix(event.lease.subnet);
    if (key === this.#own) return [];
    const known = this.#leases.get(key);
    if (event.type === 'removed') {
      if (known === undefined) return [];
      this.#leases.delete(key);
      return [{ type: 'removed', lease: known }];
    }
    if (known !== undefined && sameAttrs(known.attrs, event.lease.attrs)) return [];
    this.#leases.set(key, event.lease);
    return [event];
  }
}
