// Linux's own network to compare with: the kernel lab's VXLAN topology in namespaces named pwb-*, and iperf3 between two of
// its pods. Needs root; touches nothing outside its namespaces.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { VXLAN } from '../test/kernel/topologies.ts';

const PREFIX = 'pwb-';

/** Why it cannot be built here, or undefined. */
export function missing(): string | undefined {
  if (process.platform !== 'linux') return "Linux's own VXLAN needs Linux";
  if (process.getuid?.() !== 0) return "Linux's own VXLAN needs root";
  for (const tool of ['ip', 'bridge', 'sysctl', 'iptables', 'iperf3', 'ethtool'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  return undefined;
}

/** Namespaces of ours that are there, from this run or one that was killed. */
const namespaces = (): string[] =>
  (spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout ?? '')
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter((name) => name.startsWith(PREFIX));

export function removeLab(): void {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  for (const name of namespaces()) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' });
    for (const pid of stdout.split('\n').filter((p) => p !== ''))
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {}
    spawnSync('ip', ['netns', 'del', name]);
  }
}

/** One command in a namespace; throws what it complained of. */
function sh(ns: string, words: readonly string[]): string {
  const done = spawnSync('ip', ['netns', 'exec', PREFIX + ns, ...words], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (done.status !== 0)
    throw new Error(`${words.join(' ')} in ${ns}: ${done.stderr || done.error?.message}`);
  return done.stdout;
}

export function buildLab(): void {
  removeLab();
  const names: string[] = [];
  for (const line of VXLAN.split('\n').filter((l) => l.trim() !== '')) {
    if (line.startsWith('netns ')) {
      for (const name of line.split(' ').slice(1)) {
        const made = spawnSync('ip', ['netns', 'add', PREFIX + name], { encoding: 'utf8' });
        if (made.status !== 0) throw new Error(`ip netns add: ${made.stderr}`);
        names.push(name);
      }
      continue;
    }
    const [ns, commands] = line.split(/: (.*)/s) as [string, string];
    for (const command of commands.split('; ')) {
      const words = command.trim().split(/\s+/);
      const peer = words.indexOf('netns');
      if (peer !== -1) words[peer + 1] = PREFIX + words[peer + 1]!;
      sh(ns, words);
    }
  }
}

/** Segments of up to 64 KiB cross the path as one unit (Linux's default here), or one real frame per packet. */
export function setOffload(on: boolean): void {
  const state = on ? 'on' : 'off';
  for (const ns of namespaces().map((name) => name.slice(PREFIX.length)))
    for (const dev of sh(ns, ['ls', '/sys/class/net']).split(/\s+/))
      if (dev !== '' && dev !== 'lo')
        spawnSync('ip', [
          ...['netns', 'exec', PREFIX + ns, 'ethtool', '-K', dev],
          ...['tso', state, 'gso', state, 'gro', state, 'tx', state],
        ]);
}

/** Bytes a second that iperf3 received in pod c from pod a, in a whole number of seconds: iperf3 takes no other. */
export async function flow(seconds: number): Promise<number> {
  const server = spawn('ip', ['netns', 'exec', `${PREFIX}c`, 'iperf3', '-s', '-1'], { stdio: 'ignore' });
  try {
    for (let tries = 0; ; tries++) {
      const { code, stdout } = await finished(
        spawn(
          'ip',
          [
            ...['netns', 'exec', `${PREFIX}a`],
            ...['iperf3', '-c', '10.244.2.2', '-t', String(seconds), '-J'],
          ],
          { timeout: seconds * 1000 + 5000, killSignal: 'SIGKILL' },
        ),
      );
      const result = JSON.parse(code === null ? '{"error": "killed: it did not end"}' : stdout) as {
        error?: string;
        end?: { sum_received?: { bits_per_second: number } };
      };
      const received = result.end?.sum_received;
      if (code === 0 && received !== undefined) return received.bits_per_second / 8;
      // The server may not listen yet.
      if (code === null || tries === 20) throw new Error(`iperf3: ${result.error}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    server.kill('SIGKILL');
  }
}

function finished(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  let stdout = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout }));
  });
}
