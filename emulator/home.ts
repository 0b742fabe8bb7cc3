// Where clusters live on the host: one folder each, mode 0700, under $PODWIRE_HOME, else $XDG_STATE_HOME/podwire, else
// ~/.local/state/podwire (%LOCALAPPDATA%\podwire on Windows).
//
//   NAME/spec.json       the cluster as it was started
//   NAME/emulator.json   pid, start time and control address of the emulator, while it runs
//   NAME/token           the control token, mode 0600
//   NAME/run/            the supervisor's: one file per process
//   NAME/logs/           JSON lines per process
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function home(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const own = env['PODWIRE_HOME'];
  if (own) return own;
  if (platform === 'win32')
    return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'podwire');
  return join(env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state'), 'podwire');
}

export interface ClusterFolder {
  readonly path: string;
  readonly logs: string;
  readonly run: string;
}

export const clusterFolder = (name: string): ClusterFolder => {
  const path = join(home(), name);
  return { path, logs: join(path, 'logs'), run: join(path, 'run') };
};

export async function makeClusterFolder(name: string): Promise<ClusterFolder> {
  const folder = clusterFolder(name);
  for (const path of [folder.path, folder.logs, folder.run])
    await mkdir(path, { recursive: true, mode: 0o700 });
  return folder;
}

export const removeClusterFolder = (name: string): Promise<void> =>
  rm(clusterFolder(name).path, { recursive: true, force: true });

export async function clusterNames(): Promise<string[]> {
  try {
    return (await readdir(home(), { withFileTypes: true }))
      .filter((e) => e.isDirectory())
      .map((e) => e.name)
      .sort();
  } catch {
    return [];
  }
}

/** Written whole or not at all: a reader never sees half of it. */
export async function writeState(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}

export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
