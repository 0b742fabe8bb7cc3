// What IPv4 keeps in a namespace (struct netns_ipv4) and at a device (struct in_device), in one place each, so that
// the packet path reaches all of it from the device with two loads.
import type { NetDevice } from '../netns/device.ts';
import {
  type HookState,
  NF_INET_FORWARD,
  NF_INET_LOCAL_IN,
  NF_INET_LOCAL_OUT,
  NF_INET_POST_ROUTING,
  NF_INET_PRE_ROUTING,
} from '../netns/hooks.ts';
import type { RouteErrno } from '../netns/ipv4-ops.ts';
import type { Netns } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import { ANY, BROADCAST, type Ipv4, type Mac } from '../wire/addr.ts';
import { Exceptions } from './exceptions.ts';
import { Fib } from './fib.ts';
import { newChoice, newVerdict } from './flow.ts';
import { FragQueues } from './frag-queues.ts';
import { type Neigh, NeighTable } from './neigh.ts';
import { GlobalLimit, Peers } from './peers.ts';
import { Route, RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_NOWHERE, RT_TABLE_LOCAL } from './route.ts';
import { IcmpStats, IpStats } from './snmp.ts';

export class Ipv4Net {
  readonly ns: Netns;
  readonly fib = new Fib();
  readonly exceptions = new Exceptions();
  readonly neigh: NeighTable;
  readonly peers = new Peers();
  readonly globalLimit: GlobalLimit;
  readonly ip = new IpStats();
  readonly icmp = new IcmpStats();
  readonly frags = new FragQueues();
  /** ARP requests that wait to be answered by proxy. */
  proxyQueue = 0;
  readonly choice = newChoice();
  /** Why a packet of ours could not be routed again after a hook changed it. */
  rerouteError: RouteErrno | undefined = undefined;
  readonly verdict = newVerdict();
  /** ip_idents: the next identification per hash of addresses and protocol. */
  readonly idents = new Uint16Array(256);
  /** The namespace's loopback device, once there is one. */
  lo: NetDevice | undefined = undefined;
  /** Routes that no table has: to 255.255.255.255 and to on-link destinations by a device that was named. */
  readonly broadcastRoutes = new Map<NetDevice, Route>();
  readonly onLinkRoutes = new Map<NetDevice, Route>();

  constructor(ns: Netns) {
    this.ns = ns;
    this.neigh = new NeighTable(ns);
    const dice = ns.kernel.dice.stream(`ipv4/${ns.inum}`);
    this.globalLimit = new GlobalLimit(dice);
    for (let i = 0; i < this.idents.length; i++) this.idents[i] = dice.u32();
  }

  /** The route of a limited broadcast that came in or goes out by `dev`. */
  broadcastRoute(dev: NetDevice): Route {
    return remembered(this.broadcastRoutes, dev, () =>
      adHoc({ dst: BROADCAST, type: 'broadcast', scope: RT_SCOPE_LINK, nhScope: RT_SCOPE_NOWHERE, dev }),
    );
  }
  /** Routing tables or not, the destination is taken to be on `dev`'s link: SO_BINDTODEVICE without a route. */
  onLinkRoute(dev: NetDevice): Route {
    return remembered(this.onLinkRoutes, dev, () =>
      adHoc({ dst: ANY, type: 'unicast', scope: RT_SCOPE_LINK, nhScope: RT_SCOPE_HOST, dev }),
    );
  }
}

export const ipv4Net = perNet('ipv4', (ns) => new Ipv4Net(ns));

function remembered(map: Map<NetDevice, Route>, dev: NetDevice, make: () => Route): Route {
  let route = map.get(dev);
  if (route === undefined) map.set(dev, (route = make()));
  return route;
}

function adHoc(init: {
  dst: Ipv4;
  type: 'broadcast' | 'unicast' | 'local';
  scope: number;
  nhScope: number;
  dev: NetDevice;
}): Route {
  return new Route({
    ...init,
    len: 32,
    table: RT_TABLE_LOCAL,
    proto: 'kernel',
    metric: 0,
    prefsrc: ANY,
    gateway: ANY,
    onlink: false,
    mtu: 0,
    advmss: 0,
  });
}

/** The hook states of packets from one device to another: made once, so that no packet makes any. */
export interface Crossing {
  readonly forward: HookState;
  readonly postRouting: HookState;
}

export class InDevice {
  readonly dev: NetDevice;
  readonly net: Ipv4Net;
  /** The device's MAC when neighbours were last learnt by it. */
  mac: Mac;
  /** This device's neighbours, by signed address. */
  readonly neighbours: Map<number, Neigh>;
  readonly preRouting: HookState;
  readonly localIn: HookState;
  readonly localOut: HookState;
  /** For packets of this host's own. */
  readonly postRouting: HookState;
  #to: NetDevice | undefined = undefined;
  #crossing: Crossing | undefined = undefined;
  readonly #crossings = new Map<NetDevice, Crossing>();

  constructor(dev: NetDevice) {
    const netns = dev.ns;
    this.dev = dev;
    this.mac = dev.mac;
    this.net = ipv4Net(netns);
    this.neighbours = this.net.neigh.of(dev);
    this.preRouting = { hook: NF_INET_PRE_ROUTING, netns, in: dev, out: undefined };
    this.localIn = { hook: NF_INET_LOCAL_IN, netns, in: dev, out: undefined };
    this.localOut = { hook: NF_INET_LOCAL_OUT, netns, in: undefined, out: dev };
    this.postRouting = { hook: NF_INET_POST_ROUTING, netns, in: undefined, out: dev };
  }

  /** Hook states from this device to `out`. */
  crossing(out: NetDevice): Crossing {
    if (this.#to === out) return this.#crossing!;
    let crossing = this.#crossings.get(out);
    if (crossing === undefined) {
      const common = { netns: this.net.ns, in: this.dev, out };
      crossing = {
        forward: { hook: NF_INET_FORWARD, ...common },
        postRouting: { hook: NF_INET_POST_ROUTING, ...common },
      };
      this.#crossings.set(out, crossing);
    }
    this.#to = out;
    this.#crossing = crossing;
    return crossing;
  }
  /** A device is gone. */
  forget(out: NetDevice): void {
    this.#crossings.delete(out);
    if (this.#to === out) this.#to = undefined;
  }
}

/** __in_dev_get_rcu: the device's IPv4 half, made at first use. */
export function inDevice(dev: NetDevice): InDevice {
  const known = dev.inDevice as InDevice | undefined;
  if (known !== undefined) return known;
  const made = new InDevice(dev);
  dev.inDevice = made;
  return made;
}
