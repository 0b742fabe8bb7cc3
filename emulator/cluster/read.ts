// A cluster file: what may stand in it, what it means when it is not there, and which of it cannot work. What comes out
// is complete and consistent, so that no process started from it has to doubt it.

import type { Reader } from '../input/reader.ts';
import type {
  ClusterSpec,
  ExternalSpec,
  NetworkSpec,
  NodeSpec,
  SegmentSpec,
  TimingSpec,
} from '../protocol/cluster.ts';
import { contains, formatAddress, overlap, parseAddress, parseRange, type Range } from './prefix.ts';
import { readNodeProxy, readProxy } from './proxy.ts';

export const API_VERSION = 'podwire.dev/v1alpha1';
/** The network behind the router: external hosts live there. */
export const OUTSIDE = '203.0.113.0/24';
/** Load balancer addresses, behind the router too. */
const POOL = '198.51.100.0/24';

/** Bytes that each back end puts around a packet. */
const OVERHEAD = { vxlan: 50, udp: 28, 'host-gw': 0, none: 0 } as const;
/** RFC 791: every module must forward 68 octets; IPv4 needs 576 to be useful, and that is what flannel's MTU must leave. */
const MIN_MTU = 576;

const FIELDS = [
  'name',
  'nodes',
  'runtime',
  'segments',
  'podCIDR',
  'serviceCIDR',
  'nodeCIDRMaskSize',
  'network',
  'proxy',
  'loadBalancer',
  'dns',
  'external',
  'seed',
  'timing',
  'placement',
  'virtualTime',
  'allowUnenforced',
] as const;

export interface ClusterOverrides {
  readonly name?: string;
  readonly nodes?: number;
  readonly backend?: NetworkSpec['backend'];
  readonly placement?: ClusterSpec['placement'];
  readonly virtualTime?: boolean;
  readonly seed?: number;
}

/** Reads the fields of a cluster; `kind: Cluster` files (with their `header` fields) and `cluster:` in a scenario have the same. */
export function readCluster(
  at: Reader,
  overrides: ClusterOverrides = {},
  header: readonly string[] = [],
): ClusterSpec {
  const f: Record<(typeof FIELDS)[number], Reader> = at.fields([...FIELDS, ...header]);
  const runtime = f.runtime.or('kubernetes', (r) => r.choice(['kubernetes', 'docker']));
  const podCIDR = readRange(f.podCIDR, '10.244.0.0/16');
  const serviceCIDR = readRange(f.serviceCIDR, '10.96.0.0/16');
  const nodeCIDRMaskSize = f.nodeCIDRMaskSize.or(24, (r) => r.integer(8, 30));
  const segments = readSegments(f.segments);
  const pool = readPool(f.loadBalancer);
  checkOverlaps([
    [f.loadBalancer.absent ? at : f.loadBalancer, 'the load balancer pool', parseRange(pool)!],
    [f.podCIDR, 'podCIDR', podCIDR],
    [f.serviceCIDR, 'serviceCIDR', serviceCIDR],
    ...segments.map((s) => [f.segments, `segment ${s.name}`, parseRange(s.cidr)!] as const),
    [f.external.absent ? at : f.external, 'the outside network', parseRange(OUTSIDE)!],
  ]);
  const network = readNetwork(f.network, segments, overrides.backend, runtime);
  const nodes = readNodes(f.nodes, segments, network, overrides.nodes);
  checkNodeRanges(f, podCIDR, nodeCIDRMaskSize, nodes.length);
  const placement =
    overrides.placement ?? f.placement.or('process', (r) => r.choice(['process', 'thread', 'inline']));
  const virtualTime = overrides.virtualTime ?? f.virtualTime.or(false, (r) => r.boolean());
  if (virtualTime && placement !== 'inline')
    f.virtualTime.fail(
      `virtual time needs all nodes in one process, and placement is ${placement}`,
      'set placement: inline',
    );
  return {
    name: overrides.name ?? f.name.or('podwire', readName),
    runtime,
    nodes,
    segments,
    podCIDR: f.podCIDR.or('10.244.0.0/16', (r) => r.text()),
    serviceCIDR: f.serviceCIDR.or('10.96.0.0/16', (r) => r.text()),
    nodeCIDRMaskSize,
    network,
    proxy: readProxy(
      f.proxy,
      f.podCIDR.or('10.244.0.0/16', (r) => r.text()),
    ),
    loadBalancer: { pool },
    dns: readDns(f.dns),
    external: f.external.or([], readExternal),
    seed: overrides.seed ?? f.seed.or(1, (r) => r.integer(0, 0xffff_ffff)),
    timing: readTiming(f.timing),
    placement,
    virtualTime,
    allowUnenforced: f.allowUnenforced.or(false, (r) => r.boolean()),
  };
}

