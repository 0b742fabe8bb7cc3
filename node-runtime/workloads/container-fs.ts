// What a container sees as its file system: its own writable layer (overlayfs's upper directory; images have no files
// here but those that programs look for), the kubelet's mounts, which are files of the node, and /proc, made when it is
// read. Paths are resolved as the kernel does, without symbolic links.

import type { Mount } from '../kubelet/runtime.ts';
import { type FileStat, FsError, type NodeFs, normalizePath } from '../node-fs.ts';

interface MountPoint {
  readonly target: string;
  readonly fs: NodeFs;
  readonly source: string;
  readonly readOnly: boolean;
}

/** EROFS, in Go's words. */
export class ReadOnlyError extends Error {
  readonly code = 'EROFS';
  constructor(op: string, path: string) {
    super(`${op} ${path}: read-only file system`);
  }
}

export class ContainerFs {
  readonly #root: NodeFs;
  /** Longest target first, so that the first that fits is the innermost. */
  readonly #mounts: readonly MountPoint[];

  /** `root` belongs to this container alone; a node's own processes see the node's tree itself. */
  constructor(root: NodeFs, nodeFs?: NodeFs, mounts: readonly Mount[] = []) {
    this.#root = root;
    this.#mounts = mounts
      .map(({ target, source, readOnly }) => ({
        target: normalizePath(target),
        fs: nodeFs!,
        source,
        readOnly,
      }))
      .sort((a, b) => b.target.length - a.target.length);
  }

  /** A file whose content is made at each read: /proc. */
  generate(path: string, make: () => string): void {
    this.#root.generate(path, make);
  }

  read(path: string): Uint8Array {
    return this.#with(path, (fs, at) => fs.read(at));
  }
  readText(path: string): string {
    return Buffer.from(this.read(path)).toString('utf8');
  }
  /** The text, or undefined when there is no such file. */
  tryRead(path: string): string | undefined {
    try {
      return this.readText(path);
    } catch (error) {
      if (error instanceof FsError) return undefined;
      throw error;
    }
  }
  /** Unlike NodeFs, does not make directories: open(2) does not either. */
  write(path: string, bytes: string | Uint8Array, mode?: number): void {
    this.#needParent('open', path);
    this.#with(path, (fs, at) => fs.write(at, bytes, mode === undefined ? {} : { mode }), 'open');
  }
  /** Why open(2) for writing would fail; undefined when it would not. */
  whyNotWrite(path: string): 'EISDIR' | 'ENOENT' | 'ENOTDIR' | 'EROFS' | undefined {
    const whole = normalizePath(path);
    if (this.exists(whole)) {
      if (this.stat(whole).kind === 'dir') return 'EISDIR';
    } else {
      const parent = normalizePath(`${whole}/..`);
      if (!this.exists(parent)) return 'ENOENT';
      if (this.stat(parent).kind !== 'dir') return 'ENOTDIR';
    }
    const mount = this.#mounts.find(({ target }) => whole === target || whole.startsWith(`${target}/`));
    return mount?.readOnly === true ? 'EROFS' : undefined;
  }
  append(path: string, bytes: Uint8Array): void {
    const old = this.exists(path) ? this.read(path) : new Uint8Array(0);
    const whole = new Uint8Array(old.length + bytes.length);
    whole.set(old);
    whole.set(bytes, old.length);
    this.write(path, whole);
  }
  exists(path: string): boolean {
    return this.#with(path, (fs, at) => fs.exists(at)) || this.#isAboveMount(normalizePath(path));
  }
  stat(path: string): FileStat {
    try {
      return this.#with(path, (fs, at) => fs.stat(at));
    } catch (error) {
      if (!this.#isAboveMount(normalizePath(path))) throw error;
      return { kind: 'dir', mode: 0o755, size: 4096, mtime: this.#root.stat('/').mtime };
    }
  }
  list(path: string): string[] {
    const whole = normalizePath(path);
    const above = this.#isAboveMount(whole);
    const names = new Set<string>();
    try {
      for (const name of this.#with(path, (fs, at) => fs.list(at))) names.add(name);
    } catch (error) {
      if (!above) throw error;
    }
    const prefix = whole === '/' ? '/' : `${whole}/`;
    for (const { target } of this.#mounts)
      if (target.startsWith(prefix)) names.add(target.slice(prefix.length).split('/')[0]!);
    return [...names].sort();
  }
  mkdir(path: string, recursive: boolean): void {
    if (!recursive) {
      if (this.exists(path)) throw new FsError('mkdir', path, 'EEXIST');
      this.#needParent('mkdir', path);
    }
    this.#with(path, (fs, at) => fs.mkdir(at), 'mkdir');
  }
  remove(path: string, recursive: boolean): void {
    const act = recursive ? 'removeTree' : 'remove';
    this.#with(path, (fs, at) => fs[act](at), 'remove');
  }
  chmod(path: string, mode: number): void {
    this.#with(path, (fs, at) => fs.chmod(at, mode), 'chmod');
  }

  #with<T>(path: string, act: (fs: NodeFs, at: string) => T, writing?: string): T {
    const whole = normalizePath(path);
    for (const { target, fs, source, readOnly } of this.#mounts) {
      if (whole !== target && !whole.startsWith(`${target}/`)) continue;
      if (readOnly && writing !== undefined) throw new ReadOnlyError(writing, path);
      return act(fs, source + whole.slice(target.length));
    }
    return act(this.#root, whole);
  }
  #needParent(op: string, path: string): void {
    const parent = normalizePath(`${path}/..`);
    if (!this.exists(parent)) throw new FsError(op, path, 'ENOENT');
    if (this.stat(parent).kind !== 'dir') throw new FsError(op, path, 'ENOTDIR');
  }
  #isAboveMount(path: string): boolean {
    const prefix = path === '/' ? '/' : `${path}/`;
    return this.#mounts.some(({ target }) => target.startsWith(prefix));
  }
}
