// What becomes of node processes when their emulator is gone: in the foreground they go too, however it died; in the
// background they go on, are adopted by the next, and give up when nobody comes.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '../../emulator/supervisor/adopt.ts';
import { RunDirectory } from '../../emulator/supervisor/run-directory.ts';
import { endAll } from '../../emulator/supervisor/supervisor.ts';
import { bareCluster, bareNode, ENTRY, until } from './bare-cluster.ts';
import type { FixtureOptions } from './fixtures/emulator.ts';
import { allGone } from './podwire.ts';

/** The promise: within two seconds. */
const GONE_WITHIN = 2000;
const cluster = bareCluster([bareNode(1), bareNode(2)]);
let folder: string;
let fixture: string;
const started: number[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podwire-lifetimes-'));
  fixture = join(folder, 'emulator.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'fixtures/emulator.ts')],
    outfile: fixture,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['msgpackr-extract', 'bufferutil', 'utf-8-validate'],
    banner: {
      js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);",
    },
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => {
  for (const pid of started.splice(0)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

interface Running {
  readonly child: ChildProcess;
  readonly pids: Readonly<Record<string, number>>;
  ask(line: string): Promise<{ readonly events: readonly (readonly [string, string])[] }>;
  exited: Promise<unknown>;
}
async function emulator(options: Partial<FixtureOptions> = {}): Promise<Running> {
  const argument = JSON.stringify({ cluster, entry: ENTRY, ...options });
  const child = spawn(process.execPath, [fixture, argument], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const pids = (await next()) as Record<string, number>;
  started.push(child.pid!, ...Object.values(pids));
  return {
    child,
    pids,
    exited,
    async ask(line) {
      child.stdin!.write(`${line}\n`);
      return await next();
    },
  };
}

describe('in the foreground', () => {
  it.each<[string, (running: Running) => void]>([
    ['is killed', ({ child }) => child.kill('SIGKILL')],
    ['is ended', ({ child }) => child.kill('SIGTERM')],
    ['crashes', ({ child }) => child.stdin!.write('crash\n')],
  ])('nodes end when the emulator %s', async (_, end) => {
    const running = await emulator();
    expect(Object.keys(running.pids)).toEqual(['fabric', 'node-1', 'node-2']);
    end(running);
    await running.exited;
    await allGone(Object.values(running.pids), GONE_WITHIN);
  });

  it('so does a node that was paused, and what watches over it', async () => {
    const running = await emulator();
    await running.ask('pause node-1');
    running.child.kill('SIGKILL');
    await running.exited;
    await allGone(Object.values(running.pids), GONE_WITHIN);
    if (process.platform === 'linux') {
      const shells = await commandsWith(`kill -CONT ${running.pids['node-1']}`);
      expect(shells).toEqual([]);
    }
  });

  it('a stop leaves nothing, paused or not', async () => {
    const running = await emulator();
    await running.ask('pause node-2');
    await running.ask('stop');
    await running.exited;
    await allGone([running.child.pid!, ...Object.values(running.pids)], 100);
  });
});

describe('in the background', () => {
  it('nodes go on without the emulator, and the next one adopts them', async () => {
    const run = join(folder, 'adopted');
    const first = await emulator({ run });
    expect((await stat(run)).mode & 0o777).toBe(0o700);
    expect((await stat(join(run, 'secret'))).mode & 0o777).toBe(0o600);
    const files = await readdir(run);
    expect(files.filter((file) => !file.endsWith('.log')).sort()).toEqual([
      'fabric.json',
      'node-1.json',
      'node-2.json',
      'secret',
    ]);
    first.child.kill('SIGKILL');
    await first.exited;
    const second = await emulator({ run });
    expect(second.pids).toEqual(first.pids);
    const { events } = await second.ask('ping node-1');
    expect(events.filter(([, type]) => type === 'adopted')).toHaveLength(3);
    const log = await readFile(join(run, 'node-1.log'), 'utf8');
    const messages = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg as string);
    expect(messages).toContain('the emulator is gone');
    await second.ask('stop');
    await second.exited;
    await allGone(Object.values(first.pids), 100);
    await expect(stat(run)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a node that died meanwhile is started anew, and the others adopted', async () => {
    const run = join(folder, 'one-died');
    const first = await emulator({ run });
    first.child.kill('SIGKILL');
    await first.exited;
    process.kill(first.pids['node-2']!, 'SIGKILL');
    await allGone([first.pids['node-2']!], 1000);
    const second = await emulator({ run });
    expect(second.pids['node-1']).toBe(first.pids['node-1']);
    expect(second.pids['node-2']).not.toBe(first.pids['node-2']);
    await second.ask('ping node-1');
    await second.ask('stop');
    await second.exited;
    await allGone([...Object.values(first.pids), ...Object.values(second.pids)], 100);
  });

  it('nodes that nobody adopts give up', async () => {
    const run = join(folder, 'orphans');
    const first = await emulator({ run, orphanTimeout: 300 });
    const before = Date.now();
    first.child.kill('SIGKILL');
    await first.exited;
    await allGone(Object.values(first.pids), 300 + GONE_WITHIN);
    expect(Date.now() - before).toBeGreaterThanOrEqual(300);
  });

  it('all are ended by who finds their directory, answering or stopped', async () => {
    const run = join(folder, 'down');
    const first = await emulator({ run });
    first.child.kill('SIGKILL');
    await first.exited;
    const running = Object.values(first.pids).filter(isAlive);
    expect(running).toHaveLength(3);
    await endAll(new RunDirectory(run));
    await allGone(running, 100);
    await expect(stat(run)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('a process that took the pid of a node is left alone', async () => {
    const run = new RunDirectory(join(folder, 'stranger'));
    await run.secret();
    const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    started.push(stranger.pid!);
    await run.write({
      name: 'node-1',
      role: 'node',
      pid: stranger.pid!,
      startTime: 1,
      url: 'ws://127.0.0.1:1',
    });
    await endAll(run);
    expect(isAlive(stranger.pid!)).toBe(true);
    stranger.kill('SIGKILL');
    await until(() => !isAlive(stranger.pid!));
  });
});

async function commandsWith(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(text)) found.push(command);
  }
  return found;
}
