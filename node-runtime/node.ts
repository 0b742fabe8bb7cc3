// A node: a machine with one NIC on an underlay segment, set up as an installer leaves one that is to run Kubernetes or
// Docker (forwarding on, bridged packets shown to iptables, default route to the segment's router), and its daemons
// started in order. Clock, lines, supervision and log are handed in: this is the same node in a process of its own, in
// a thread, and among a thousand in one process.
import type { Duplex } from 'node:stream';
import { ProtocolError } from '../emulator/protocol/errors.ts';
import type { Cabling, DiskFile, NodeConfig } from '../emulator/protocol/records.ts';
import { type DaemonStarter, Daemons } from './daemons.ts';
import { createKernel } from './kernel/boot.ts';
import type { Clock } from './kernel/clock/clock.ts';
import { Nic } from './kernel/netdev/nic.ts';
import type { Kernel } from './kernel/netns/kernel.ts';
import { rtnetlink } from './kernel/rtnetlink/rtnetlink.ts';
import {
  broadcastOf,
  inPrefix,
  ip4,
  network,
  parseIpv4,
  parseMac,
  parsePrefix,
  prefix,
} from './kernel/wire/addr.ts';
import type { RootLog } from './log.ts';
import { NodeFs } from './node-fs.ts';
import { nodeStarters } from './starters.ts';
import { supervisedDisk } from './supervision/disk.ts';
import { observe } from './supervision/observe.ts';
import { Places } from './supervision/places.ts';
import type { Supervision } from './supervision/supervision.ts';
import { type Lines, Underlay } from './underlay/underlay.ts';
import type { Shell } from './workloads/shell/shell.ts';

export interface MachineOptions {
  readonly clock: Clock;
  readonly supervision: Supervision;
  readonly log: RootLog;
  /** Makes the lines to the other processes, once there is a kernel to receive by them. */
  readonly lines: (kernel: Kernel) => Lines;
  readonly disk: readonly DiskFile[];
  /** Where scripts run; made at the first one. */
  readonly shell: Shell;
  readonly daemons?: readonly DaemonStarter[];
  /** For the fabric: opens a byte stream to the API server. */
  readonly dialApi?: () => Duplex;
}
/** A node or the fabric, running. */
export interface Machine {
  readonly kernel: Kernel;
  /** Brings what may have changed since it was started: where peers and the API are. */
  reconfigure(config: NodeConfig, cabling: Cabling): void;
  stop(): Promise<void>;
}

export async function startNode(
  config: NodeConfig,
  cabling: Cabling,
  options: MachineOptions,
): Promise<Machine> {
  const { clock, supervision, log } = options;
  const { node, cluster } = config;
  const segment = cluster.segments.find((s) => s.name === node?.segment);
  const net = parsePrefix(segment?.cidr ?? '');
  const addr = parseIpv4(node?.address ?? '');
  const mac = parseMac(node?.mac ?? '');
  if (
    node === undefined ||
    segment === undefined ||
    net === undefined ||
    addr === undefined ||
    mac === undefined
  )
    throw new ProtocolError('E_CONFIG', 'a node needs a segment, an address and a MAC');
  if (!inPrefix(addr, net)) throw new ProtocolError('E_CONFIG', `${node.address} is not in ${segment.cidr}`);

  const kernel = createKernel({
    hostname: node.name,
    clock,
    seed: cluster.seed,
    log: log.child({ daemon: 'kernel' }),
    quirks: node.quirks,
  });
  const ns = kernel.host;
  // net.bridge.* and net.ipv4.* as kubeadm's and Docker's preflight checks ask for them.
  ns.sysctl.write('net.ipv4.ip_forward', '1');
  ns.sysctl.write('net.bridge.bridge-nf-call-iptables', '1');
  const underlay = new Underlay(node.name, options.lines(kernel), kernel);
  underlay.setCabling(cabling);
  ns.register(new Nic(kernel, { name: 'eth0', mac, mtu: segment.mtu, cable: underlay.cable(segment.name) }));
  const rtnl = rtnetlink(ns);
  rtnl.linkSet('eth0', { up: true });
  rtnl.addrAdd('eth0', { addr: { addr, len: net.len }, broadcast: broadcastOf({ addr, len: net.len }) });
  // The router has the first address of each segment.
  rtnl.routeAdd({ dst: prefix('0.0.0.0/0'), via: ip4(network(net) + 1), dev: 'eth0' });
  for (const [name, value] of Object.entries(node.sysctls))
    if (!ns.sysctl.write(name, value)) throw new ProtocolError('E_CONFIG', `sysctl ${name} = ${value}`);

  const places = new Places(kernel);
  observe({ supervision, kernel, places, links: () => underlay.lines.report() });
  supervision.on('cables', ({ cabling }) => {
    underlay.setCabling(cabling);
    return null;
  });
  const disk = supervisedDisk(supervision, options.disk);
  const files = new NodeFs({ now: () => clock.epoch + clock.now(), disk });
  const daemons = new Daemons(
    { kernel, ns, api: config.api, config, node, files, log, supervision, places },
    options.daemons ?? nodeStarters(options.shell),
  );
  await daemons.startAll();
  return {
    kernel,
    reconfigure(_, next) {
      underlay.setCabling(next);
      disk.tellAll();
    },
    async stop() {
      await daemons.stopAll();
      for (const space of [...kernel.namespaces.values()].reverse()) kernel.delNetns(space);
      underlay.stop();
    },
  };
}
