// The fabric process: what lies between the nodes. Switches of the underlay's segments, the router, the control plane's
// host and the hosts outside, each a namespace of one kernel; nodes hang on it by underlay links.
import { ProtocolError } from '../../emulator/protocol/errors.ts';
import type { Cabling, NodeConfig } from '../../emulator/protocol/records.ts';
import { createKernel } from '../kernel/boot.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import { parseIpv4, parsePrefix } from '../kernel/wire/addr.ts';
import type { Machine, MachineOptions } from '../node.ts';
import { observe } from '../supervision/observe.ts';
import { Places } from '../supervision/places.ts';
import { FABRIC, Underlay } from '../underlay/underlay.ts';
import { addHost, addPort, addRouter, addSwitch, nth, OUTSIDE, type Switch, segmentNetns } from './wiring.ts';

export async function startFabric(
  config: NodeConfig,
  cabling: Cabling,
  options: MachineOptions,
): Promise<Machine> {
  const { clock, supervision, log } = options;
  const { cluster } = config;
  const kernel = createKernel({
    hostname: FABRIC,
    clock,
    seed: cluster.seed,
    log: log.child({ daemon: 'kernel' }),
  });
  const switches = new Map<string, Switch>();
  for (const segment of cluster.segments) {
    const net = parsePrefix(segment.cidr);
    if (net === undefined) throw new ProtocolError('E_CONFIG', `segment ${segment.name}: ${segment.cidr}`);
    switches.set(segment.name, addSwitch(kernel, segmentNetns(segment), net, segment.mtu));
  }
  const segments = [...switches.values()];
  const first = segments[0];
  if (first === undefined) throw new ProtocolError('E_CONFIG', 'a cluster needs a segment');
  const outside = addSwitch(kernel, 'outside', OUTSIDE, 1500);
  addRouter(kernel, segments, outside);
  const controlPlane = addHost(first, 'control-plane', nth(first.net, 2));
  for (const host of cluster.external) {
    const addr = parseIpv4(host.address);
    if (addr === undefined) throw new ProtocolError('E_CONFIG', `external ${host.name}: ${host.address}`);
    addHost(outside, host.name, addr);
  }

  const underlay = new Underlay(FABRIC, options.lines(kernel));
  const ports = new Map<string, NetDevice>();
  /** A port for each node on its segment; those of nodes that are no more are taken out. */
  const patch = (next: Cabling): void => {
    underlay.setCabling(next);
    for (const { segment, peer } of next.plugs) {
      const to = switches.get(segment);
      if (to !== undefined && !ports.has(peer)) ports.set(peer, addPort(to, peer, underlay.port(peer)));
    }
    for (const [peer, port] of ports) {
      if (next.plugs.some((plug) => plug.peer === peer)) continue;
      port.ns.unregister(port);
      ports.delete(peer);
    }
  };
  patch(cabling);
  const places = new Places(kernel);
  observe({ supervision, kernel, places, links: () => underlay.lines.report() });
  supervision.on('cables', (request) => {
    patch(request.cabling);
    return null;
  });
  void controlPlane;
  return {
    kernel,
    reconfigure: (_, next) => patch(next),
    async stop() {
      for (const ns of [...kernel.namespaces.values()].reverse()) kernel.delNetns(ns);
      underlay.stop();
    },
  };
}
