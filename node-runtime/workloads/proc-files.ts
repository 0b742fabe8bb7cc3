// /proc/net and /proc/sys/net of a namespace, as files that are made when they are read.
import { conntrack } from '../kernel/netfilter/conntrack/conntrack.ts';
import { procText } from '../kernel/netfilter/conntrack/print.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { procDev } from '../kernel/procfs/devices.ts';
import { procArp, procRoute } from '../kernel/procfs/ip-route.ts';
import { procSnmp } from '../kernel/procfs/snmp.ts';
import { procSockets } from '../kernel/procfs/sockets.ts';
import type { ContainerFs } from './container-fs.ts';

export function generateProc(fs: ContainerFs, ns: Netns): void {
  fs.generate('/proc/net/dev', () => procDev(ns));
  fs.generate('/proc/net/arp', () => procArp(ns));
  fs.generate('/proc/net/route', () => procRoute(ns));
  fs.generate('/proc/net/tcp', () => procSockets(ns, 'tcp'));
  fs.generate('/proc/net/udp', () => procSockets(ns, 'udp'));
  fs.generate('/proc/net/raw', () => procSockets(ns, 'raw'));
  fs.generate('/proc/net/snmp', () => procSnmp(ns));
  fs.generate('/proc/net/nf_conntrack', () =>
    conntrack(ns)
      .list()
      .map((c) => `${procText(c)}\n`)
      .join(''),
  );
  for (const name of Object.keys(ns.sysctl.ipv4))
    fs.generate(`/proc/sys/net/ipv4/${name}`, () => `${ns.sysctl.read(`net.ipv4.${name}`)}\n`);
}
