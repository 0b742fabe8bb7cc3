// Processes: one per node, named so; what dies comes back or takes the rest with it, as its lifetime says; nothing is left behind.
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { allGone, nodeProcesses, podwire, ROOT, temporaryHome } from './podwire.ts';

let home: Awaited<ReturnType<typeof temporaryHome>>;
beforeEach(async () => {
  home = await temporaryHome();
});
afterEach(async () => {
  await podwire(['down', '--delete', '--name', 'life'], { env: home.env });
  await home.remove();
});

interface StatusRow {
  readonly name: string;
  readonly process: string;
  readonly ready: string;
  readonly pid: number;
  readonly restarts: number;
}

const run = async (...args: string[]) => {
  const done = await podwire(args, { env: home.env });
  return { ...done, lines: done.stdout.trimEnd().split('\n') };
};
const status = async (): Promise<StatusRow[]> =>
  JSON.parse((await run('status', '--name', 'life', '-o', 'json')).stdout);

interface PodRow {
  readonly status: {
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}
const pods = async (): Promise<PodRow[]> =>
  JSON.parse((await run('get', 'pods', '--name', 'life', '-o', 'json')).stdout);
const isReady = ({ status }: PodRow): boolean =>
  status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') === true;

async function until<T>(look: () => Promise<T | undefined>, patience = 15_000): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it did not come');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const PODS = ['n1', 'n2']
  .map(
    (node, i) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: p${i + 1}}\nspec: {nodeName: ${node}, containers: [{name: c, image: agnhost, args: [netexec]}]}`,
  )
  .join('\n---\n');

describe('a cluster in the background', () => {
  it('comes up, is driven, and goes down without a trace', async () => {
    expect((await run('up', '--nodes', '2', '--name', 'life')).code).toBe(0);
    const rows = await status();
    expect(rows.map((r) => [r.name, r.process, r.ready])).toEqual([
      ['n1', 'ready', 'Ready'],
      ['n2', 'ready', 'Ready'],
    ]);
    const titles = await nodeProcesses();
    if (process.platform === 'linux')
      for (const row of rows) expect(titles.get(row.pid)).toMatch(new RegExp(`^node-runtime ${row.name}`));
    expect((await run('up', '--nodes', '2', '--name', 'life')).stderr).toMatch(
      /running already; stop it with podwire down/,
    );
    expect((await run('list')).lines[1]).toMatch(/^life +running +2 +vxlan/);
    const file = join(home.path, 'pods.yaml');
    await writeFile(file, PODS);
    expect((await run('apply', '-f', file, '--name', 'life')).lines).toEqual([
      'pod/p1 applied',
      'pod/p2 applied',
    ]);
    await until(async () =>
      (await run('get', 'pods', '--name', 'life', '-o', 'json')).stdout.match(/"podIP"/g)?.length === 2
        ? true
        : undefined,
    );
    const ping = await until(async () => {
      const traced = await run('trace', 'pod/p1', 'pod/p2', '--name', 'life', '-o', 'json');
      const result = JSON.parse(traced.stdout);
      return result.outcome.result === 'delivered' ? result : undefined;
    });
    expect(ping).toMatchObject({
      schemaVersion: 1,
      outcome: { node: 'n2', received: { ttl: 62 }, answered: true },
    });
    expect((await run('exec', 'p1', '--name', 'life', '--', 'hostname')).stdout).toBe('p1\n');
    expect((await run('exec', 'p1', '--name', 'life', '--', 'frobnicate')).code).toBe(127);
    expect((await run('node', 'exec', 'n1', '--name', 'life', '--', 'iptables-save')).stdout).toMatch(
      /FLANNEL-POSTRTG/,
    );
    expect(
      (await run('node', 'exec', 'n1', '--name', 'life', '--', 'cat', '/run/flannel/subnet.env')).stdout,
    ).toMatch(/FLANNEL_MTU=1450/);
    expect(
      (await run('trace', 'pod/p1', '10.244.77.7', '--name', 'life', '--expect', 'delivered')).code,
    ).toBe(1);
    const pids = [...titles.keys()];
    expect((await run('down', '--delete', '--name', 'life')).code).toBe(0);
    await allGone(
      pids.filter((pid) => rows.some((r) => r.pid === pid)),
      3000,
    );
    expect((await run('list', '-o', 'name')).stdout).toBe('');
  }, 60_000);

  it('stopped and started again it has its objects, its keys and its port, and pods run anew', async () => {
    expect((await run('up', '--nodes', '2', '--name', 'life')).code).toBe(0);
    const file = join(home.path, 'pods.yaml');
    await writeFile(file, PODS);
    await run('apply', '-f', file, '--name', 'life');
    const running = () => until(async () => ((await pods()).every((pod) => isReady(pod)) ? true : undefined));
    await running();
    const kubeconfig = (await run('kubeconfig', '--name', 'life')).stdout;
    expect(kubeconfig).toMatch(/server: https:\/\/127\.0\.0\.1:\d+/);
    const pids = (await status()).map((r) => r.pid);
    expect((await run('down', '--name', 'life')).code).toBe(0);
    await allGone(pids, 3000);
    expect((await run('list')).lines[1]).toMatch(/^life +stopped +2/);
    expect((await run('up', '--name', 'life')).code).toBe(0);
    expect((await status()).map((r) => [r.name, r.ready])).toEqual([
      ['n1', 'Ready'],
      ['n2', 'Ready'],
    ]);
    await until(async () => ((await pods()).some((pod) => !isReady(pod)) ? undefined : true));
    const ping = [
      'curl',
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      `${(await pods())[1]!.status.podIP}:8080/`,
    ];
    await until(async () =>
      (await run('exec', 'p1', '--name', 'life', '--', ...ping)).stdout === '200' ? true : undefined,
    );
    expect((await run('kubeconfig', '--name', 'life')).stdout).toBe(kubeconfig);
    expect((await run('down', '--delete', '--name', 'life')).code).toBe(0);
    expect((await run('kubeconfig', '--name', 'life')).code).toBe(1);
  }, 60_000);

  it('a killed node comes back; a killed emulator leaves nodes that the next one adopts', async () => {
    await run('up', '--nodes', '2', '--name', 'life');
    const before = await status();
    process.kill(before[0]!.pid, 'SIGKILL');
    const back = await until(async () =>
      (await status()).find((r) => r.name === 'n1' && r.process === 'ready' && r.pid !== before[0]!.pid),
    );
    expect(back.restarts).toBe(1);
    const pids = (await status()).map((r) => r.pid);
    const state = JSON.parse(await readFile(join(home.path, 'life/emulator.json'), 'utf8'));
    process.kill(state.pid, 'SIGKILL');
    await allGone([state.pid], 3000);
    for (const pid of pids) expect(() => process.kill(pid, 0)).not.toThrow();
    expect((await run('up', '--nodes', '2', '--name', 'life')).code).toBe(0);
    expect((await status()).map((r) => r.pid)).toEqual(pids);
  }, 60_000);
});

describe('a cluster in the foreground', () => {
  it('ends with its emulator, however that dies', async () => {
    const file = join(home.path, 'long.yaml');
    await writeFile(
      file,
      'apiVersion: podwire.dev/v1alpha1\nkind: Scenario\nmetadata: {name: long}\ncluster: {nodes: 2}\nsteps: [{say: up}, {sleep: 60s}]\n',
    );
    const before = new Set((await nodeProcesses()).keys());
    const child = spawn(process.execPath, [join(ROOT, 'dist/podwire.js'), 'run', file], {
      env: { ...process.env, ...home.env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await until(async () => (output.includes('-- up') ? true : undefined));
    const mine = [...(await nodeProcesses()).keys()].filter((pid) => !before.has(pid));
    if (process.platform === 'linux') expect(mine).toHaveLength(3);
    child.kill('SIGKILL');
    await allGone(mine, 5000);
  }, 30_000);

  it('is interrupted cleanly, with exit code 130', async () => {
    const file = join(home.path, 'long.yaml');
    await writeFile(
      file,
      'apiVersion: podwire.dev/v1alpha1\nkind: Scenario\nmetadata: {name: long}\ncluster: {nodes: 2}\nsteps: [{say: up}, {sleep: 60s}]\n',
    );
    const before = new Set((await nodeProcesses()).keys());
    const child = spawn(process.execPath, [join(ROOT, 'dist/podwire.js'), 'run', file], {
      env: { ...process.env, ...home.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await until(async () => (output.includes('-- up') ? true : undefined));
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
    expect([...(await nodeProcesses()).keys()].filter((pid) => !before.has(pid))).toEqual([]);
  }, 30_000);
});
