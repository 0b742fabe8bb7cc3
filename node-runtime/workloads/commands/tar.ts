// tar, GNU's: makes, lists and unpacks archives of the container's files, in the ustar format (POSIX.1-1988) with pax headers for
// long names read (POSIX.1-2001). What kubectl cp speaks with a pod. Compression is not among it.
import { FsError } from '../../node-fs.ts';
import { getopt } from '../getopt.ts';
import { ExitError, type Process, type Program, readAll } from '../process.ts';

const BLOCK = 512;
const HINT = "Try 'tar --help' or 'tar --usage' for more information.";

export const tar: Program = async (args, proc) => {
  // The first word's letters may stand without a dash.
  const words = args[0] !== undefined && !args[0].startsWith('-') ? [`-${args[0]}`, ...args.slice(1)] : args;
  const options = getopt(words, {
    short: 'cxtf:C:mvpohkO',
    long: [
      'create',
      'extract',
      'list',
      'file:',
      'directory:',
      'verbose',
      'touch',
      'no-same-owner',
      'no-same-permissions',
    ],
  });
  const cwd = absolute(proc.cwd, options.last('C', 'directory') ?? '.');
  const file = options.last('f', 'file') ?? '-';
  const verbose = options.has('v', 'verbose');
  if (options.has('c', 'create')) return create(proc, cwd, file, options.operands, verbose);
  const extract = options.has('x', 'extract');
  if (!extract && !options.has('t', 'list'))
    throw new ExitError(
      2,
      `tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\n${HINT}`,
    );
  const archive =
    file === '-' ? await readAll(proc.stdin) : Buffer.from(read(proc, absolute(proc.cwd, file)));
  for (const entry of entriesOf(archive)) {
    if (options.operands.length > 0 && !options.operands.some((name) => within(entry.name, name))) continue;
    if (!extract || verbose) proc.out(`${entry.name}\n`);
    if (extract) unpack(proc, cwd, entry);
  }
  return 0;
};

interface Entry {
  readonly name: string;
  readonly directory: boolean;
  readonly mode: number;
  readonly data: Buffer;
}

const within = (name: string, asked: string): boolean =>
  name === asked || name.startsWith(`${asked.replace(/\/$/, '')}/`);

/** A path without "." and ".." in it. */
export function absolute(cwd: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/'))
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  return `/${parts.join('/')}`;
}

function read(proc: Process, path: string): Uint8Array {
  try {
    return proc.fs.read(path);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new ExitError(
      2,
      `tar: ${path}: Cannot open: No such file or directory\ntar: Error is not recoverable: exiting now`,
    );
  }
}

/** Every file and directory of an archive. Throws ExitError for what is none. */
export function entriesOf(archive: Buffer): Entry[] {
  const entries: Entry[] = [];
  let long: string | undefined;
  for (let at = 0; at + BLOCK <= archive.length; ) {
    const head = archive.subarray(at, at + BLOCK);
    if (head.every((byte) => byte === 0)) break;
    if (octal(head, 148, 8) !== checksum(head)) throw notTar();
    const size = octal(head, 124, 12);
    if (at + BLOCK + size > archive.length)
      throw new ExitError(2, 'tar: Unexpected EOF in archive\ntar: Error is not recoverable: exiting now');
    const data = archive.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    const type = String.fromCharCode(head[156]!);
    if (type === 'x') long = paxPath(data) ?? long;
    else if (type === 'L') long = data.toString('utf8').replace(/\0+$/, '');
    else if (type !== 'g') {
      const prefix = text(head, 345, 155);
      const name = long ?? (prefix === '' ? text(head, 0, 100) : `${prefix}/${text(head, 0, 100)}`);
      long = undefined;
      const directory = type === '5' || name.endsWith('/');
      // Links and devices have no place in a container here.
      if (directory || type === '0' || type === '\0')
        entries.push({ name, directory, mode: octal(head, 100, 8), data });
    }
  }
  if (archive.length > 0 && archive.length < BLOCK) throw notTar();
  return entries;
}

const notTar = (): ExitError =>
  new ExitError(
    2,
    'tar: This does not look like a tar archive\ntar: Exiting with failure status due to previous errors',
  );

