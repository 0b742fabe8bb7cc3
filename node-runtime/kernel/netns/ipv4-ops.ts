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

/** Where a packet of ours would go: the part of struct rtable that a socket needs. */
export interface OutputRoute {
  readonly type: 'UNICAST' | 'LOCAL' | 'BROADCAST' | 'MULTICAST';
  readonly dev: NetDevice;
  /** The source address it gets when the socket is bound to none: fl4->saddr. */
  readonly src: Ipv4;
  /** Path MTU: what was learned from frag-needed while that holds, else the route's or the device's. */
  readonly mtu: number;
  readonly gateway: Ipv4 | undefined;
}

/** Why there is no route: what the system call returns. */
export type RouteErrno = 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES' | 'EINVAL';

/** What the ipv4 room reads of a packet's socket (skb.sk). */
export interface SockInfo {
  /** ifindex of the device it is bound to, or 0: sk_bound_dev_if. */
  readonly boundDev: number;
  /** It writes its own IP header, which says nothing about the route: IP_HDRINCL. */
  readonly hdrincl?: boolean;
}

export interface Ipv4Ops {
  /**
   * ip_route_output_key: the route to `dst` for a packet of ours. `src` 0: none chosen yet. `oif` 0: any device; else
   * the ifindex of the device the socket is bound to. Sockets call it to choose a source address and for the MTU.
   */
  routeOutput(ns: Netns, dst: Ipv4, src: Ipv4, oif: number, tos: number): OutputRoute | RouteErrno;
  /** ip_rt_update_pmtu: an ICMP frag-needed about a packet of ours said so. Never below net.ipv4.route.min_pmtu. */
  updatePmtu(ns: Netns, dst: Ipv4, mtu: number): void;
  /** icmp_send: an error about `offender` (data anywhere, `network` at its IP header), which is not freed. */
  icmpSend(offender: Skb, ns: Netns, type: number, code: number, info?: number): void;
  /**
   * ip_local_out for an skb whose IP header (at `data`) is complete but for id and checksum. Takes the skb. What sendmsg(2)
   * says when it never left: EPERM when a hook of LOCAL_OUT dropped it, or why it can't be routed.
   */
  localOut(skb: Skb, ns: Netns): RouteErrno | 'EPERM' | undefined;
  addrType(ns: Netns, addr: Ipv4, dev?: NetDevice): AddrType;
  /** inet_select_addr: the address this host would use towards `dst` when sending out of `dev`. */
  selectAddr(ns: Netns, dev: NetDevice, dst: Ipv4): Ipv4 | undefined;
  /** ip_route_me_harder: looks the route up anew after a hook of LOCAL_OUT changed the packet. False: no route. */
  reroute(skb: Skb, ns: Netns): boolean;
  /** ip_defrag: keeps a fragment and returns undefined, or returns the whole packet. `user` keeps queues apart. */
  defrag(skb: Skb, ns: Netns, user: string): Skb | undefined;
  /**
   * ip_route_input for a packet (IP header at `network`) that came in by `dev`: the device it would leave by, the
   * loopback device when it is for this host, with skb.dst set; undefined when there is no route, forwarding is off or
   * the packet is a martian. The bridge asks it after DNAT (br_nf_pre_routing_finish).
   */
  routeInput(skb: Skb, dev: NetDevice): NetDevice | undefined;
  /**
   * dst_neigh_output: hands the packet (data at the IP header) to the neighbour of its route `skb.dst` on `dev`, which puts an
   * Ethernet header in front and calls dev.queueXmit, at once or when the address is resolved. Takes the skb.
   */
  neighOutput(skb: Skb, dev: NetDevice): void;
  /**
   * ip_do_fragment: cuts the packet (data at the IP header, DF not looked at) into packets of at most `mtu` bytes. Takes
   * the skb; the fragments have data at their IP headers.
   */
  fragment(skb: Skb, mtu: number): Skb[];
  /** The rpfilter match: would a packet to this one's source leave by the device it came in by? */
  reversePathOk(skb: Skb, ns: Netns, dev: NetDevice, loose: boolean): boolean;
}
