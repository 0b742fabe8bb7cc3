// Starts a command in a place: a program of ours directly, a script or anything else by the shell (shell/), which is loaded only
// then.
import {
  Killed,
  type Place,
  type Process,
  runProgram,
  SIGNAL_NUMBERS,
  type Signal,
  type SpawnChange,
} from './process.ts';
import { isProgram, programOf, saysReady } from './program-names.ts';
import type { Shell, ShellTask } from './shell/shell.ts';
import { isShellCommand } from './shell-commands.ts';
import { quoteWords, simpleWords } from './words.ts';

export interface Launch {
  readonly place: Place;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly tty?: { readonly columns: number; readonly rows: number } | undefined;
  readonly signal: AbortSignal;
  readonly shell: Shell;
  out(chunk: string | Uint8Array): void;
  err(chunk: string | Uint8Array): void;
  ready?(): void;
}

const SHELLS = new Set(['sh', 'bash', 'ash', 'dash']);
const baseName = (command: string): string => command.split('/').at(-1)!;
const isPath = (command: string): boolean => command.includes('/');
/** Entrypoints that only run what they are given. */
const WRAPPERS = new Set(['docker-entrypoint.sh', 'tini', 'dumb-init', 'nohup', 'exec']);
/** Directories that images have their commands in; these are not in the container's own files. */
const BIN = /^\/(usr\/(local\/)?)?s?bin\/[^/]+$/;

/** execvp(3) fails: there is no such command. In the words of runc, which the exit code 127 stands for. */
export class NotFound extends Error {
  constructor(command: string) {
    super(
      isPath(command)
        ? `exec: "${command}": stat ${command}: no such file or directory`
        : `exec: "${command}": executable file not found in $PATH`,
    );
  }
}

function unwrapped(argv: readonly string[]): readonly string[] {
  if (!WRAPPERS.has(baseName(argv[0] ?? ''))) return argv;
  const rest = argv.slice(1);
  const at = rest.findIndex((word) => !word.startsWith('-') || word === '--');
  return at === -1 ? argv : unwrapped(rest.slice(rest[at] === '--' ? at + 1 : at));
}

/** Whether there is anything of that name to be run here. */
export function isExecutable(place: Place, given: readonly string[]): boolean {
  const [command = ''] = unwrapped(given);
  if (isPath(command) && place.fs.exists(command)) return true;
  const name = baseName(command);
  if (isPath(command) && !BIN.test(command) && !isProgram(command)) return false;
  return SHELLS.has(name) || isProgram(name) || isShellCommand(name);
}

/** Runs it to its end; the exit code: 128 and the signal's number for one that was killed. Rejects with NotFound. */
export async function launch(options: Launch): Promise<number> {
  const { place } = options;
  const [command = '', ...args] = unwrapped(options.argv);
  const inFiles = isPath(command) && place.fs.exists(command);
  const program = inFiles ? undefined : programOf(command);
  if (program !== undefined) {
    if (!saysReady(command)) options.ready?.();
    return runProgram(program, args, processOf(options));
  }
  if (!isExecutable(place, [command])) throw new NotFound(command);
  // A file of the container can only be a script here.
  if (inFiles) return inShell(options, scriptTask(place, command, args));
  if (!SHELLS.has(baseName(command)))
    return inShell(options, { kind: 'script', script: quoteWords([baseName(command), ...args]), args: [] });
  return shell(options, args);
}

