// What a user should see when comparing: UDP mode and host-gw with VXLAN, and a node's own namespace with pods. Reports; nothing
// here has a bound.
import type { Cluster } from '../../emulator/client.ts';
import { clusterFor, pings, pods, tcpFlow } from '../clusters.ts';
import { median } from '../pairs.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const SECONDS = 0.7;
const PINGS = 40;
const BACKENDS = ['host-gw', 'udp'] as const;
const tcpRow = (what: string, than: string): Row => ({
  name: `tcp ${what} vs ${than}`,
  unit: 'bytes/s',
  better: 'higher',
  about: `iperf3, ${what}`,
  against: `iperf3, ${than}`,
});
const pingRow = (what: string, than: string): Row => ({
  name: `ping ${what} vs ${than}`,
  unit: 'ms',
  better: 'lower',
  about: `median round trip, ${what}`,
  against: `median round trip, ${than}`,
});
const HOST = ['host network', 'pod network, one node'] as const;
const rows: readonly Row[] = [
  ...BACKENDS.flatMap((b) => [tcpRow(b, 'vxlan'), pingRow(b, 'vxlan')]),
  tcpRow(...HOST),
  pingRow(...HOST),
];

interface Path {
  readonly cluster: Cluster;
  readonly from: string;
  readonly to: string;
  readonly nodes: readonly string[];
}

async function acrossNodes(bench: Bench, backend: string): Promise<Path> {
  const cluster = await clusterFor(bench, { nodes: 2, network: { backend } });
  const nodes = cluster.spec.nodes.map((n) => n.name);
  await pods(cluster, [
    { name: 'client', node: nodes[0]! },
    { name: 'server', node: nodes[1]!, image: 'iperf3', args: ['-s'] },
  ]);
  return { cluster, from: 'pod/client', to: await cluster.address('pod/server'), nodes };
}

async function oneNode(bench: Bench): Promise<readonly [host: Path, pod: Path]> {
  const cluster = await clusterFor(bench, { nodes: 1 });
  const nodes = cluster.spec.nodes.map((n) => n.name);
  const node = nodes[0]!;
  await pods(cluster, [
    { name: 'client', node },
    { name: 'server', node, image: 'iperf3', args: ['-s'] },
    { name: 'host-client', node, hostNetwork: true },
    { name: 'host-server', node, hostNetwork: true, image: 'iperf3', args: ['-s'] },
  ]);
  const path = async (prefix: string): Promise<Path> => ({
    cluster,
    from: `pod/${prefix}client`,
    to: await cluster.address(`pod/${prefix}server`),
    nodes,
  });
  return [await path('host-'), await path('')];
}

/** A path's two rows beside another's. */
async function compare(
  bench: Bench,
  { name: tcp }: Row,
  { name: ping }: Row,
  ours: Path,
  theirs: Path,
  note?: string,
): Promise<void> {
  const more = note === undefined ? {} : { note };
  if (bench.wanted(tcp)) {
    const flow = (path: Path, seconds = SECONDS) => tcpFlow(path.cluster, { ...path, seconds });
    for (const path of [ours, theirs]) await flow(path, 3);
    const pairs: Pair[] = [];
    for (let i = 0; i < bench.pairs; i++) {
      const a = await flow(ours);
      const b = await flow(theirs);
      pairs.push({
        value: a.bytesPerSecond,
        baseline: b.bytesPerSecond,
        cpu: { value: a.cpuPerByte, baseline: b.cpuPerByte },
      });
    }
    bench.report(tcp, { pairs, cpuUnit: 'ns/byte', ...more });
  }
  if (bench.wanted(ping)) {
    const pairs: Pair[] = [];
    const times = async (path: Path): Promise<number> =>
      median(await pings(path.cluster, { ...path, count: PINGS, interval: 5 }));
    for (const path of [ours, theirs]) await times(path);
    for (let i = 0; i < bench.pairs; i++)
      pairs.push({ value: await times(ours), baseline: await times(theirs) });
    bench.report(ping, { pairs, ...more });
  }
}

async function run(bench: Bench): Promise<void> {
  const wanted = (of: readonly Row[]): boolean => of.some((row) => bench.wanted(row.name));
  const of = (i: number): readonly [Row, Row] => [rows[i]!, rows[i + 1]!];
  if (wanted(rows.slice(0, 4))) {
    const vxlan = await acrossNodes(bench, 'vxlan');
    for (const [i, backend] of BACKENDS.entries()) {
      const [tcp, ping] = of(2 * i);
      if (!wanted([tcp, ping])) continue;
      const path = await acrossNodes(bench, backend);
      const { crossings } = await path.cluster.trace(path.from, { address: path.to });
      const note =
        crossings > 0
          ? `a traced ping and its reply cross between kernel and flanneld ${crossings} times`
          : undefined;
      await compare(bench, tcp, ping, path, vxlan, note);
    }
  }
  const [tcp, ping] = of(4);
  if (wanted([tcp, ping])) {
    const [host, pod] = await oneNode(bench);
    await compare(bench, tcp, ping, host, pod);
  }
}

export const modes: Group = { name: 'modes', rows, limit: 110, run };