/** A DNS label: names of clusters, nodes, segments and hosts. */
function readName(at: Reader): string {
  const name = at.text();
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
    at.fail(
      `"${name}" is no DNS label`,
      'use lower-case letters, digits and "-", at most 63, beginning and ending with a letter or digit',
    );
  return name;
}

function readRange(at: Reader, fallback: string): Range {
  if (at.absent) return parseRange(fallback)!;
  const text = at.text();
  if (text.includes(':') || text.includes(','))
    at.fail(
      `"${text}" is an IPv6 or dual-stack range, and Podwire is IPv4 only so far`,
      `write one IPv4 range, as ${fallback}`,
    );
  const range = parseRange(text);
  if (range !== undefined) return range;
  const address = parseAddress(text.split('/')[0] ?? '');
  const bits = Number(text.split('/')[1]);
  if (address !== undefined && bits >= 0 && bits <= 32)
    at.fail(
      `"${text}" has host bits set`,
      `write ${formatAddress(address - (address % 2 ** (32 - bits)))}/${bits}`,
    );
  return at.fail(`"${text}" is no IPv4 range`, `write an address and a prefix length, as ${fallback}`);
}

function readSegments(at: Reader): SegmentSpec[] {
  const segments = at.or([{ name: 'lan', cidr: '192.168.100.0/24', mtu: 1500 }], (list) =>
    list.list((item) => {
      const f = item.fields(['name', 'cidr', 'mtu']);
      const range = readRange(
        f.cidr.absent ? f.cidr.fail('is missing', 'give the segment a range, as 192.168.100.0/24') : f.cidr,
        '',
      );
      if (range.bits > 28)
        f.cidr.fail('is too small for a router, a control plane and nodes', 'use a /28 or larger');
      return {
        name: readName(f.name),
        cidr: f.cidr.text(),
        mtu: f.mtu.or(1500, (r) => r.integer(MIN_MTU, 65_535)),
      };
    }),
  );
  if (segments.length === 0) at.fail('is empty', 'name at least one segment, or leave the field out');
  unique(
    at,
    'segment',
    segments.map((s) => s.name),
  );
  return segments;
}

function readNetwork(
  at: Reader,
  segments: readonly SegmentSpec[],
  override: NetworkSpec['backend'] | undefined,
  runtime: string,
): NetworkSpec {
  const f = at.or(undefined, (r) =>
    r.fields(['backend', 'mtu', 'vni', 'port', 'directRouting', 'bridge', 'hairpin']),
  );
  const backend =
    override ??
    f?.backend.or(undefined, (r) => r.choice(['vxlan', 'udp', 'host-gw', 'none'])) ??
    (runtime === 'docker' ? 'none' : 'vxlan');
  const underlay = Math.min(...segments.map((s) => s.mtu));
  const mtu = f?.mtu.optional((r) => r.integer(68, 65_535));
  if (mtu !== undefined && mtu + OVERHEAD[backend] > underlay)
    f!.mtu.fail(
      `${mtu} does not fit: ${backend} adds ${OVERHEAD[backend]} bytes and the underlay carries ${underlay}`,
      `use at most ${underlay - OVERHEAD[backend]}, or leave it out`,
    );
  if (mtu !== undefined && mtu < MIN_MTU)
    f!.mtu.fail(`${mtu} is below what IPv4 hosts must accept`, `use at least ${MIN_MTU}`);
  if (underlay - OVERHEAD[backend] < MIN_MTU)
    at.fail(
      `an underlay of ${underlay} bytes cannot hold ${backend}'s ${OVERHEAD[backend]} bytes and a packet of ${MIN_MTU}`,
      'raise the segment’s mtu',
    );
  return {
    backend,
    mtu,
    vni: f?.vni.optional((r) => r.integer(1, 0xff_ffff)) ?? 1,
    port: f?.port.optional((r) => r.integer(1, 65_535)) ?? (backend === 'udp' ? 8285 : 8472),
    directRouting: f?.directRouting.optional((r) => r.boolean()) ?? false,
    bridge: f?.bridge.optional((r) => r.choice(['cni0', 'cbr0'])) ?? 'cni0',
    hairpin: f?.hairpin.optional((r) => r.boolean()) ?? true,
  };
}

const NODE_FIELDS = [
  'name',
  'segment',
  'address',
  'mac',
  'labels',
  'sysctls',
  'quirks',
  'network',
  'proxy',
  'without',
  'docker',
] as const;

