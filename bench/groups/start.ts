// What a start costs: CPU until a node process is ready, beside the least that a process with its libraries takes; and a
// whole cluster from the command to the first reply across nodes, beside the fork of one such process.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from '../../emulator/client.ts';
import { BaselineProcess, dist } from '../baseline-process.ts';
import { alternate } from '../pairs.ts';
import type { Bench, Group, Row } from '../row.ts';

const CPU = 'cpu until a node process is ready';
const FIRST = 'three nodes, command to first reply across nodes';
const fork = 'the bundle that imports ws, msgpackr and pino, opens a server and says ready';

const rows: readonly Row[] = [
  {
    name: CPU,
    unit: 'ms',
    better: 'lower',
    must: 1.4,
    aim: 1.15,
    about: 'process.cpuUsage of a node process when it has answered that it is set up',
    against: `process.cpuUsage of ${fork}, when it does`,
  },
  {
    name: FIRST,
    unit: 'ms',
    better: 'lower',
    must: 6,
    aim: 4,
    about: 'podwire run: three processes of nodes, pods, the first ping across; until its verdict is printed',
    against: `fork of ${fork}, until it says so`,
  },
];

const SCENARIO = `apiVersion: podwire.dev/v1alpha1
kind: Scenario
metadata: { name: first-reply }
cluster: { nodes: 3, network: { backend: vxlan } }
steps:
  - apply: |
      {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeName: n1, containers: [{name: c, image: busybox, args: [sleep, infinity]}]}}
      ---
      {apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {nodeName: n2, containers: [{name: c, image: busybox, args: [sleep, infinity]}]}}
  - wait: { for: pods, condition: Ready, timeout: 10s }
  - name: first-reply
    exec: { in: pod/a, run: "ping -c 1 \${pod/b}", stdout: "1 received", retry: 5s }
`;

/** Milliseconds from the fork of the command until it has printed what the ping's step came to. */
function firstReply(file: string): Promise<number> {
  const began = performance.now();
  const child = spawn(process.execPath, [dist('podwire.js'), 'run', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let took = 0;
  const hear = (chunk: Buffer): void => {
    text += chunk.toString('utf8');
    if (took === 0 && /first-reply.*\n(?=[\s\S]*first-reply)/.test(text)) took = performance.now() - began;
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0 && took > 0) resolve(took);
      else reject(new Error(`podwire run ended with ${code}: ${text.slice(-500)}`));
    });
  });
}

async function run(bench: Bench): Promise<void> {
  if (bench.wanted(CPU)) {
    const ours = async (): Promise<number> => {
      const cluster = await Cluster.start({ cluster: { nodes: 1 } });
      try {
        const [node] = await cluster.status();
        return node!.start!.cpuMs;
      } finally {
        await cluster.stop();
      }
    };
    const baseline = async (): Promise<number> => {
      const process = await BaselineProcess.start();
      await process.stop();
      return process.cpuMs;
    };
    await ours();
    await baseline();
    bench.report(CPU, { pairs: await alternate(bench.pairs + 2, ours, baseline) });
  }
  if (bench.wanted(FIRST)) {
    const folder = mkdtempSync(join(tmpdir(), 'podwire-bench-'));
    bench.defer(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'first-reply.yaml');
    writeFileSync(file, SCENARIO);
    const ours = (): Promise<number> => firstReply(file);
    const baseline = async (): Promise<number> => {
      const process = await BaselineProcess.start();
      await process.stop();
      return process.readyMs;
    };
    await ours();
    bench.report(FIRST, { pairs: await alternate(bench.pairs, ours, baseline) });
  }
}

export const start: Group = { name: 'start', rows, limit: 60, run };
