// Bytes a second of one TCP connection from pod to pod on another node, in VXLAN mode, beside two processes that push
// 64 KiB WebSocket messages.
import { BaselineProcess } from '../baseline-process.ts';
import type { Received } from '../baselines/messages.ts';
import { clusterFor, pods, tcpFlow } from '../clusters.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const SECONDS = 1;
/** Seconds until V8 has compiled the path. */
const WARM = 5;
const GSO = 'tcp vxlan vs ws batches';
const MTU = 'tcp vxlan, every frame within MTU, vs ws batches';
const against = 'two processes, 64 KiB ws messages, server to client';

const rows: readonly Row[] = [
  {
    name: GSO,
    unit: 'bytes/s',
    better: 'higher',
    must: 0.3,
    aim: 0.6,
    usual: 3e9,
    about: 'iperf3 from pod to pod across nodes, super-segments on',
    against,
  },
  {
    name: MTU,
    unit: 'bytes/s',
    better: 'higher',
    must: 0.1,
    aim: 0.25,
    usual: 3e9,
    about: 'the same; both pods behind a veth that takes wire frames only',
    against,
  },
];

async function run(bench: Bench): Promise<void> {
  const sender = await BaselineProcess.for(bench);
  const receiver = await BaselineProcess.for(bench);
  const baseline = async () => {
    const before = await sender.cpu();
    const got = await receiver.ask<Received>({
      op: 'receive',
      url: sender.url,
      warm: 150,
      ms: SECONDS * 1000,
    });
    const cpu = (await sender.cpu()) - before + got.cpuMs;
    return { value: (got.bytes / got.ms) * 1000, cpu: (cpu * 1e6) / got.bytes };
  };
  const cluster = await clusterFor(bench, { nodes: 2, network: { backend: 'vxlan' } });
  const [n1, n2] = cluster.spec.nodes.map((n) => n.name) as [string, string];
  await pods(cluster, [
    { name: 'client', node: n1 },
    { name: 'server', node: n2, image: 'iperf3', args: ['-s'] },
  ]);
  const to = await cluster.address('pod/server');
  const ours = (seconds = SECONDS) => tcpFlow(cluster, { from: 'pod/client', to, nodes: [n1, n2], seconds });
  for (const row of [GSO, MTU]) {
    if (!bench.wanted(row)) continue;
    const wire = row === MTU;
    for (const pod of wire ? ['pod/client', 'pod/server'] : []) await cluster.impairPod(pod, { delay: 0 });
    await ours(WARM);
    await baseline();
    const pairs: Pair[] = [];
    for (let i = 0; i < bench.pairs; i++) {
      const a = await ours();
      const b = await baseline();
      pairs.push({
        value: a.bytesPerSecond,
        baseline: b.value,
        cpu: { value: a.cpuPerByte, baseline: b.cpu },
      });
    }
    bench.report(row, { pairs, cpuUnit: 'ns/byte' });
  }
}

export const throughput: Group = { name: 'throughput', rows, limit: 75, run };
