// A container's files as just-bash's IFileSystem. There are no links, owners or times to set. A few devices stand in /dev, among
// them those by which output leaves a script while it runs.
import type { IFileSystem } from 'just-bash';
import type { HostCalls } from './host.ts';
import { STDERR_DEVICE, STDOUT_DEVICE } from './live.ts';

const DEVICES: Readonly<Record<string, 0 | 1 | 2>> = {
  '/dev/null': 0,
  '/dev/tty': 1,
  [STDOUT_DEVICE]: 1,
  [STDERR_DEVICE]: 2,
};
const deviceOf = (path: string): 0 | 1 | 2 | undefined =>
  Object.hasOwn(DEVICES, path) ? DEVICES[path] : undefined;

export const isDevice = (path: string): boolean => deviceOf(path) !== undefined;

type Encoding = string | { readonly encoding?: string | null } | undefined;

const encodingOf = (given: Encoding): BufferEncoding => {
  const name = typeof given === 'object' ? given.encoding : given;
  return (name as BufferEncoding | null | undefined) ?? 'utf8';
};

export function containerFileSystem(calls: HostCalls): IFileSystem {
  const stat = async (path: string) => {
    if (deviceOf(path) !== undefined)
      return { ...PLAIN, isFile: true, mode: 0o666, size: 0, mtime: new Date(0) };
    const { kind, mode, size, mtime } = await calls.stat(path);
    return {
      ...PLAIN,
      isFile: kind === 'file',
      isDirectory: kind === 'dir',
      mode,
      size,
      mtime: new Date(mtime),
    };
  };
  const read = async (path: string): Promise<Uint8Array> =>
    deviceOf(path) === undefined ? calls.read(path) : new Uint8Array(0);
  const put =
    (how: 'write' | 'append') =>
    async (path: string, content: string | Uint8Array, encoding?: Encoding): Promise<void> => {
      const bytes = typeof content === 'string' ? Buffer.from(content, encodingOf(encoding)) : content;
      const device = deviceOf(path);
      if (device === undefined) await calls[how](path, bytes);
      else if (device !== 0 && bytes.length > 0) await calls.output(device, bytes);
    };
  const copy = async (from: string, to: string): Promise<void> => calls.write(to, await read(from));
  const copyTree = async (from: string, to: string): Promise<void> => {
    if ((await stat(from)).isFile) return copy(from, to);
    await calls.mkdir(to, true);
    for (const name of await calls.list(from)) await copyTree(`${from}/${name}`, `${to}/${name}`);
  };
  return {
    readFile: async (path, encoding) =>
      Buffer.from(await read(path)).toString(encodingOf(encoding as Encoding)),
    readFileBytes: async (path) => Buffer.from(await read(path)).toString('latin1') as never,
    readFileBuffer: read,
    writeFile: put('write') as IFileSystem['writeFile'],
    appendFile: put('append') as IFileSystem['appendFile'],
    exists: async (path) => deviceOf(path) !== undefined || calls.exists(path),
    stat,
    lstat: stat,
    mkdir: (path, options) => calls.mkdir(path, options?.recursive === true),
    readdir: (path) => calls.list(path),
    async readdirWithFileTypes(path) {
      const names = await calls.list(path);
      return Promise.all(
        names.map(async (name) => {
          const { isFile, isDirectory } = await stat(`${path === '/' ? '' : path}/${name}`);
          return { name, isFile, isDirectory, isSymbolicLink: false };
        }),
      );
    },
    async rm(path, options) {
      if (options?.force === true && !(await calls.exists(path))) return;
      await calls.remove(path, options?.recursive === true);
    },
    cp: (from, to, options) => (options?.recursive === true ? copyTree(from, to) : copy(from, to)),
    async mv(from, to) {
      await copyTree(from, to);
      await calls.remove(from, true);
    },
    resolvePath,
    getAllPaths: () => [],
    chmod: (path, mode) => calls.chmod(path, mode),
    symlink: notPermitted,
    link: copy,
    readlink: notPermitted,
    realpath: async (path) => resolvePath('/', path),
    utimes: async (path) => {
      // touch: makes the file that is not there.
      if (deviceOf(path) === undefined && !(await calls.exists(path)))
        await calls.write(path, new Uint8Array(0));
    },
  };
}

const PLAIN = { isFile: false, isDirectory: false, isSymbolicLink: false } as const;

const notPermitted = async (): Promise<never> => {
  throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
};

export function resolvePath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
