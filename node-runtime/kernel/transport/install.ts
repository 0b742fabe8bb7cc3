// Puts the transport protocols into a kernel: inet_init's inet_add_protocol calls (net/ipv4/af_inet.c).
import type { Kernel } from '../netns/kernel.ts';
import { PROTO_ICMP, PROTO_TCP, PROTO_UDP } from '../wire/ipv4.ts';
import { closeSockets } from './exit.ts';
import { pingErr, pingRcv } from './ping.ts';
import { rawDeliver, rawErr } from './raw.ts';
import { tcpErr, tcpRcv } from './tcp/input.ts';
import { udpErr, udpRcv } from './udp.ts';

/** Call behind installIpv4, whose ICMP handler gets the ping sockets' error handler added. */
export function installTransport(kernel: Kernel): void {
  kernel.inetProtocols[PROTO_UDP] = { handler: udpRcv, error: udpErr };
  kernel.inetProtocols[PROTO_TCP] = { handler: tcpRcv, error: tcpErr };
  const icmp = kernel.inetProtocols[PROTO_ICMP];
  if (icmp !== undefined) kernel.inetProtocols[PROTO_ICMP] = { handler: icmp.handler, error: pingErr };
  kernel.pingRcv = pingRcv;
  kernel.rawDeliver = rawDeliver;
  kernel.rawError = rawErr;
  kernel.netnsExit.push(closeSockets);
}
