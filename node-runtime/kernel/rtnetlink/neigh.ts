// `ip neigh`: net/core/neighbour.c (neigh_add, neigh_delete).
import {
  ADMIN,
  type Neigh,
  NUD_FAILED,
  NUD_NOARP,
  NUD_PERMANENT,
  NUD_REACHABLE,
  NUD_STALE,
  NUD_VALID,
  OVERRIDE,
} from '../ipv4/neigh.ts';
import { ipv4Net } from '../ipv4/net.ts';
import type { Netns } from '../netns/netns.ts';
import type { Ipv4, Mac } from '../wire/addr.ts';
import { answers, says } from './errors.ts';
import { linkGet } from './link.ts';

const STATES = {
  permanent: NUD_PERMANENT,
  noarp: NUD_NOARP,
  reachable: NUD_REACHABLE,
  stale: NUD_STALE,
} as const;

export interface NeighSpec {
  readonly dev: string;
  readonly addr: Ipv4;
  readonly mac?: Mac;
  /** `nud`: permanent when not given. */
  readonly state?: keyof typeof STATES;
}

export function neighAdd(ns: Netns, spec: NeighSpec): void {
  const { dev, table } = at(ns, spec.dev);
  if (table.lookup(dev, spec.addr) !== undefined) throw answers('EEXIST');
  set(ns, spec);
}

/** Adds the entry, or changes the one that is there. */
export function neighReplace(ns: Netns, spec: NeighSpec): void {
  at(ns, spec.dev);
  set(ns, spec);
}

/** There must be one. */
export function neighChange(ns: Netns, spec: NeighSpec): void {
  const { dev, table } = at(ns, spec.dev);
  if (table.lookup(dev, spec.addr) === undefined) throw answers('ENOENT');
  set(ns, spec);
}

function set(ns: Netns, spec: NeighSpec): void {
  const { dev, table } = at(ns, spec.dev);
  const state = STATES[spec.state ?? 'permanent'];
  const known = table.lookup(dev, spec.addr);
  if (spec.mac === undefined && (known === undefined || (known.state & NUD_VALID) === 0))
    throw says('EINVAL', 'No link layer address given');
  const permanent = state === NUD_PERMANENT;
  const neigh = table.create(dev, spec.addr, permanent);
  if (neigh === undefined) throw answers('ENOBUFS');
  table.setExempt(neigh, permanent);
  table.update(neigh, spec.mac, state, OVERRIDE | ADMIN);
}

export function neighDel(ns: Netns, devName: string, addr: Ipv4): void {
  const { dev, table } = at(ns, devName);
  const neigh = table.lookup(dev, addr);
  if (neigh === undefined) throw answers('ENOENT');
  table.update(neigh, undefined, NUD_FAILED, OVERRIDE | ADMIN);
  table.remove(neigh);
}

/** `ip neigh flush dev DEV`: all but what was set by hand. */
export function neighFlush(ns: Netns, devName: string): void {
  const { dev, table } = at(ns, devName);
  table.flush(dev, true);
}

/** As `ip neigh show`: entries that need no asking (broadcast, loopback) are left out. */
export function neighList(ns: Netns, devName?: string): Neigh[] {
  const dev = devName === undefined ? undefined : linkGet(ns, devName);
  return [...ipv4Net(ns).neigh.list()].filter(
    (n) => (dev === undefined || n.dev === dev) && (n.state & NUD_NOARP) === 0,
  );
}

const at = (ns: Netns, devName: string) => ({ dev: linkGet(ns, devName), table: ipv4Net(ns).neigh });
