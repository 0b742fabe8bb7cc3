// Many nodes: memory of an idle one among twenty, fifty started at once, and a first word between each two of them, beside
// as many processes that hold only what a node needs from npm.
import { readFileSync } from 'node:fs';
import type { Pod } from '../../emulator/api/types/pod.ts';
import { Cluster } from '../../emulator/client.ts';
import { BaselineProcess } from '../baseline-process.ts';
import { pods } from '../clusters.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const MEMORY = 'memory of an idle node, of twenty';
const FIFTY = 'fifty nodes, all Ready';
const MESH = '2450 pod pairs answered';
const IDLE = 20;
const MANY = 50;
const fork = 'processes of the bundle that imports ws, msgpackr and pino and opens a server';

const rows: readonly Row[] = [
  {
    name: MEMORY,
    unit: 'MiB',
    better: 'lower',
    must: 1.6,
    aim: 1.3,
    about: `proportional set size (PSS) of each of ${IDLE} nodes, Ready and idle`,
    against: `the same of each of ${IDLE} ${fork}`,
  },
  {
    name: FIFTY,
    unit: 'ms',
    better: 'lower',
    must: 2,
    aim: 1.4,
    about: 'Cluster.start with fifty nodes, until every node is Ready and flannel is up',
    against: `forking fifty ${fork}, until all said ready`,
  },
  {
    name: MESH,
    unit: 'ms',
    better: 'lower',
    must: 3,
    aim: 1.8,
    about:
      'an echo from each of fifty pods on fifty nodes to every other, all answered, links opened on the way',
    against: '1225 ws links between the fifty processes, opened and echoed once',
  },
];

/** Linux: kB of /proc/PID/smaps_rollup, in MiB. */
function pss(pid: number): number {
  const line = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(line?.[1]) / 1024;
}

const idle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 3000));
const forks = (n: number): Promise<BaselineProcess[]> =>
  Promise.all(Array.from({ length: n }, () => BaselineProcess.start()));
const stopAll = (all: readonly BaselineProcess[]): Promise<unknown> => Promise.all(all.map((p) => p.stop()));

async function memory(bench: Bench): Promise<void> {
  if (process.platform !== 'linux') {
    bench.skip(MEMORY, 'needs /proc/PID/smaps_rollup, which only Linux has');
    return;
  }
  const fleet = await forks(IDLE);
  bench.defer(() => stopAll(fleet).then(() => {}));
  await idle();
  const theirs = fleet.map(({ pid }) => pss(pid)).sort((a, b) => a - b);
  await stopAll(fleet);
  const cluster = await Cluster.start({ cluster: { nodes: IDLE } });
  bench.defer(() => cluster.stop());
  await idle();
  const ours = (await cluster.status()).map(({ pid }) => pss(pid!)).sort((a, b) => a - b);
  await cluster.stop();
  bench.report(MEMORY, { pairs: ours.map((value, i): Pair => ({ value, baseline: theirs[i]! })) });
}

/** Fifty of ours: milliseconds until Ready, and for the mesh. */
async function fiftyNodes(mesh: boolean): Promise<{ ready: number; mesh: number }> {
  const began = performance.now();
  const cluster = await Cluster.start({ cluster: { nodes: MANY, network: { backend: 'vxlan' } } });
  try {
    const ready = performance.now() - began;
    return { ready, mesh: mesh ? await everyPair(cluster) : 0 };
  } finally {
    await cluster.stop();
  }
}

async function everyPair(cluster: Cluster): Promise<number> {
  await pods(
    cluster,
    cluster.spec.nodes.map(({ name }, i) => ({ name: `p${i}`, node: name })),
  );
  const list = (await cluster.list('Pod')) as Pod[];
  const began = performance.now();
  // One pod asks the others one after the other, all pods at once: a trace would have every node tell of every packet.
  const answers = (
    await Promise.all(
      list.map(async (from) => {
        const answered: boolean[] = [];
        for (const to of list) {
          if (to === from) continue;
          const argv = ['ping', '-c', '1', '-W', '5', to.status!.podIP!];
          answered.push((await cluster.exec(`pod/${from.metadata.name}`, argv)).code === 0);
        }
        return answered;
      }),
    )
  ).flat();
  const took = performance.now() - began;
  const silent = answers.filter((answered) => !answered).length;
  if (silent > 0) throw new Error(`${silent} of ${answers.length} pairs got no answer`);
  return took;
}

async function fiftyForks(mesh: boolean): Promise<{ ready: number; mesh: number }> {
  const began = performance.now();
  const fleet = await forks(MANY);
  try {
    const ready = performance.now() - began;
    if (!mesh) return { ready, mesh: 0 };
    const since = performance.now();
    const opened = await Promise.all(
      fleet.map((one, i) => one.ask<number>({ op: 'links', urls: fleet.slice(i + 1).map(({ url }) => url) })),
    );
    if (opened.reduce((sum, n) => sum + n, 0) !== (MANY * (MANY - 1)) / 2)
      throw new Error('links are missing');
    return { ready, mesh: performance.now() - since };
  } finally {
    await stopAll(fleet);
  }
}

async function run(bench: Bench): Promise<void> {
  if (bench.wanted(MEMORY)) await memory(bench);
  const mesh = bench.wanted(MESH);
  if (!mesh && !bench.wanted(FIFTY)) return;
  const ready: Pair[] = [];
  const meshed: Pair[] = [];
  let longest = 0;
  let failed: unknown;
  for (let i = 0; i < bench.pairs && (i < 2 || bench.left() > 1.3 * longest); i++) {
    const began = performance.now();
    try {
      const ours = await fiftyNodes(mesh);
      const theirs = await fiftyForks(mesh);
      ready.push({ value: ours.ready, baseline: theirs.ready });
      meshed.push({ value: ours.mesh, baseline: theirs.mesh });
      bench.say(
        `fifty: ready ${Math.round(ours.ready)} : ${Math.round(theirs.ready)} ms, pairs ${Math.round(ours.mesh)} : ${Math.round(theirs.mesh)} ms`,
      );
    } catch (error) {
      failed = error;
      bench.say(`fifty: ${error instanceof Error ? error.message : error}`);
    }
    longest = Math.max(longest, (performance.now() - began) / 1000);
  }
  if (ready.length === 0) throw failed;
  const note = failed === undefined ? {} : { note: `${ready.length} pairs; once: ${failed}` };
  bench.report(FIFTY, { pairs: ready, ...note });
  if (mesh) bench.report(MESH, { pairs: meshed, ...note });
}

export const fleet: Group = { name: 'fleet', rows, limit: 200, run };