const scriptTask = (place: Place, path: string, args: readonly string[]): ShellTask => ({
  kind: 'script',
  script: place.fs.readText(path).replace(/^#!.*/, ''),
  args,
});

/** sh: -c SCRIPT [NAME [ARG…]], FILE [ARG…], or what comes by standard input. */
function shell(options: Launch, args: readonly string[]): Promise<number> {
  const flags: string[] = [];
  const rest = [...args];
  while (rest[0]?.startsWith('-') === true || rest[0]?.startsWith('+') === true) {
    const flag = rest.shift()!;
    if (flag === '--' || flag === '-') break;
    if (/^[-+]\w*o$/.test(flag)) flags.push(`set ${flag} ${rest.shift() ?? ''}`);
    else flags.push(flag);
  }
  const letters = flags.filter((f) => /^-[a-z]+$/i.test(f)).join('');
  const sets = [
    ...flags.filter((f) => f.startsWith('set ')),
    ...[...'eux'].filter((f) => letters.includes(f)).map((f) => `set -${f}`),
  ];
  const prelude = sets.map((s) => `${s}\n`).join('');
  if (letters.includes('c')) {
    const [script = '', , ...parameters] = rest;
    // One plain command is run without a shell between: its input and output stream, and no worker starts.
    const words = prelude === '' ? simpleWords(script) : undefined;
    const simple = words === undefined ? undefined : programOf(words[0]!);
    if (simple !== undefined) {
      if (!saysReady(words![0]!)) options.ready?.();
      return runProgram(simple, words!.slice(1), processOf(options));
    }
    return inShell(options, { kind: 'script', script: prelude + script, args: parameters });
  }
  const [file, ...parameters] = rest;
  if (file === undefined || letters.includes('s'))
    return inShell(options, { kind: 'interactive', prompt: '/ # ' });
  const path = file.startsWith('/') ? file : `${options.cwd}/${file}`;
  if (!options.place.fs.exists(path)) {
    options.err(`sh: ${file}: No such file or directory\n`);
    return Promise.resolve(127);
  }
  const task = scriptTask(options.place, path, parameters) as Extract<ShellTask, { kind: 'script' }>;
  return inShell(options, { ...task, script: prelude + task.script });
}

async function inShell(options: Launch, task: ShellTask): Promise<number> {
  const { place, env, cwd, signal, stdin, tty } = options;
  options.ready?.();
  try {
    return await options.shell.run({
      place,
      task,
      env,
      cwd,
      stdin,
      tty,
      signal,
      out: (chunk) => options.out(chunk),
      err: (chunk) => options.err(chunk),
      spawn: spawnIn(options),
      background: (script, jobEnv, jobCwd) =>
        place.jobs.start((jobSignal) =>
          launch({
            ...options,
            argv: ['sh', '-c', script],
            env: jobEnv,
            cwd: jobCwd,
            stdin: undefined,
            tty: undefined,
            signal: jobSignal,
            ready: () => {},
          }),
        ),
    });
  } catch (error) {
    if (error instanceof Killed) return 128 + SIGNAL_NUMBERS[error.signal];
    throw error;
  }
}

function processOf(options: Launch): Process {
  const { place, env, cwd, stdin, tty, signal } = options;
  return {
    ...place,
    env,
    cwd,
    stdin,
    tty,
    signal,
    out: options.out,
    err: options.err,
    ready: () => options.ready?.(),
    spawn: spawnIn(options),
  };
}

/** Another program in the same place, with what `change` changes. A command that is not there is a line and 127, as a shell has it. */
const spawnIn =
  (options: Launch) =>
  async (argv: readonly string[], change: SpawnChange): Promise<number> => {
    const { ns, env, cwd, signal } = change;
    try {
      return await launch({
        ...options,
        argv,
        place: ns === undefined ? options.place : { ...options.place, ns },
        ...('stdin' in change ? { stdin: change.stdin } : {}),
        ...(env === undefined ? {} : { env: { ...options.env, ...env } }),
        ...(cwd === undefined ? {} : { cwd }),
        ...(signal === undefined ? {} : { signal }),
        ...(change.out === undefined ? {} : { out: (c) => change.out!(c) }),
        ...(change.err === undefined ? {} : { err: (c) => change.err!(c) }),
        ready: () => {},
      });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      (change.err ?? options.err)(`sh: ${argv[0]}: not found\n`);
      return 127;
    }
  };

export const isSignal = (name: string): name is Signal => Object.hasOwn(SIGNAL_NUMBERS, name);
