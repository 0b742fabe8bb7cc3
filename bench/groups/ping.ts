// Round-trip time of a ping from pod to pod across nodes beside a WebSocket's, ping by ping: each reply is followed, while
// nothing else is under way, by one echo of 100 bytes between two other processes. Both find their peer asleep.
import { BaselineProcess } from '../baseline-process.ts';
import { clusterFor, pods } from '../clusters.ts';
import { median } from '../pairs.ts';
import type { Bench, Group, Pair, Row } from '../row.ts';

const ROW = 'ping vxlan vs ws echo';
/** Milliseconds between two pings; half of it until the echo. */
const INTERVAL = 20;
const WINDOW = 60;

const rows: readonly Row[] = [
  {
    name: ROW,
    unit: 'ms',
    better: 'lower',
    must: 2,
    aim: 1.4,
    about: 'ping -i 0.02 from pod to pod across nodes, median of the times it prints',
    against: 'ws echo of 100 bytes between two processes, after each ping',
  },
];

async function run(bench: Bench): Promise<void> {
  const [server, client] = [await BaselineProcess.for(bench), await BaselineProcess.for(bench)];
  const cluster = await clusterFor(bench, { nodes: 2, network: { backend: 'vxlan' } });
  const [n1, n2] = cluster.spec.nodes.map((n) => n.name) as [string, string];
  await pods(cluster, [
    { name: 'client', node: n1 },
    { name: 'server', node: n2 },
  ]);
  const to = await cluster.address('pod/server');
  const count = WINDOW * (bench.pairs + 1);
  const ours: number[] = [];
  const theirs: number[] = [];
  const ping = await cluster.spawn(
    'pod/client',
    ['ping', '-n', '-c', String(count), '-i', String(INTERVAL / 1000), '-W', '1', to],
    { timeout: count * (INTERVAL + 10) + 10_000 },
  );
  let text = '';
  let last: Promise<void> = Promise.resolve();
  const echo = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL / 2));
    theirs.push(await client.ask<number>({ op: 'echo', url: server.url }));
  };
  ping.onOutput((chunk) => {
    text += Buffer.from(chunk).toString('utf8');
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const time = /time=([\d.]+) ms/.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 1);
      if (time === undefined) continue;
      ours.push(Number(time));
      last = echo();
    }
  });
  await ping.exited;
  await last;
  const pairs: Pair[] = [];
  // The first window warms both.
  for (let i = WINDOW; i + WINDOW / 2 < Math.min(ours.length, theirs.length); i += WINDOW)
    pairs.push({
      value: median(ours.slice(i, i + WINDOW)),
      baseline: median(theirs.slice(i, i + WINDOW)),
    });
  bench.report(ROW, { pairs });
}

export const pingGroup: Group = { name: 'ping', rows, limit: 40, run };
