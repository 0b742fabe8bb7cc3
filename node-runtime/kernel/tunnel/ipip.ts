// IPv4 in IPv4, RFC 2003: net/ipv4/ipip.c. Nothing between the two headers.
import type { Kernel } from '../netns/kernel.ts';
import type { Netns } from '../netns/netns.ts';
import * as ip from '../wire/ipv4.ts';
import { deliverToTunnel, IpTunnel, type IpTunnelOptions } from './ip-tunnel.ts';

export class Ipip extends IpTunnel {
  constructor(kernel: Kernel, options: IpTunnelOptions) {
    super(kernel, 'ipip', ip.PROTO_IPIP, 0, options, (skb, ns) =>
      deliverToTunnel(ns, ip.PROTO_IPIP, skb, undefined),
    );
  }

  protected get label(): string {
    return 'IPIP';
  }
  protected pushHeader(): void {}
  pullHeader(): undefined {}
}

/** `ip link add NAME type ipip local … remote …`. */
export const addIpip = (ns: Netns, options: IpTunnelOptions): Ipip =>
  ns.register(new Ipip(ns.kernel, options));
