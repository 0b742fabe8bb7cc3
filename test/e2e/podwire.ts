// Runs the podwire command as a user does, from the built bundle, and finds what it leaves behind.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isAlive } from '../../emulator/supervisor/adopt.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
}

export function podwire(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'dist/podwire.js'), ...args], {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => done({ code, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}

/** A folder of its own for clusters, so that tests never meet a user's. */
export async function temporaryHome(): Promise<{
  path: string;
  env: Record<string, string>;
  remove(): Promise<void>;
}> {
  const path = await mkdtemp(join(tmpdir(), 'podwire-test-'));
  return { path, env: { PODWIRE_HOME: path }, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Command lines of the node processes that run now, by pid. Linux only: elsewhere the map is empty. */
export async function nodeProcesses(): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  const pids = await readdir('/proc').catch(() => []);
  for (const pid of pids.filter((p) => /^\d+$/.test(p))) {
    const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (title.startsWith('node-runtime ')) found.set(Number(pid), title.split('\0')[0]!.trim());
  }
  return found;
}

/** Resolves when none of these processes is there any more; rejects after `patience` milliseconds. */
export async function allGone(pids: Iterable<number>, patience: number): Promise<void> {
  const end = Date.now() + patience;
  for (const pid of pids)
    while (isAlive(pid)) {
      if (Date.now() > end) throw new Error(`process ${pid} is still there after ${patience} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
}
