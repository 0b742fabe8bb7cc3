// UDP ports that belong to a tunnel rather than to a socket: udp_sk(sk)->encap_rcv (net/ipv4/udp.c,
// net/ipv4/udp_tunnel_core.c). The tunnel room registers a port; udp_rcv asks here before it looks for a socket.
import type { Skb } from '../skb/skb.ts';
import type { Netns } from './netns.ts';
import { perNet } from './per-net.ts';

/**
 * Gets a datagram with `skb.data` and `skb.transport` at the UDP header, `skb.network` at the IP header, lengths and
 * checksum verified. Takes the skb.
 */
export type UdpEncapHandler = (skb: Skb, ns: Netns) => void;

/** By destination port, host order. A socket that wants to bind such a port gets EADDRINUSE. */
export const udpEncap = perNet('udp-encap', () => new Map<number, UdpEncapHandler>());