/** "30 path=some/long/name\n" among other records. */
function paxPath(data: Buffer): string | undefined {
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= 0) return undefined;
    const [key, ...value] = data.toString('utf8', space + 1, at + length - 1).split('=');
    if (key === 'path') return value.join('=');
    at += length;
  }
  return undefined;
}

function unpack({ fs }: Process, cwd: string, { name, directory, mode, data }: Entry): void {
  const path = absolute(cwd, name.replace(/^\/+/, ''));
  // As GNU's does with names that lead out of where it unpacks.
  if (name.split('/').includes('..')) throw new ExitError(2, `tar: ${name}: Member name contains '..'`);
  try {
    if (directory) fs.mkdir(path, true);
    else {
      fs.mkdir(path.slice(0, path.lastIndexOf('/')) || '/', true);
      fs.write(path, Uint8Array.from(data), mode);
    }
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new ExitError(2, `tar: ${name}: Cannot open: ${error.message}`);
  }
}

function create(
  proc: Process,
  cwd: string,
  file: string,
  names: readonly string[],
  verbose: boolean,
): number {
  if (names.length === 0)
    throw new ExitError(2, `tar: Cowardly refusing to create an empty archive\n${HINT}`);
  const parts: Uint8Array[] = [];
  let failed = false;
  let stripped = false;
  const add = (shown: string): void => {
    const path = absolute(cwd, shown);
    if (!proc.fs.exists(path)) {
      proc.err(`tar: ${shown}: Cannot stat: No such file or directory\n`);
      failed = true;
      return;
    }
    if (shown.startsWith('/') && !stripped) {
      proc.err("tar: Removing leading `/' from member names\n");
      stripped = true;
    }
    const { kind, mode } = proc.fs.stat(path);
    const name = shown.replace(/^\/+/, '') || './';
    if (verbose) (file === '-' ? proc.err : proc.out)(`${shown}\n`);
    if (kind === 'dir') {
      parts.push(header(name.endsWith('/') ? name : `${name}/`, 0, mode, '5'));
      for (const child of proc.fs.list(path)) add(`${shown.replace(/\/$/, '')}/${child}`);
    } else {
      const data = proc.fs.read(path);
      parts.push(header(name, data.length, mode, '0'), data, Buffer.alloc(-data.length & (BLOCK - 1)));
    }
  };
  for (const name of names) add(name);
  if (failed) proc.err('tar: Exiting with failure status due to previous errors\n');
  const whole = Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
  if (file === '-') proc.out(whole);
  else proc.fs.write(absolute(proc.cwd, file), whole);
  return failed ? 2 : 0;
}

export function header(name: string, size: number, mode: number, type: '0' | '5'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [short, prefix] = splitName(name);
  block.write(short, 0, 100);
  block.write(prefix, 345, 155);
  const number = (value: number, at: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  };
  number(mode & 0o7777, 100, 7);
  number(0, 108, 7);
  number(0, 116, 7);
  number(size, 124, 11);
  number(0, 136, 11);
  block.write(type, 156);
  block.write('ustar\x0000root', 257, 'latin1');
  block.write('root', 297);
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A name of more than 100 bytes is cut at a slash: POSIX's prefix. */
function splitName(name: string): [string, string] {
  if (Buffer.byteLength(name) <= 100) return [name, ''];
  for (let at = name.indexOf('/'); at > 0 && at <= 155; at = name.indexOf('/', at + 1))
    if (Buffer.byteLength(name.slice(at + 1)) <= 100) return [name.slice(at + 1), name.slice(0, at)];
  throw new ExitError(2, `tar: ${name}: file name is too long (cannot be split); not dumped`);
}

/** The sum of a header's bytes, its own field taken as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 0x20 : block[i]!;
  return sum;
}

const text = (block: Buffer, at: number, length: number): string => {
  const end = block.subarray(at, at + length).indexOf(0);
  return block.toString('utf8', at, end < 0 ? at + length : at + end);
};
const octal = (block: Buffer, at: number, length: number): number =>
  Number.parseInt(text(block, at, length).trim() || '0', 8);
