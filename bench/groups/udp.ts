// Small datagrams from pod to pod across nodes, as many as arrive, beside node:dgram between two processes on loopback.
import { BaselineProcess } from '../baseline-process.ts';
import type { Counted } from '../baselines/messages.ts';
import { clusterFor, cpuOf, pods } from '../clusters.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const ROW = 'udp 64 bytes vxlan vs node:dgram';
const SIZE = 64;
const SECONDS = 1;
/** Until what is under way has arrived, in milliseconds. */
const TAIL = 100;

const rows: readonly Row[] = [
  {
    name: ROW,
    unit: 'packets/s',
    better: 'higher',
    must: 1.5,
    aim: 4,
    about: 'iperf3 -u -b 0 -l 64 from pod to pod across nodes: what the server received',
    against: 'node:dgram between two processes on loopback: what the receiver received',
  },
];

interface Report {
  readonly end: { readonly sum_received: { readonly packets: number; readonly seconds: number } };
}

async function run(bench: Bench): Promise<void> {
  const [receiver, sender] = [await BaselineProcess.for(bench), await BaselineProcess.for(bench)];
  const baseline = async (): Promise<{ value: number; cpu: number }> => {
    const port = await receiver.ask<number>({ op: 'udp-receive' });
    const sent = await sender.ask<Counted>({ op: 'udp-send', port, size: SIZE, ms: SECONDS * 1000 });
    await new Promise((resolve) => setTimeout(resolve, TAIL));
    const got = await receiver.ask<Counted>({ op: 'udp-count' });
    return { value: (got.packets / got.ms) * 1000, cpu: ((sent.cpuMs + got.cpuMs) * 1e6) / got.packets };
  };
  const cluster = await clusterFor(bench, { nodes: 2, network: { backend: 'vxlan' } });
  const nodes = cluster.spec.nodes.map((n) => n.name);
  await pods(cluster, [
    { name: 'client', node: nodes[0]! },
    { name: 'server', node: nodes[1]!, image: 'iperf3', args: ['-s'] },
  ]);
  const to = await cluster.address('pod/server');
  const ours = async (): Promise<{ value: number; cpu: number }> => {
    const before = await cpuOf(cluster, nodes);
    const { code, stdout, stderr } = await cluster.exec(
      'pod/client',
      ['iperf3', '-u', '-b', '0', '-l', String(SIZE), '-t', String(SECONDS), '-c', to, '-J'],
      { timeout: SECONDS * 1000 + 10_000 },
    );
    const cpu = (await cpuOf(cluster, nodes)) - before;
    if (code !== 0) throw new Error(`iperf3 ended with ${code}: ${stderr.trim()}`);
    const { packets, seconds } = (JSON.parse(stdout) as Report).end.sum_received;
    return { value: packets / seconds, cpu: (cpu * 1e6) / packets };
  };
  for (let i = 0; i < 3; i++) await ours();
  await baseline();
  const pairs: Pair[] = [];
  for (let i = 0; i < bench.pairs; i++) {
    const a = await ours();
    const b = await baseline();
    pairs.push({ value: a.value, baseline: b.value, cpu: { value: a.cpu, baseline: b.cpu } });
  }
  bench.report(ROW, { pairs, cpuUnit: 'ns/packet' });
}

export const udp: Group = { name: 'udp', rows, limit: 45, run };
