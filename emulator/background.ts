// Clusters that go on without the command that started them: the emulator as a detached process, found again by its folder.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Caller } from './control/caller.ts';
import { remoteCaller } from './control/remote.ts';
import { clusterFolder, clusterNames, makeClusterFolder, readJson, writeState } from './home.ts';
import type { ClusterSpec } from './protocol/cluster.ts';
import { RunDirectory } from './supervisor/run-directory.ts';

export interface EmulatorState {
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  readonly control: string;
}

/** What the emulator process reports to `up` over its IPC channel. */
export type StartReport =
  | { readonly ready: true; readonly warnings: readonly string[] }
  | { readonly failed: string; readonly code: string };

const notFound = (name: string): Error =>
  Object.assign(
    new Error(
      `no cluster named "${name}" is running; podwire list shows those that are, podwire up --name ${name} starts it`,
    ),
    { code: 'E_NOT_FOUND' },
  );

export async function attachCaller(name: string): Promise<Caller> {
  const folder = clusterFolder(name);
  const state = await readJson<EmulatorState>(join(folder.path, 'emulator.json'));
  if (state === undefined) throw notFound(name);
  try {
    return await remoteCaller(state.control, await readFile(join(folder.path, 'token'), 'utf8'));
  } catch {
    throw notFound(name);
  }
}

export interface RunningCluster {
  readonly name: string;
  readonly spec: ClusterSpec;
  /** Undefined when the emulator is gone: nodes may still forward, until they are adopted or give up. */
  readonly caller: Caller | undefined;
  /** Whether processes of it may be running. */
  readonly processes: boolean;
}

/** Every cluster that has a folder. The callers are the receiver's to close. */
export async function runningClusters(): Promise<RunningCluster[]> {
  const found: RunningCluster[] = [];
  for (const name of await clusterNames()) {
    const spec = await readJson<ClusterSpec>(join(clusterFolder(name).path, 'spec.json'));
    if (spec === undefined) continue;
    const processes = (await new RunDirectory(clusterFolder(name).run).states()).length > 0;
    found.push({ name, spec, caller: await attachCaller(name).catch(() => undefined), processes });
  }
  return found;
}

/** How a cluster of that name was started last; undefined when it never was, or was deleted. */
export const keptSpec = (name: string): Promise<ClusterSpec | undefined> =>
  readJson<ClusterSpec>(join(clusterFolder(name).path, 'spec.json'));

/** Starts the emulator of `spec` as a process of its own; resolves, to what is to be told of it, when every node is Ready. */
export async function startInBackground(
  spec: ClusterSpec,
  options: { readonly orphanTimeout: number },
): Promise<readonly string[]> {
  const caller = await attachCaller(spec.name).catch(() => undefined);
  if (caller !== undefined) {
    await caller.close();
    throw Object.assign(
      new Error(
        `a cluster named "${spec.name}" is running already; stop it with podwire down --name ${spec.name}, or choose another --name`,
      ),
      { code: 'E_EXISTS' },
    );
  }
  const folder = await makeClusterFolder(spec.name);
  await writeState(
    join(folder.path, 'spec.json'),
    JSON.stringify({ ...spec, orphanTimeout: options.orphanTimeout }),
  );
  await writeState(join(folder.path, 'token'), randomBytes(24).toString('base64url'));
  const log = openSync(join(folder.logs, 'emulator.log'), 'a', 0o600);
  const child = spawn(process.execPath, [process.argv[1]!, 'emulator', '--run-directory', folder.path], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    windowsHide: true,
  });
  const report = await new Promise<StartReport>((resolve) => {
    child.once('message', (message) => resolve(message as StartReport));
    child.once('exit', (code) =>
      resolve({
        failed: `the emulator ended with exit code ${code}; see ${join(folder.logs, 'emulator.log')}`,
        code: 'E_START',
      }),
    );
    child.once('error', (error) => resolve({ failed: error.message, code: 'E_START' }));
  });
  if (child.connected) child.disconnect();
  child.unref();
  if ('failed' in report) throw Object.assign(new Error(report.failed), { code: report.code });
  return report.warnings;
}
