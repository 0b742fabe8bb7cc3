// `ip monitor`: the multicast groups RTNLGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE and _NEIGH as one stream of events.
import type { Neigh } from '../ipv4/neigh.ts';
import { ipv4Net } from '../ipv4/net.ts';
import type { Route } from '../ipv4/route.ts';
import type { IfAddr, NetDevice } from '../netns/device.ts';
import type { Netns } from '../netns/netns.ts';

export type RtnlEvent =
  | { readonly type: 'newlink' | 'dellink'; readonly dev: NetDevice }
  | { readonly type: 'newaddr' | 'deladdr'; readonly dev: NetDevice; readonly addr: IfAddr }
  | { readonly type: 'newroute' | 'delroute'; readonly route: Route }
  | { readonly type: 'newneigh' | 'delneigh'; readonly neigh: Neigh };

/** Calls `fn` for every change in the namespace, as it happens; returns what stops it. */
export function subscribe(ns: Netns, fn: (event: RtnlEvent) => void): () => void {
  const net = ipv4Net(ns);
  const stops = [
    ns.listen((event) => {
      if (event.type === 'addr-add') fn({ type: 'newaddr', dev: event.dev, addr: event.addr });
      else if (event.type === 'addr-del') fn({ type: 'deladdr', dev: event.dev, addr: event.addr });
      else fn({ type: event.type === 'unregister' ? 'dellink' : 'newlink', dev: event.dev });
    }),
    net.fib.listen(({ type, route }) => fn({ type: type === 'add' ? 'newroute' : 'delroute', route })),
    net.neigh.listen((neigh) => fn({ type: neigh.dead ? 'delneigh' : 'newneigh', neigh })),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
