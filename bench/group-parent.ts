// Runs a group in a child process and holds it to its time: whatever happens there, every row ends with a result, and
// nothing of it is left when this returns.
import { type ChildProcess, spawn } from 'node:child_process';
import type { FromChild } from './group-child.ts';
import { skippedRow } from './pairs.ts';
import type { Group, Result, Row } from './row.ts';

/** How long a group that has said everything may take to clean up, in milliseconds. */
const END_GRACE = 8000;

export interface GroupRun {
  readonly group: Group;
  readonly rows: readonly Row[];
  readonly pairs: number;
  /** Seconds. */
  readonly limit: number;
  readonly take: (result: Result) => void;
  /** Is handed what ends the group early. */
  readonly stopper: (stop: (why: string) => void) => void;
}

export async function superviseGroup({ group, rows, pairs, limit, take, stopper }: GroupRun): Promise<void> {
  const open = new Map(rows.map((r) => [r.name, r]));
  let why = '';
  let tail = '';
  const child = spawn(
    process.execPath,
    [
      ...(group.execArgv ?? []),
      process.argv[1]!,
      '--group',
      group.name,
      String(pairs),
      String(limit),
      ...rows.map((r) => r.name),
    ],
    // A process group of its own: what it started dies with it, also when it can no longer say so.
    { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: process.platform !== 'win32' },
  );
  const stop = (reason: string): void => {
    if (why === '') why = reason;
    killAll(child);
  };
  stopper(stop);
  const timer = setTimeout(() => stop(`not done after ${Math.round(limit)} s`), limit * 1000);
  let grace: NodeJS.Timeout | undefined;
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-2000);
  });
  child.on('message', (message: FromChild) => {
    if ('said' in message) {
      if (message.said !== '') console.log(`        ${message.said}`);
      return;
    }
    open.delete(message.result.name);
    take(message.result);
    if (open.size === 0) grace = setTimeout(() => killAll(child), END_GRACE);
  });
  const code = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (status, signal) => resolve(String(signal ?? status)));
  });
  clearTimeout(timer);
  clearTimeout(grace);
  killAll(child);
  child.stderr!.destroy();
  const unclean = code !== '0';
  if (unclean && why === '' && open.size > 0) why = `its process ended with ${code}. ${tail.trim()}`;
  for (const row of open.values()) take(skippedRow(row, why === '' ? 'its group did not report it' : why));
  if (unclean) group.cleanUp?.();
}

function killAll(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nobody is left.
  }
}
