// Clusters of bare machines for tests of processes and links: nodes without daemons, so that nothing needs an API server.

import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { proxyDefaults } from '../../emulator/cluster/proxy.ts';
import type { ClusterSpec, NodeSpec } from '../../emulator/protocol/cluster.ts';
import type { InlineModule, InlineWorld } from '../../emulator/protocol/inline.ts';
import type { ProbeOutcome, ProbeRecord } from '../../emulator/protocol/records.ts';
import { inlinePlacement } from '../../emulator/supervisor/place-inline.ts';
import { processPlacement } from '../../emulator/supervisor/place-process.ts';
import { threadPlacement } from '../../emulator/supervisor/place-thread.ts';
import type { Placement } from '../../emulator/supervisor/placement.ts';
import type { Supervisor } from '../../emulator/supervisor/supervisor.ts';

/** The bundles under test; PODWIRE_DIST names others. */
const DIST = process.env['PODWIRE_DIST'] ?? resolve(import.meta.dirname, '../../dist');
export const ENTRY = resolve(DIST, 'node.js');
const INLINE = resolve(DIST, 'inline.cjs');
export const API = { underlay: '192.168.100.2:6443', host: '127.0.0.1:1', token: '' };

/** node-1 is 192.168.100.11; the second segment's nodes are named and numbered on. */
export function bareNode(n: number, segment: 'a' | 'b' = 'a', more: Partial<NodeSpec> = {}): NodeSpec {
  const host = 10 + n;
  const third = segment === 'a' ? 100 : 101;
  return {
    name: `node-${n}`,
    segment,
    address: `192.168.${third}.${host}`,
    mac: `02:00:c0:a8:${third.toString(16)}:${host.toString(16).padStart(2, '0')}`,
    labels: {},
    sysctls: {},
    quirks: [],
    network: {},
    proxy: {},
    without: ['flanneld', 'dockerd', 'kubelet'],
    docker: {},
    ...more,
  };
}

export function bareCluster(nodes: readonly NodeSpec[], more: Partial<ClusterSpec> = {}): ClusterSpec {
  return {
    name: 'bare',
    runtime: 'kubernetes',
    nodes,
    segments: [
      { name: 'a', cidr: '192.168.100.0/24', mtu: 1500 },
      { name: 'b', cidr: '192.168.101.0/24', mtu: 1500 },
    ],
    podCIDR: '10.244.0.0/16',
    serviceCIDR: '10.96.0.0/12',
    nodeCIDRMaskSize: 24,
    network: {
      backend: 'none',
      mtu: undefined,
      vni: 1,
      port: 8472,
      directRouting: false,
      bridge: 'cni0',
      hairpin: true,
    },
    proxy: { ...proxyDefaults('10.244.0.0/16'), mode: 'none' },
    loadBalancer: { pool: '198.51.100.0/24' },
    dns: { enabled: false, domain: 'cluster.local', replicas: 0, upstream: 'emulated' },
    external: [],
    seed: 1,
    timing: {
      nodeLeaseRenew: 10_000,
      nodeMonitorPeriod: 5000,
      nodeMonitorGrace: 40_000,
      podEvictionTimeout: 300_000,
    },
    placement: 'process',
    virtualTime: false,
    allowUnenforced: false,
    ...more,
  };
}

/** A placement, and how to let its time go by while something is awaited. */
export interface Place {
  readonly placement: Placement;
  readonly during: <T>(work: Promise<T>) => Promise<T>;
  readonly stop: () => void;
}
const plain = (placement: Placement): Place => ({ placement, during: (work) => work, stop() {} });

export const PLACES: Readonly<Record<'process' | 'thread' | 'inline' | 'inline, virtual time', () => Place>> =
  {
    process: () => plain(processPlacement({ entry: ENTRY })),
    thread: () => plain(threadPlacement({ entry: ENTRY })),
    inline: () => inline(false),
    'inline, virtual time': () => inline(true),
  };

function inline(virtualTime: boolean): Place {
  const { createWorld } = createRequire(import.meta.url)(INLINE) as InlineModule;
  const world: InlineWorld = createWorld({ virtualTime });
  return {
    placement: inlinePlacement(world),
    async during(work) {
      const done = world.wait();
      try {
        return await work;
      } finally {
        done();
      }
    },
    stop: () => world.stop(),
  };
}

let nextTrace = 1;
/** Pings from a node; one try, one second. */
export function ping(
  supervisor: Supervisor,
  from: string,
  dst: string,
  more: Partial<ProbeRecord> = {},
): Promise<ProbeOutcome> {
  const probe: ProbeRecord = {
    trace: nextTrace++,
    from: { kind: 'node' },
    dst,
    proto: 'icmp',
    size: 56,
    df: false,
    timeout: 1000,
    ...more,
  };
  return supervisor.member(from).request('trace', { probe });
}

/** Turns the event loop until `done` holds; the test's own limit ends a wait in vain. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5));
}
