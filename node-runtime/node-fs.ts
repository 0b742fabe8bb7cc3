// A node's file tree: what its daemons leave for each other (/run/flannel/subnet.env, /etc/cni/net.d, /var/lib/cni) and what
// a shell on the node reads. It is kept in memory; what a machine would have on its disk (everything but the tmpfs
// mounts) also goes to a `Disk`, so that a node that was killed finds its CNI allocations again, as after a reboot.

export type FsErrorCode = 'ENOENT' | 'EEXIST' | 'ENOTDIR' | 'EISDIR' | 'ENOTEMPTY';

const FS_ERRORS: Readonly<Record<FsErrorCode, string>> = {
  ENOENT: 'no such file or directory',
  EEXIST: 'file exists',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  ENOTEMPTY: 'directory not empty',
};

/** Words as Go's os package has them: "open /run/flannel/subnet.env: no such file or directory". */
export class FsError extends Error {
  readonly code: FsErrorCode;
  constructor(op: string, path: string, code: FsErrorCode) {
    super(`${op} ${path}: ${FS_ERRORS[code]}`);
    this.code = code;
  }
}

export interface FileStat {
  readonly kind: 'file' | 'dir';
  /** Permission bits: 0o644. */
  readonly mode: number;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
}

export interface StoredFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** What outlives the node's process. `save` without bytes removes the file. */
export interface Disk {
  load(): readonly StoredFile[];
  save(path: string, bytes: Uint8Array | undefined, mode: number): void;
}

/** A disk for nodes that live inside another process. */
export function memoryDisk(): Disk {
  const files = new Map<string, StoredFile>();
  return {
    load: () => [...files.values()],
    save(path, bytes, mode) {
      if (bytes === undefined) files.delete(path);
      else files.set(path, { path, mode, bytes });
    },
  };
}

export interface FsChange {
  readonly type: 'write' | 'remove';
  readonly path: string;
}

interface File {
  bytes: Uint8Array;
  mode: number;
  mtime: number;
}

interface Dir {
  mode: number;
  mtime: number;
}

/** Mounts that a reboot empties. */
const TMPFS = ['/run/', '/var/run/', '/tmp/', '/dev/', '/proc/', '/sys/'];
const onDisk = (path: string): boolean => !TMPFS.some((mount) => path.startsWith(mount));

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Absolute, without "." and "..", without a slash at the end. */
export function normalizePath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

export interface NodeFsOptions {
  /** Wall-clock milliseconds, for modification times. */
  readonly now: () => number;
  readonly disk?: Disk;
}

export class NodeFs {
  readonly #files = new Map<string, File>();
  readonly #dirs = new Map<string, Dir>();
  /** Files whose content is made when they are read, as in /proc and /sys. */
  readonly #generated = new Map<string, () => string>();
  readonly #watchers = new Set<{ readonly prefix: string; readonly fn: (change: FsChange) => void }>();
  readonly #now: () => number;
  readonly #disk: Disk | undefined;

  constructor(options: NodeFsOptions) {
    this.#now = options.now;
    this.#disk = options.disk;
    this.#dirs.set('/', { mode: 0o755, mtime: this.#now() });
    for (const file of this.#disk?.load() ?? []) {
      this.mkdir(parentOf(file.path));
      this.#files.set(file.path, { bytes: file.bytes, mode: file.mode, mtime: this.#now() });
    }
  }

