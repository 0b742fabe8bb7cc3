// What the rooms below ipv4/ ask of it: netfilter answers with ICMP errors and resets, conntrack reassembles, NAT
// chooses a source address and routes again. The ipv4 room sets `kernel.ipv4` when it is installed.
import type { Skb } from '../skb/skb.ts';
import type { Ipv4 } from '../wire/addr.ts';
import type { NetDevice } from './device.ts';
import type { Netns } from './netns.ts';

/** inet_addr_type: what an address is to this namespace. */
export type AddrType =
  | 'UNSPEC'
  | 'UNICAST'
  | 'LOCAL'
  | 'BROADCAST'
  | 'MULTICAST'
  | 'BLACKHOLE'
  | 'UNREACHABLE'
  | 'PROHIBIT';

export interface Ipv4Ops {
  /** icmp_send: an error about `offender` (data anywhere, `network` at its IP header), which is not freed. */
  icmpSend(offender: Skb, ns: Netns, type: number, code: number, info?: number): void;
  /** ip_local_out for an skb whose IP header (at `data`) is complete but for id and checksum. Takes the skb. */
  localOut(skb: Skb, ns: Netns): void;
  addrType(ns: Netns, addr: Ipv4, dev?: NetDevice): AddrType;
  /** inet_select_addr: the address this host would use towards `dst` when sending out of `dev`. */
  selectAddr(ns: Netns, dev: NetDevice, dst: Ipv4): Ipv4 | undefined;
  /** ip_route_me_harder: looks the route up anew after a hook of LOCAL_OUT changed the packet. False: no route. */
  reroute(skb: Skb, ns: Netns): boolean;
  /** ip_defrag: keeps a fragment and returns undefined, or returns the whole packet. `user` keeps queues apart. */
  defrag(skb: Skb, ns: Netns, user: string): Skb | undefined;
  /** The rpfilter match: would a packet to this one's source leave by the device it came in by? */
  reversePathOk(skb: Skb, ns: Netns, dev: NetDevice, loose: boolean): boolean;
}
