// just-bash fitted into a container: its file system is the container's, its commands that touch the network are ours, its sleep
// is the cluster's clock. Loaded at the first script, since it costs tens of milliseconds and as many megabytes.
import type { HostCalls } from './host.ts';

/** Names of our programs, which replace just-bash's own where both have one. */
export interface ScriptOptions {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly programs: readonly string[];
  readonly hasStdin: boolean;
}

export interface ScriptResult {
  readonly code: number;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

type JustBash = typeof import('just-bash');

/** just-bash's ByteString: a character per byte. */
const latin1 = (text: unknown): Uint8Array => Buffer.from(String(text), 'latin1');

export async function runScript(
  load: () => Promise<JustBash>,
  calls: HostCalls,
  options: ScriptOptions,
): Promise<ScriptResult> {
  const { Bash, defineCommand } = await load();
  const commands = options.programs.map((name) =>
    defineCommand(name, async (args, context) => {
      const { code, stdout, stderr } = await calls.run(
        [name, ...args],
        context.exportedEnv ?? Object.fromEntries(context.env),
        latin1(context.stdin),
      );
      return {
        stdout: Buffer.from(stdout).toString('latin1'),
        stderr: Buffer.from(stderr).toString('utf8'),
        exitCode: code,
        stdoutEncoding: 'binary' as const,
        stdoutKind: 'bytes' as const,
      };
    }),
  );
  const bash = new Bash({
    fs: containerFileSystem(calls) as never,
    cwd: options.cwd,
    env: { ...options.env },
    customCommands: commands,
    sleep: (ms: number) => calls.sleep(ms),
    executionLimits: {
      maxCommandCount: 1_000_000,
      maxLoopIterations: 10_000_000,
      maxExecutionTimeMs: 2_147_483_000,
    } as never,
    defenseInDepth: false,
  } as never);
  const stdin = options.hasStdin ? Buffer.from(await calls.stdin()).toString('latin1') : '';
  const result = await bash.exec(options.script, { stdin } as never);
  return {
    code: result.exitCode,
    stdout: Buffer.from(result.stdout, result.stdoutEncoding === 'binary' ? 'latin1' : 'utf8'),
    stderr: result.stderr,
  };
}

/** just-bash's IFileSystem over a container's files. There are no links, owners or times to set. */
function containerFileSystem(calls: HostCalls): object {
  const stat = async (path: string) => {
    const s = await calls.stat(path);
    return {
      isFile: s.kind === 'file',
      isDirectory: s.kind === 'dir',
      isSymbolicLink: false,
      mode: s.mode,
      size: s.size,
      mtime: new Date(s.mtime),
    };
  };
  const bytesOf = (content: string | Uint8Array, encoding?: string | { encoding?: string }): Uint8Array => {
    if (typeof content !== 'string') return content;
    const name = typeof encoding === 'object' ? encoding.encoding : encoding;
    return Buffer.from(content, (name as BufferEncoding | undefined) ?? 'utf8');
  };
  const unsupported = async (): Promise<never> => {
    throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
  };
  const copy = async (from: string, to: string): Promise<void> => calls.write(to, await calls.read(from));
  return {
    readFile: async (path: string, encoding?: string | { encoding?: string | null }) => {
      const name = typeof encoding === 'object' ? encoding.encoding : encoding;
      return Buffer.from(await calls.read(path)).toString(
        (name as BufferEncoding | null | undefined) ?? 'utf8',
      );
    },
    readFileBytes: async (path: string) => Buffer.from(await calls.read(path)).toString('latin1'),
    readFileBuffer: (path: string) => calls.read(path),
    writeFile: (path: string, content: string | Uint8Array, encoding?: string) =>
      calls.write(path, bytesOf(content, encoding)),
    appendFile: (path: string, content: string | Uint8Array, encoding?: string) =>
      calls.append(path, bytesOf(content, encoding)),
    exists: (path: string) => calls.exists(path),
    stat,
    lstat: stat,
    mkdir: (path: string, options?: { recursive?: boolean }) =>
      calls.mkdir(path, options?.recursive === true),
    readdir: (path: string) => calls.list(path),
    readdirWithFileTypes: async (path: string) =>
      Promise.all(
        (await calls.list(path)).map(async (name) => {
          const { isFile, isDirectory } = await stat(`${path === '/' ? '' : path}/${name}`);
          return { name, isFile, isDirectory, isSymbolicLink: false };
        }),
      ),
    rm: async (path: string, options?: { recursive?: boolean; force?: boolean }) => {
      if (options?.force === true && !(await calls.exists(path))) return;
      await calls.remove(path, options?.recursive === true);
    },
    cp: copy,
    mv: async (from: string, to: string) => {
      await copy(from, to);
      await calls.remove(from, false);
    },
    resolvePath: (base: string, path: string) => resolvePath(base, path),
    getAllPaths: () => [],
    chmod: (path: string, mode: number) => calls.chmod(path, mode),
    symlink: unsupported,
    link: copy,
    readlink: unsupported,
    realpath: async (path: string) => resolvePath('/', path),
    utimes: async () => {},
  };
}

export function resolvePath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}
