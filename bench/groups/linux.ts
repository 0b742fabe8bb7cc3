// TCP across two nodes in VXLAN mode beside Linux's own VXLAN between network namespaces of this machine, with super-segments
// and with one frame per packet. Where there is no root, or a tool is missing, the rows are skipped.
import { clusterFor, pods, tcpFlow } from '../clusters.ts';
import { buildLab, flow, missing, removeLab, setOffload } from '../linux-lab.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const SECONDS = 1;
const WARM = 5;
const ON = 'tcp vxlan vs Linux, offload on';
const OFF = 'tcp vxlan, every frame within MTU, vs Linux, offload off';

const rows: readonly Row[] = [
  {
    name: ON,
    unit: 'bytes/s',
    better: 'higher',
    must: 0.7,
    aim: 2,
    about: 'iperf3 from pod to pod across nodes, super-segments on',
    against:
      'iperf3 between two network namespaces over Linux’s VXLAN, bridge and flannel’s rules, offloads on',
  },
  {
    name: OFF,
    unit: 'bytes/s',
    better: 'higher',
    must: 2,
    aim: 4,
    about: 'the same; both pods behind a veth that takes wire frames only',
    against: 'the same with tso, gso, gro and tx checksums off on every device',
  },
];

async function run(bench: Bench): Promise<void> {
  const lacking = missing();
  if (lacking !== undefined) {
    for (const { name } of rows) bench.skip(name, lacking);
    return;
  }
  bench.defer(removeLab);
  buildLab();
  const cluster = await clusterFor(bench, { nodes: 2, network: { backend: 'vxlan' } });
  const [n1, n2] = cluster.spec.nodes.map((n) => n.name) as [string, string];
  await pods(cluster, [
    { name: 'client', node: n1 },
    { name: 'server', node: n2, image: 'iperf3', args: ['-s'] },
  ]);
  const to = await cluster.address('pod/server');
  const ours = (seconds = SECONDS) => tcpFlow(cluster, { from: 'pod/client', to, nodes: [n1, n2], seconds });
  for (const row of [ON, OFF]) {
    if (!bench.wanted(row)) continue;
    setOffload(row === ON);
    if (row === OFF)
      for (const pod of ['pod/client', 'pod/server']) await cluster.impairPod(pod, { delay: 0 });
    await ours(WARM);
    await flow(1);
    const pairs: Pair[] = [];
    for (let i = 0; i < bench.pairs; i++) {
      const a = await ours();
      pairs.push({ value: a.bytesPerSecond, baseline: await flow(SECONDS) });
    }
    bench.report(row, { pairs });
  }
}

export const linux: Group = { name: 'linux', rows, limit: 75, run, cleanUp: removeLab };
