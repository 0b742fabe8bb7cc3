// Starts a command in a place: a program of ours directly, anything else by the shell, which runs in the userland worker.
import type { Netns } from '../kernel/netns/netns.ts';
import {
  Killed,
  type Place,
  type Process,
  runProgram,
  SIGNAL_NUMBERS,
  type Signal,
  type SpawnChange,
} from './process.ts';
import { programOf } from './programs.ts';
import type { Shell } from './shell/shell.ts';
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

const SHELLS = new Set(['sh', 'bash', 'ash']);
const baseName = (command: string): string => command.split('/').at(-1)!;

/** Runs it to its end; the exit code. 127 for a command that nobody knows, 128 and the signal for one that was killed. */
export async function launch(options: Launch): Promise<number> {
  const { argv } = options;
  const [command = '', ...args] = argv;
  const program = programOf(command);
  if (program !== undefined) return runProgram(program, args, processOf(options));
  if (!SHELLS.has(baseName(command))) return inShell(options, quoteWords(argv), command);
  if (args[0] === '-c' || args[0] === '-ec' || args[0] === '-exc') {
    const script = args[1] ?? '';
    // One plain command is run without a shell between: its input and output stream, and no worker starts.
    const words = simpleWords(script);
    const simple = words === undefined ? undefined : programOf(words[0]!);
    if (simple !== undefined) return runProgram(simple, words!.slice(1), processOf(options));
    return inShell(options, script, undefined);
  }
  const file = args.find((a) => !a.startsWith('-'));
  if (file !== undefined) return inShell(options, options.place.fs.readText(file), undefined);
  return interactive(options);
}

async function inShell(options: Launch, script: string, command: string | undefined): Promise<number> {
  const { place, env, cwd, signal, shell } = options;
  options.ready?.();
  try {
    const result = await shell.run({
      place,
      script,
      env,
      cwd,
      stdin: options.stdin,
      signal,
      spawn: spawnIn(options),
    });
    // What is no command at all is the container runtime's to say, not the shell's.
    if (command !== undefined && result.code === 127 && /command not found/.test(result.stderr)) {
      options.err(`exec: "${command}": executable file not found in $PATH\n`);
      return 127;
    }
    options.out(result.stdout);
    options.err(result.stderr);
    return result.code;
  } catch (error) {
    if (error instanceof Killed) return 128 + SIGNAL_NUMBERS[error.signal];
    throw error;
  }
}

/** A shell without a script: each line of its input is a command; it ends with its input. */
async function interactive(options: Launch): Promise<number> {
  options.ready?.();
  const prompt = options.tty === undefined ? '' : `/ # `;
  let code = 0;
  let pending = '';
  options.out(prompt);
  for await (const chunk of options.stdin ?? []) {
    const text = Buffer.from(chunk).toString('utf8');
    if (options.tty !== undefined) options.out(text.replaceAll('\r', '\r\n'));
    pending += text.replaceAll('\r', '\n');
    for (let end = pending.indexOf('\n'); end !== -1; end = pending.indexOf('\n')) {
      const line = pending.slice(0, end).trim();
      pending = pending.slice(end + 1);
      if (line === 'exit' || line.startsWith('exit ')) return Number(line.slice(5) || code);
      if (line !== '') code = await inShell({ ...options, stdin: undefined }, line, undefined);
      options.out(prompt);
    }
    if (options.signal.aborted) break;
  }
  return code;
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
    spawn: (argv, change) => spawnIn(options)(argv, change),
  };
}

/** Another program in the same place, with what `change` changes. */
const spawnIn =
  (options: Launch) =>
  (argv: readonly string[], change: SpawnChange): Promise<number> =>
    launch({
      ...options,
      argv,
      place: change.ns === undefined ? options.place : inNetns(options.place, change.ns),
      ...('stdin' in change ? { stdin: change.stdin } : {}),
      ...(change.env === undefined ? {} : { env: { ...options.env, ...change.env } }),
      ...(change.out === undefined ? {} : { out: (c) => change.out!(c) }),
      ...(change.err === undefined ? {} : { err: (c) => change.err!(c) }),
      ready: () => {},
    });

const inNetns = (place: Place, ns: Netns): Place => ({ ...place, ns });

export const isSignal = (name: string): name is Signal => Object.hasOwn(SIGNAL_NUMBERS, name);
