// `bridge fdb`: net/core/rtnetlink.c (rtnl_fdb_add), which asks a VXLAN device for its own table (`self`, with `dst`) or a
// bridge for the table of its port (`master`).
import { Bridge, type BridgePort } from '../netdev/bridge.ts';
import type { NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';
import { Vxlan } from '../tunnel/vxlan.ts';
import type { Ipv4, Mac } from '../wire/addr.ts';
import { answers, inWords } from './errors.ts';
import { linkGet } from './link.ts';

export interface FdbSpec {
  readonly mac: Mac;
  readonly dev: string;
  /** The remote tunnel endpoint; for VXLAN devices. */
  readonly dst?: Ipv4;
  readonly port?: number;
  readonly vni?: number;
  /** Of a bridge port: the address is the host's own (`local`) rather than one behind the port (`static`). */
  readonly local?: boolean;
}

export interface FdbRecord {
  readonly mac: Mac;
  readonly dev: string;
  readonly dst?: Ipv4;
  readonly port?: number;
  readonly vni?: number;
  readonly master?: string;
  readonly permanent: boolean;
  /** Milliseconds since it was last seen; 0 for entries that do not age. */
  readonly age: number;
}

export function fdbAdd(ns: Netns, spec: FdbSpec): void {
  const dev = linkGet(ns, spec.dev);
  inWords(() => {
    if (dev instanceof Vxlan) {
      dev.fdb.add(spec.mac, remote(spec));
      return;
    }
    const { bridge, port } = portOf(dev);
    if (bridge.fdb.get(spec.mac) !== undefined) throw answers('EEXIST');
    bridge.fdb.set(spec.mac, port, { local: spec.local ?? false });
  });
}

/** Another remote for the same address: copies go to all of them. */
export function fdbAppend(ns: Netns, spec: FdbSpec): void {
  const dev = linkGet(ns, spec.dev);
  if (!(dev instanceof Vxlan)) throw answers('EOPNOTSUPP');
  inWords(() => dev.fdb.append(spec.mac, remote(spec)));
}

export function fdbReplace(ns: Netns, spec: FdbSpec): void {
  const dev = linkGet(ns, spec.dev);
  inWords(() => {
    if (dev instanceof Vxlan) {
      dev.fdb.replace(spec.mac, remote(spec));
      return;
    }
    const { bridge, port } = portOf(dev);
    bridge.fdb.set(spec.mac, port, { local: spec.local ?? false });
  });
}

export function fdbDel(ns: Netns, spec: Pick<FdbSpec, 'mac' | 'dev' | 'dst'>): void {
  const dev = linkGet(ns, spec.dev);
  inWords(() => {
    if (dev instanceof Vxlan) dev.fdb.del(spec.mac, spec.dst);
    else if (!portOf(dev).bridge.fdb.delete(spec.mac)) throw answers('ENOENT');
  });
}

/** As `bridge fdb show`: of one device, or of all VXLAN devices and bridges. */
export function fdbList(ns: Netns, devName?: string): FdbRecord[] {
  const devices = devName === undefined ? [...ns.devices.values()] : [linkGet(ns, devName)];
  return devices.flatMap((dev) => {
    if (dev instanceof Vxlan) return vxlanRecords(dev);
    if (dev instanceof Bridge) return devName === undefined ? [] : bridgeRecords(dev, undefined);
    return dev.master instanceof Bridge ? bridgeRecords(dev.master, dev) : [];
  });
}

function vxlanRecords(dev: Vxlan): FdbRecord[] {
  const now = dev.kernel.clock.now();
  return [...dev.fdb.entries()].flatMap((entry) =>
    entry.remotes.map((to) => ({
      mac: entry.mac,
      dev: dev.name,
      dst: to.addr,
      ...(to.port === 0 ? {} : { port: to.port }),
      ...(to.vni === 0 ? {} : { vni: to.vni }),
      permanent: entry.permanent,
      age: entry.permanent ? 0 : now - entry.updated,
    })),
  );
}

function bridgeRecords(bridge: Bridge, port: NetDevice | undefined): FdbRecord[] {
  const now = bridge.kernel.clock.now();
  const records: FdbRecord[] = [];
  for (const entry of bridge.fdb.entries()) {
    if (port !== undefined && entry.port?.dev !== port) continue;
    records.push({
      mac: entry.mac,
      dev: entry.port?.dev.name ?? bridge.name,
      master: bridge.name,
      permanent: entry.isStatic || entry.local,
      age: entry.isStatic ? 0 : now - entry.updated,
    });
  }
  return records;
}

function remote(spec: FdbSpec): { addr: Ipv4; port?: number; vni?: number } {
  if (spec.dst === undefined) throw answers('EINVAL');
  return {
    addr: spec.dst,
    ...(spec.port === undefined ? {} : { port: spec.port }),
    ...(spec.vni === undefined ? {} : { vni: spec.vni }),
  };
}

function portOf(dev: NetDevice): { bridge: Bridge; port: BridgePort | undefined } {
  if (dev instanceof Bridge) return { bridge: dev, port: undefined };
  if (!(dev.master instanceof Bridge)) throw answers('EOPNOTSUPP');
  return { bridge: dev.master, port: dev.master.port(dev) };
}
