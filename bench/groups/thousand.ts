// A thousand nodes in one process under the virtual clock, two pods on each, and a ping from every node's to the next's. The
// baselines are the bounds themselves: a minute, and 4 GB.
import { Cluster } from '../../emulator/client.ts';
import { type PodSpec, pods } from '../clusters.ts';
import type { Bench, Group, Row } from '../row.ts';

const MANY = 1000;
/** Tried first: what grows with the square of the nodes shows here. */
const FEW = 100;
const HUNDRED = '100 nodes inline: up and pinging';
const TIME = '1000 nodes inline: up and pinging';
const MEMORY = '1000 nodes inline: memory';

const rows: readonly Row[] = [
  {
    name: HUNDRED,
    unit: 's',
    better: 'lower',
    about:
      'a hundred nodes Ready, two pods on each Ready, every node’s first pod pings the next node’s second',
    against: 'one minute',
  },
  {
    name: TIME,
    unit: 's',
    better: 'lower',
    aim: 1,
    about:
      'a thousand nodes Ready, two pods on each Ready, every node’s first pod pings the next node’s second',
    against: 'one minute',
  },
  {
    name: MEMORY,
    unit: 'MB',
    better: 'lower',
    aim: 1,
    about: 'the most that this process, all thousand nodes in it, held',
    against: '4 GB',
  },
];

/** Seconds until `n` nodes were up and had pinged. */
async function grow(bench: Bench, n: number): Promise<number> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const cluster = await Cluster.start({
    cluster: {
      nodes: n,
      placement: 'inline',
      virtualTime: true,
      podCIDR: '10.0.0.0/10',
      serviceCIDR: '10.96.0.0/16',
      segments: [{ name: 'lan', cidr: '192.168.0.0/16' }],
      network: { backend: 'vxlan' },
    },
  });
  try {
    bench.say(`${n} nodes Ready after ${seconds().toFixed(1)} s`);
    const names = cluster.spec.nodes.map((node) => node.name);
    await pods(
      cluster,
      names.flatMap((node, i): PodSpec[] => [
        { name: `a${i}`, node },
        { name: `b${i}`, node },
      ]),
    );
    bench.say(`${2 * n} pods Ready after ${seconds().toFixed(1)} s`);
    const answered = await Promise.all(
      names.map(async (_, i) => {
        const to = await cluster.address(`pod/b${(i + 1) % n}`);
        // The last lease may still be on its way to some: what counts is that an answer comes.
        const { code } = await cluster.exec(`pod/a${i}`, ['ping', '-c', '5', '-i', '0.5', '-W', '2', to]);
        return code === 0;
      }),
    );
    const silent = answered.filter((a) => !a).length;
    if (silent > 0) throw new Error(`${silent} of ${n} pings got no answer`);
    return seconds();
  } finally {
    await cluster.stop();
  }
}

async function run(bench: Bench): Promise<void> {
  const few = await grow(bench, FEW);
  // maxRSS is in kilobytes.
  const megabytes = (): number => (process.resourceUsage().maxRSS * 1024) / 1e6;
  bench.report(HUNDRED, {
    pairs: [{ value: few, baseline: 60 }],
    note: `the process held ${Math.round(megabytes())} MB at most`,
  });
  const expected = few * (MANY / FEW) ** 2;
  if (expected > 4 * bench.left()) {
    const why = `${FEW} nodes took ${few.toFixed(1)} s; every node hears of every node, so ${MANY} would take about ${Math.round(expected / 60)} min`;
    for (const row of [TIME, MEMORY]) bench.skip(row, why);
    return;
  }
  const took = await grow(bench, MANY);
  bench.report(TIME, { pairs: [{ value: took, baseline: 60 }] });
  bench.report(MEMORY, { pairs: [{ value: megabytes(), baseline: 4000 }] });
}

export const thousand: Group = {
  name: 'thousand',
  rows,
  limit: 110,
  run,
  execArgv: ['--max-old-space-size=6144'],
};
