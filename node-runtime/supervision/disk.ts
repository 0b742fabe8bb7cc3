// A node's disk, kept by the emulator: what is written goes there, and comes back with the configuration when the node
// was killed and starts again. So nothing of a foreground cluster is left on the host's own disk.
import type { DiskFile } from '../../emulator/protocol/records.ts';
import type { Disk } from '../node-fs.ts';
import type { Supervision } from './supervision.ts';

/** Bytes of one file that are kept; larger ones live as long as the process. */
const MAX_FILE = 1 << 20;

export interface SupervisedDisk extends Disk {
  /** Says everything again, to an emulator that does not know it. */
  tellAll(): void;
}

export function supervisedDisk(supervision: Supervision, had: readonly DiskFile[]): SupervisedDisk {
  const files = new Map<string, DiskFile>(had.map((file) => [file.path, file]));
  return {
    load: () => [...files.values()],
    save(path, bytes, mode) {
      if (bytes === undefined || bytes.length > MAX_FILE) {
        if (files.delete(path)) supervision.send({ type: 'disk', path });
        return;
      }
      const file = { path, mode: mode & 0o7777, bytes };
      files.set(path, file);
      supervision.send({ type: 'disk', path, file });
    },
    tellAll() {
      for (const file of files.values()) supervision.send({ type: 'disk', path: file.path, file });
    },
  };
}