function readNodes(
  at: Reader,
  segments: readonly SegmentSpec[],
  cluster: NetworkSpec,
  override: number | undefined,
): NodeSpec[] {
  if (override !== undefined && (override < 1 || override > 5000))
    at.fail(`${override} nodes are out of range`, 'use 1 to 5000');
  const count = override ?? (at.absent ? 3 : at.isNumber ? at.integer(1, 5000) : undefined);
  const next = new Map(segments.map((s) => [s.name, parseRange(s.cidr)!.first + 11]));
  const take = (where: Reader, segment: SegmentSpec): string => {
    const address = next.get(segment.name)!;
    if (address >= parseRange(segment.cidr)!.last)
      where.fail(
        `segment ${segment.name} (${segment.cidr}) has no address left`,
        'use a larger range, or another segment',
      );
    next.set(segment.name, address + 1);
    return formatAddress(address);
  };
  const plain = (name: string, segment: SegmentSpec, address: string): NodeSpec => ({
    name,
    segment: segment.name,
    address,
    mac: macOf(address),
    labels: {},
    sysctls: {},
    quirks: [],
    network: {},
    proxy: {},
    without: [],
    docker: {},
  });
  if (count !== undefined)
    return Array.from({ length: count }, (_, i) => plain(`n${i + 1}`, segments[0]!, take(at, segments[0]!)));
  const nodes = at.list((item) => {
    if (item.isString) return plain(readName(item), segments[0]!, take(item, segments[0]!));
    const f = item.fields(NODE_FIELDS);
    const name = readName(f.name);
    const segment = f.segment.or(
      segments[0]!,
      (r) =>
        segments.find((s) => s.name === r.text()) ??
        r.fail(`no segment "${r.text()}"`, `use one of ${segments.map((s) => s.name).join(', ')}`),
    );
    const address =
      f.address.or(undefined, (r) => {
        const text = r.text();
        const n = parseAddress(text);
        const range = parseRange(segment.cidr)!;
        if (n === undefined || !contains(range, n))
          return r.fail(
            `"${text}" is not in segment ${segment.name} (${segment.cidr})`,
            'use an address of it',
          );
        if (n - range.first < 3 || n === range.last)
          return r.fail(
            `${text} is the network, router, control plane or broadcast address`,
            'use the fourth address or a later one',
          );
        return text;
      }) ?? take(f.segment.absent ? item : f.segment, segment);
    return {
      ...plain(name, segment, address),
      mac: f.mac.or(macOf(address), (r) =>
        /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(r.text()) && !(Number.parseInt(r.text().slice(0, 2), 16) & 1)
          ? r.text()
          : r.fail(
              `"${r.text()}" is no unicast MAC address`,
              'write six pairs of lower-case hexadecimal digits, as 02:00:c0:a8:64:0b',
            ),
      ),
      labels: f.labels.or({}, readTexts),
      sysctls: f.sysctls.or({}, readTexts),
      quirks: f.quirks.or([], (r) =>
        r.list((q) => q.choice(['ct-race', 'vxlan-csum-bug', 'ipvs-conn-reuse'])),
      ),
      network: f.network.or({}, (r) => readNodeNetwork(r, cluster)),
      proxy: f.proxy.or({}, readNodeProxy),
      without: f.without.or([], (r) => r.list((d) => d.choice(['flanneld', 'kubelet', 'kube-proxy']))),
      docker: f.docker.or({}, readScalars),
    };
  });
  if (nodes.length === 0) at.fail('is empty', 'name at least one node, or write how many');
  unique(
    at,
    'node',
    nodes.map((n) => n.name),
  );
  unique(
    at,
    'address',
    nodes.map((n) => n.address),
  );
  return nodes;
}

/** What a node may have otherwise than its cluster, to show what then goes wrong. */
function readNodeNetwork(at: Reader, cluster: NetworkSpec): Partial<NetworkSpec> {
  const f = at.fields(['vni', 'port', 'mtu', 'backend', 'hairpin']);
  const out: { -readonly [K in keyof NetworkSpec]?: NetworkSpec[K] } = {};
  if (!f.vni.absent) out.vni = f.vni.integer(1, 0xff_ffff);
  if (!f.port.absent) out.port = f.port.integer(1, 65_535);
  if (!f.mtu.absent) out.mtu = f.mtu.integer(MIN_MTU, 65_535);
  if (!f.backend.absent) out.backend = f.backend.choice(['vxlan', 'udp', 'host-gw', 'none']);
  if (!f.hairpin.absent) out.hairpin = f.hairpin.boolean();
  if (out.vni !== undefined && cluster.backend !== 'vxlan' && out.backend !== 'vxlan')
    f.vni.fail(`has no meaning with ${cluster.backend}`, 'leave it out, or use vxlan');
  return out;
}

const macOf = (address: string): string =>
  `02:00:${address
    .split('.')
    .map((o) => Number(o).toString(16).padStart(2, '0'))
    .join(':')}`;

