// What a background cluster leaves for the next emulator: one small file per process, and the cluster's secret, which is
// nobody else's to read (mode 0600, in a folder of mode 0700).
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newSecret } from '../protocol/challenge.ts';

/** A process as it was when it was last seen. */
export interface ProcessState {
  readonly name: string;
  readonly role: 'node' | 'fabric';
  readonly pid: number;
  /** Milliseconds since 1970, as the process itself says: a pid alone may be somebody else's by now. */
  readonly startTime: number;
  readonly url: string;
}

export class RunDirectory {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }

  /** The cluster's secret; made when there is none. */
  async secret(): Promise<string> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await chmod(this.path, 0o700);
    const file = join(this.path, 'secret');
    if (!existsSync(file)) await writeWhole(file, newSecret());
    return (await readFile(file, 'utf8')).trim();
  }

  async write(state: ProcessState): Promise<void> {
    await writeWhole(this.#file(state.name), JSON.stringify(state));
  }
  async forget(name: string): Promise<void> {
    await rm(this.#file(name), { force: true });
  }
  /** Every process that may still be there. Files that cannot be read are passed over. */
  async states(): Promise<ProcessState[]> {
    const found: ProcessState[] = [];
    const names = await readdir(this.path).catch(() => []);
    for (const name of names.filter((n) => n.endsWith('.json')).sort()) {
      try {
        const state = JSON.parse(await readFile(join(this.path, name), 'utf8')) as ProcessState;
        if (Number.isInteger(state.pid) && typeof state.url === 'string') found.push(state);
      } catch {
        // Half a file is no file: it was being written when its writer died.
      }
    }
    return found;
  }
  /** The last trace of a cluster that is down. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  #file(name: string): string {
    return join(this.path, `${encodeURIComponent(name)}.json`);
  }
}

/** A reader sees the old content or the new, never half of it. */
async function writeWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content, { mode: 0o600 });
  await rename(temporary, path);
}
