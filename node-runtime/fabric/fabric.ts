// The fabric process: what lies between the nodes. Switches of the underlay's segments, the router, the control plane's
// host and the hosts outside, each a namespace of one kernel; nodes hang on it by underlay links.

import type { Duplex } from 'node:stream';
import type { ExternalSpec } from '../../emulator/protocol/cluster.ts';
import { ProtocolError } from '../../emulator/protocol/errors.ts';
import type { Cabling, NodeConfig } from '../../emulator/protocol/records.ts';
import { createApiClient } from '../api-client/api-client.ts';
import { Console } from '../console.ts';
import { createKernel } from '../kernel/boot.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Netns } from '../kernel/netns/netns.ts';
import { inPrefix, parseIpv4, parsePrefix } from '../kernel/wire/addr.ts';
import { ContainerLog } from '../kubelet/container-log.ts';
import type { ContainerRuntime } from '../kubelet/runtime.ts';
import type { Machine, MachineOptions } from '../node.ts';
import { NodeFs } from '../node-fs.ts';
import { impairments } from '../supervision/impair.ts';
import { observe } from '../supervision/observe.ts';
import { Places } from '../supervision/places.ts';
import { FABRIC, Underlay } from '../underlay/underlay.ts';
import { startOutsideResolver } from '../workloads/dns/outside.ts';
import { createContainerRuntime, nodePlace } from '../workloads/runtime.ts';
import { Speaker } from './load-balancer.ts';
import { dialLoopback, startRelay } from './relay.ts';
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
  const router = addRouter(kernel, segments, outside);
  const controlPlane = addHost(first, 'control-plane', nth(first.net, 2));
  const runtime = createContainerRuntime({ kernel, shell: options.shell });
  const files = new NodeFs({ now: () => clock.epoch + clock.now() });
  for (const host of cluster.external) {
    const addr = parseIpv4(host.address);
    if (addr === undefined) throw new ProtocolError('E_CONFIG', `external ${host.name}: ${host.address}`);
    await startExternal(addHost(outside, host.name, addr), host, runtime, files);
  }
  // Nobody asks where the cluster has no DNS.
  const resolver = cluster.dns.enabled
    ? await startOutsideResolver({
        ns: controlPlane,
        external: cluster.external,
        upstream: cluster.dns.upstream,
        log: (line) => log.info({}, line),
      })
    : undefined;
  let { api } = config;
  const dial = options.dialApi ?? (() => dialLoopback(api.host ?? ''));
  const speaker = startSpeaker(config, router, dial, options);
  const relay = await startRelay({ ns: controlPlane, dial, log });

  const underlay = new Underlay(FABRIC, options.lines(kernel), kernel);
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
  // Any address outside can be asked to send: it becomes a host that runs nothing.
  places.made = (name) => {
    const addr = parseIpv4(name);
    return addr !== undefined && inPrefix(addr, OUTSIDE) ? addHost(outside, name, addr) : undefined;
  };
  observe({ supervision, kernel, places, links: () => underlay.lines.report() });
  supervision.on('cables', (request) => {
    patch(request.cabling);
    return null;
  });
  impairments(supervision, places);
  const console = new Console({
    kernel,
    supervision,
    places,
    shell: options.shell,
    node: nodePlace(kernel, files),
  });
  return {
    kernel,
    reconfigure(now, next) {
      api = now.api;
      patch(next);
    },
    async stop() {
      console.stop();
      speaker?.stop();
      relay.stop();
      resolver?.stop();
      for (const ns of [...kernel.namespaces.values()].reverse()) kernel.delNetns(ns);
      underlay.stop();
    },
  };
}

/** Routes load balancer addresses, in a cluster that has them. It is the provider's, so it does not use the cluster's own network. */
function startSpeaker(
  { cluster, api }: NodeConfig,
  router: Netns,
  connect: () => Duplex,
  { clock, log }: MachineOptions,
): { stop(): void } | undefined {
  if (cluster.runtime !== 'kubernetes' || cluster.proxy.mode === 'none') return undefined;
  const daemon = log.child({ daemon: 'load-balancer' });
  const random = router.kernel.dice.stream('api load-balancer');
  const client = createApiClient({
    connect,
    token: api.token,
    clock,
    log: daemon,
    random: () => random.float(),
    userAgent: 'load-balancer',
  });
  const nodes = new Map(cluster.nodes.map((n) => [n.name, n.address]));
  const speaker = new Speaker({ api: client, router, nodes, log: daemon });
  return {
    stop() {
      speaker.stop();
      client.stop();
    },
  };
}

/** What runs on a host outside: an image, as in a container that has the whole machine. */
async function startExternal(
  ns: Netns,
  host: ExternalSpec,
  runtime: ContainerRuntime,
  nodeFs: NodeFs,
): Promise<void> {
  const { epoch } = ns.kernel.clock;
  const started = runtime.start({
    id: host.name,
    name: host.name,
    pod: undefined,
    image: host.image,
    command: [],
    args: host.image.includes('agnhost') ? ['netexec'] : [],
    env: {},
    workingDir: undefined,
    ports: [],
    netns: ns,
    hostNetwork: false,
    hostname: host.name,
    nodeFs,
    mounts: [],
    stdin: false,
    tty: false,
    log: new ContainerLog(() => epoch + ns.kernel.clock.now()),
  });
  await started.ready;
}