function checkOverlaps(ranges: readonly (readonly [Reader, string, Range])[]): void {
  for (const [i, [at, name, range]] of ranges.entries())
    for (const [, otherName, other] of ranges.slice(0, i))
      if (overlap(range, other))
        at.fail(`${name} overlaps ${otherName}`, 'choose ranges that have no address in common');
}

function checkNodeRanges(
  f: Record<'podCIDR' | 'nodeCIDRMaskSize', Reader>,
  pods: Range,
  maskSize: number,
  nodes: number,
): void {
  if (maskSize <= pods.bits)
    f.nodeCIDRMaskSize.fail(
      `a node's /${maskSize} does not fit into podCIDR's /${pods.bits}`,
      `use more than ${pods.bits}`,
    );
  const room = 2 ** (maskSize - pods.bits);
  if (nodes > room)
    f.podCIDR.fail(
      `has room for ${room} nodes of a /${maskSize} each, and there are ${nodes}`,
      'use a larger podCIDR or a larger nodeCIDRMaskSize',
    );
}

const readTexts = (at: Reader): Record<string, string> =>
  Object.fromEntries(at.entries().map(([k, v]) => [k, v.text()]));
function readScalars(at: Reader): Record<string, string | number | boolean> {
  return Object.fromEntries(
    at.entries().map(([k, v]) => {
      const value = v.value();
      if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
        return v.fail('must be a single value', 'write text, a number, true or false');
      return [k, value];
    }),
  );
}

/** RFC 5737's second range for documentation, unless told otherwise. */
function readPool(at: Reader): string {
  const f = at.or(undefined, (r) => r.fields(['pool']));
  const range = readRange(f === undefined ? at : f.pool, POOL);
  if (range.bits > 30) (f?.pool ?? at).fail('has no address to give away', 'use a /30 or larger');
  return `${formatAddress(range.first)}/${range.bits}`;
}

function readDns(at: Reader): ClusterSpec['dns'] {
  if (at.absent) return { enabled: false, domain: 'cluster.local', replicas: 2, upstream: 'emulated' };
  const f = at.fields(['domain', 'replicas', 'upstream']);
  return {
    enabled: true,
    replicas: f.replicas.or(2, (r) => r.integer(0, 20)),
    domain: f.domain.or('cluster.local', (r) => r.text()),
    upstream: f.upstream.or('emulated', (r) => r.choice(['emulated', 'host'])),
  };
}

function readExternal(at: Reader): ExternalSpec[] {
  const range = parseRange(OUTSIDE)!;
  let next = range.first + 10;
  const hosts = at.list((item) => {
    const f = item.fields(['name', 'address', 'image', 'hostnames']);
    const address = f.address.or(undefined, (r) => {
      const n = parseAddress(r.text());
      return n !== undefined && contains(range, n) && n > range.first + 1 && n < range.last
        ? r.text()
        : r.fail(
            `"${r.text()}" is not on the outside network`,
            `use an address of ${OUTSIDE} from ${formatAddress(range.first + 2)} on`,
          );
    });
    return {
      name: readName(f.name),
      address: address ?? formatAddress(next++),
      image: f.image.or('agnhost', (r) => r.text()),
      hostnames: f.hostnames.or([], (r) => r.list((h) => h.text())),
    };
  });
  unique(
    at,
    'external host',
    hosts.map((h) => h.name),
  );
  unique(
    at,
    'address',
    hosts.map((h) => h.address),
  );
  return hosts;
}

function readTiming(at: Reader): TimingSpec {
  const f = at.or(undefined, (r) =>
    r.fields(['nodeLeaseRenew', 'nodeMonitorPeriod', 'nodeMonitorGrace', 'podEvictionTimeout']),
  );
  const spec = {
    nodeLeaseRenew: f?.nodeLeaseRenew.optional((r) => r.duration()) ?? 10_000,
    nodeMonitorPeriod: f?.nodeMonitorPeriod.optional((r) => r.duration()) ?? 5000,
    nodeMonitorGrace: f?.nodeMonitorGrace.optional((r) => r.duration()) ?? 50_000,
    podEvictionTimeout: f?.podEvictionTimeout.optional((r) => r.duration()) ?? 300_000,
  };
  if (spec.nodeMonitorGrace <= spec.nodeLeaseRenew)
    (f?.nodeMonitorGrace.absent === false ? f.nodeMonitorGrace : at).fail(
      `the grace time (${spec.nodeMonitorGrace} ms) is not longer than a heartbeat (${spec.nodeLeaseRenew} ms): healthy nodes would be called dead`,
      'make nodeMonitorGrace several times nodeLeaseRenew',
    );
  return spec;
}

function unique(at: Reader, what: string, values: readonly string[]): void {
  const twice = values.find((v, i) => values.indexOf(v) !== i);
  if (twice !== undefined) at.fail(`${what} "${twice}" stands twice`, 'give each its own');
}
