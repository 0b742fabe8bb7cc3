// loopback: brings `lo` up in the container's namespace (containernetworking/plugins plugins/main/loopback). The kernel gives
// it 127.0.0.1/8 by itself then.

import type { NetDevice } from '../../kernel/netns/device.ts';
import { formatIpv4, formatMac } from '../../kernel/wire/addr.ts';
import type { CmdArgs, CniHost, Plugin } from '../plugin.ts';
import { emptyResult, parseResult } from '../result.ts';

export const loopback: Plugin = {
  type: 'loopback',
  versions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0'],

  add(args, host) {
    const lo = device(args, host);
    lo.ns.setUp(lo, true);
    if (args.conf.prevResult !== undefined) return parseResult(args.conf.prevResult, args.cniVersion);
    return {
      ...emptyResult(args.cniVersion),
      interfaces: [{ name: lo.name, mac: formatMac(lo.mac), sandbox: args.netns }],
      ips: lo.addrs.map((a) => ({ interface: 0, address: `${formatIpv4(a.addr)}/${a.prefixLen}` })),
    };
  },

  del(args, host) {
    const lo = host.netns(args.netns)?.device('lo');
    lo?.ns.setUp(lo, false);
  },

  check(args, host) {
    if (!device(args, host).up) throw new Error(`loopback interface is down`);
  },
};

function device(args: CmdArgs, host: CniHost): NetDevice {
  const lo = host.netns(args.netns)?.device('lo');
  if (lo === undefined)
    throw new Error(`failed to open netns ${JSON.stringify(args.netns)}: no such file or directory`);
  return lo;
}
