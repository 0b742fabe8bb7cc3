// The udp back end (flannel pkg/backend/udp/udp_amd64.go, udp_network_amd64.go): the oldest, for kernels without VXLAN. The kernel has one
// route for the whole network, into a TUN; everything else is done by the daemon.
import { errnoText, hasErrno } from '../../cni/errno.ts';
import { Tun, type TunFile } from '../../kernel/netdev/tun.ts';
import { UdpSock } from '../../kernel/transport/udp.ts';
import { formatIpv4, type Ipv4 } from '../../kernel/wire/addr.ts';
import type { BackendContext, BackendNetwork } from '../backend.ts';
import { backendNumber } from '../net-conf.ts';
import { plan } from './plan.ts';
import { UdpProxy } from './proxy.ts';

export { plan };

/** Outer IPv4 and UDP. */
export const ENCAP_OVERHEAD = 28;
const DEFAULT_PORT = 8285;
const MAX_TUNS = 16;

export interface UdpNetwork extends BackendNetwork {
  /** The daemon, for those who stop and continue it. */
  readonly proxy: UdpProxy;
  readonly tun: Tun;
}

export const register = async (context: BackendContext): Promise<UdpNetwork> => {
  const { conf, ext, ns, rtnl } = context;
  const port = backendNumber(conf, 'Port', DEFAULT_PORT);
  const lease = await context.acquireLease({ publicIP: ext.publicIP, backendType: 'udp', backendData: null });
  const mtu = ext.mtu - ENCAP_OVERHEAD;
  const sock = openSocket(context, ext.address, port);
  const { tun, file } = openTun(context, mtu);
  configureTun(context, tun, lease.subnet.addr);
  const proxy = new UdpProxy({ tun: file, sock, ns, tunAddr: lease.subnet.addr, mtu });
  return {
    lease,
    mtu,
    proxy,
    tun,
    handle(events) {
      for (const event of events) for (const change of plan(event, { port })) proxy.apply(change);
    },
    stop() {
      proxy.stop();
      // The TUN is not persistent: it goes with the last descriptor, and its route with it.
      if (ns.device(tun.name) === tun) rtnl.linkDel(tun.name);
    },
  };
};

function openSocket({ ns }: BackendContext, address: Ipv4, port: number): UdpSock {
  const sock = new UdpSock(ns);
  sock.owner = 'flanneld';
  const failed = sock.bind(address, port);
  if (failed === undefined) return sock;
  sock.close();
  const why = failed === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address';
  throw new Error(
    `failed to start listening on UDP socket: listen udp ${formatIpv4(address)}:${port}: bind: ${why}`,
  );
}

/** "flannel%d": the first free name. */
function openTun({ rtnl }: BackendContext, mtu: number): { tun: Tun; file: TunFile } {
  for (let i = 0; i < MAX_TUNS; i++) {
    try {
      const tun = rtnl.linkAdd({ type: 'tun', name: `flannel${i}`, mtu });
      if (!(tun instanceof Tun)) throw new Error('not a TUN device');
      return { tun, file: tun.attach() };
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw new Error(`failed to open TUN device: ${errnoText(error)}`);
    }
  }
  throw new Error('failed to open TUN device: no free name');
}

/** configureIface: the address is a /32, so the route to the network is added by hand. */
function configureTun({ rtnl, conf }: BackendContext, tun: Tun, address: Ipv4): void {
  rtnl.addrAdd(tun.name, { addr: { addr: address, len: 32 } });
  rtnl.linkSet(tun.name, { up: true });
  try {
    rtnl.routeAdd({ dst: conf.network, dev: tun.name, scope: 0 });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw new Error(`failed to add route: ${errnoText(error)}`);
  }
}
