// What makes the memory store outlive its process: a journal of writes, one JSON line each, in the order of their revisions. A write is
// with the operating system when it is acknowledged, so it survives the emulator's death, not the machine's. The journal is made short
// again when most of it is history.
import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import type { KubeObject } from '../api/types/meta.ts';
import type { Commit } from './memory-store.ts';
import type { Stored } from './store.ts';
import { StoredObject } from './stored.ts';

/** Lines of history that are kept before the journal is rewritten, beside four times the objects there are. */
const SLACK = 10_000;

interface Line {
  readonly resource: string;
  readonly key: string;
  readonly revision: number;
  /** Absent: the object was removed. */
  readonly object?: KubeObject;
}

export interface Journal {
  /** What was stored when it was opened. */
  readonly objects: readonly Stored[];
  readonly revision: number;
  readonly commit: Commit;
  close(): void;
}

export function openJournal(path: string): Journal {
  const live = new Map<string, Line>();
  let revision = 1;
  const take = (line: Line): void => {
    const id = `${line.resource} ${line.key}`;
    if (line.object === undefined) live.delete(id);
    else live.set(id, line);
    revision = Math.max(revision, line.revision);
  };
  for (const line of readLines(path)) take(line);

  let lines = 0;
  let fd: number;
  const rewrite = (): void => {
    const kept = [...live.values()].sort((a, b) => a.revision - b.revision);
    const temporary = `${path}.new`;
    // The last revision is kept even if what it removed is gone: numbers never go back.
    const last: Line = { resource: '', key: '', revision };
    writeFileSync(temporary, [last, ...kept].map((line) => `${JSON.stringify(line)}\n`).join(''), {
      mode: 0o600,
    });
    renameSync(temporary, path);
    fd = openSync(path, 'a', 0o600);
    lines = kept.length;
  };
  rewrite();

  return {
    objects: [...live.values()].map((l) => new StoredObject(l.resource, l.key, l.revision, l.object!)),
    revision,
    commit(write) {
      const line: Line =
        'put' in write
          ? {
              resource: write.put.resource,
              key: write.put.key,
              revision: write.put.revision,
              object: write.put.object,
            }
          : write.remove;
      take(line);
      writeSync(fd, `${JSON.stringify(line)}\n`);
      if (++lines > SLACK + 4 * live.size) {
        closeSync(fd);
        rewrite();
      }
      return undefined;
    },
    close: () => closeSync(fd),
  };
}

/** Every whole line; the last may have been cut by its writer's death, and was then never acknowledged. */
function readLines(path: string): Line[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const lines: Line[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      lines.push(JSON.parse(line) as Line);
    } catch {
      break;
    }
  }
  return lines;
}
