// From the IP header to the link: ip_finish_output2 (net/ipv4/ip_output.c) and neigh_output (include/net/neighbour.h).
import { ETH_HLEN, type NetDevice } from '../netns/device.ts';
import { ETH_P_IP, type Skb } from '../skb/skb.ts';
import { ANY, formatIpv4, formatMac, ip4 } from '../wire/addr.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ip from '../wire/ipv4.ts';
import { type Neigh, NUD_CONNECTED } from './neigh.ts';
import { type Ipv4Net, inDevice } from './net.ts';
import type { Route } from './route.ts';

/** Hands the packet to the neighbour of its route, at once or when the address is known. Takes the skb. */
export function neighXmit(net: Ipv4Net, skb: Skb, dev: NetDevice): void {
  if (!dev.ethernet) {
    // No link-layer header and nobody to ask: TUN, ipip.
    skb.mac = -1;
    dev.queueXmit(skb);
    return;
  }
  const neigh = nextHop(net, skb, skb.dst as Route, dev);
  if (neigh === undefined) {
    net.ip.OutDiscards++;
    net.ns.kernel.drop(skb, 'NEIGH_FAILED', dev, 'the neighbour table is full');
    return;
  }
  if ((neigh.state & NUD_CONNECTED) === 0) {
    if (skb.trace !== 0) traceNeigh(net, skb, neigh);
    if (net.neigh.eventSend(neigh, skb)) return;
  } else if (skb.trace !== 0) traceNeigh(net, skb, neigh);
  neighEmit(neigh, skb);
}

/** neigh_resolve_output's second half: the header and out. */
export function neighEmit(neigh: Neigh, skb: Skb): void {
  const { dev } = neigh;
  const at = skb.push(ETH_HLEN);
  const b = skb.bytes;
  const hh = neigh.hh ?? hardHeader(neigh);
  for (let i = 0; i < ETH_HLEN; i++) b[at + i] = hh[i]!;
  skb.mac = at;
  skb.protocol = ETH_P_IP;
  dev.queueXmit(skb);
}

/** eth_header_cache. A device that changes its own address has its entries flushed, so this one can't be stale. */
function hardHeader(neigh: Neigh): Uint8Array {
  const hh = new Uint8Array(ETH_HLEN);
  ethernet.put(hh, 0, { dst: neigh.mac, src: neigh.dev.mac, type: ETH_P_IP });
  neigh.hh = hh;
  return hh;
}

/** ip_neigh_for_gw: the entry of the gateway, or of the destination itself. */
function nextHop(net: Ipv4Net, skb: Skb, route: Route, dev: NetDevice): Neigh | undefined {
  if (dev.kind === 'loopback') return net.neigh.create(dev, ANY);
  const gateway = route.gateway;
  if (gateway === ANY) {
    const addr = ip.dst(skb.bytes, skb.network);
    return inDevice(dev).neighbours.get(addr | 0) ?? net.neigh.create(dev, addr);
  }
  const cached = route.neigh as Neigh | undefined;
  if (cached !== undefined && !cached.dead) return cached;
  const neigh = net.neigh.create(dev, ip4(gateway));
  route.neigh = neigh;
  return neigh;
}

const STATES: readonly (readonly [number, string])[] = [
  [0x01, 'INCOMPLETE'],
  [0x02, 'REACHABLE'],
  [0x04, 'STALE'],
  [0x08, 'DELAY'],
  [0x10, 'PROBE'],
  [0x20, 'FAILED'],
  [0x40, 'NOARP'],
  [0x80, 'PERMANENT'],
];

/** As `ip neigh` prints it. */
export const nudName = (state: number): string => STATES.find(([bit]) => bit === state)?.[1] ?? 'NONE';

function traceNeigh(net: Ipv4Net, skb: Skb, neigh: Neigh): void {
  const name = formatIpv4(neigh.addr);
  const state = nudName(neigh.state);
  const facts = { neighbour: name, state, lladdr: formatMac(neigh.mac) };
  const known = (neigh.state & (NUD_CONNECTED | 0x1c)) !== 0;
  const text = known
    ? `neighbour ${name} is ${formatMac(neigh.mac)} (${state})`
    : `neighbour ${name} is not known: the packet waits for ARP`;
  net.ns.kernel.traceEvent(skb, neigh.dev, 'neigh', text, facts);
}