  /** Makes the directory and those above it: `mkdir -p`. */
  mkdir(path: string, mode = 0o755): void {
    path = normalizePath(path);
    if (this.#dirs.has(path)) return;
    if (this.#files.has(path) || this.#generated.has(path)) throw new FsError('mkdir', path, 'ENOTDIR');
    this.mkdir(parentOf(path), mode);
    this.#dirs.set(path, { mode, mtime: this.#now() });
  }

  /** Writes the whole file; directories above it are made. `exclusive` is O_EXCL. */
  write(
    path: string,
    content: string | Uint8Array,
    options: { mode?: number; exclusive?: boolean } = {},
  ): void {
    path = normalizePath(path);
    if (this.#dirs.has(path)) throw new FsError('open', path, 'EISDIR');
    const old = this.#files.get(path);
    if (options.exclusive === true && old !== undefined) throw new FsError('open', path, 'EEXIST');
    this.mkdir(parentOf(path));
    const bytes = typeof content === 'string' ? encoder.encode(content) : content.slice();
    const mode = options.mode ?? old?.mode ?? 0o644;
    this.#files.set(path, { bytes, mode, mtime: this.#now() });
    if (onDisk(path)) this.#disk?.save(path, bytes, mode);
    this.#tell({ type: 'write', path });
  }

  /** A file whose content is `make()` at each read. Undefined takes it away. */
  generate(path: string, make: (() => string) | undefined): void {
    path = normalizePath(path);
    if (make === undefined) {
      this.#generated.delete(path);
      return;
    }
    this.mkdir(parentOf(path));
    this.#generated.set(path, make);
  }

  read(path: string): Uint8Array {
    path = normalizePath(path);
    const make = this.#generated.get(path);
    if (make !== undefined) return encoder.encode(make());
    const file = this.#files.get(path);
    if (file !== undefined) return file.bytes;
    throw this.#dirs.has(path) ? new FsError('read', path, 'EISDIR') : new FsError('open', path, 'ENOENT');
  }

  readText(path: string): string {
    return decoder.decode(this.read(path));
  }

  exists(path: string): boolean {
    path = normalizePath(path);
    return this.#files.has(path) || this.#dirs.has(path) || this.#generated.has(path);
  }

  stat(path: string): FileStat {
    path = normalizePath(path);
    const file = this.#files.get(path);
    if (file !== undefined)
      return { kind: 'file', mode: file.mode, size: file.bytes.length, mtime: file.mtime };
    if (this.#generated.has(path)) return { kind: 'file', mode: 0o444, size: 0, mtime: this.#now() };
    const dir = this.#dirs.get(path);
    if (dir === undefined) throw new FsError('stat', path, 'ENOENT');
    return { kind: 'dir', mode: dir.mode, size: 4096, mtime: dir.mtime };
  }

  chmod(path: string, mode: number): void {
    path = normalizePath(path);
    const at = this.#files.get(path) ?? this.#dirs.get(path);
    if (at === undefined) throw new FsError('chmod', path, 'ENOENT');
    at.mode = mode;
    const file = this.#files.get(path);
    if (file !== undefined && onDisk(path)) this.#disk?.save(path, file.bytes, mode);
  }

  /** Names in a directory, sorted. */
  list(path: string): string[] {
    path = normalizePath(path);
    if (!this.#dirs.has(path)) throw new FsError('open', path, this.exists(path) ? 'ENOTDIR' : 'ENOENT');
    const prefix = path === '/' ? '/' : `${path}/`;
    const names: string[] = [];
    for (const map of [this.#files, this.#dirs, this.#generated])
      for (const known of map.keys())
        if (known.startsWith(prefix) && known !== '/' && !known.includes('/', prefix.length))
          names.push(known.slice(prefix.length));
    return names.sort();
  }

  /** Replaces `to` in one step, as programs do that must not be read half-written. */
  rename(from: string, to: string): void {
    from = normalizePath(from);
    const file = this.#files.get(from);
    if (file === undefined) throw new FsError('rename', from, this.exists(from) ? 'EISDIR' : 'ENOENT');
    this.write(to, file.bytes, { mode: file.mode });
    this.remove(from);
  }

  remove(path: string): void {
    path = normalizePath(path);
    if (this.#files.delete(path)) {
      if (onDisk(path)) this.#disk?.save(path, undefined, 0);
      this.#tell({ type: 'remove', path });
      return;
    }
    if (!this.#dirs.has(path)) throw new FsError('remove', path, 'ENOENT');
    if (this.list(path).length > 0) throw new FsError('remove', path, 'ENOTEMPTY');
    this.#dirs.delete(path);
  }

  /** `rm -rf`: nothing to remove is no error. */
  removeTree(path: string): void {
    path = normalizePath(path);
    const prefix = `${path}/`;
    for (const known of [...this.#files.keys()])
      if (known === path || known.startsWith(prefix)) this.remove(known);
    for (const known of [...this.#dirs.keys()])
      if (known === path || known.startsWith(prefix)) this.#dirs.delete(known);
  }

  /** Calls `fn` after each change at or under `path`. Returns how to stop. */
  watch(path: string, fn: (change: FsChange) => void): () => void {
    const watcher = { prefix: normalizePath(path), fn };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #tell(change: FsChange): void {
    for (const { prefix, fn } of [...this.#watchers])
      if (change.path === prefix || prefix === '/' || change.path.startsWith(`${prefix}/`)) fn(change);
  }
}
