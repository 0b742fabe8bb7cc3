// just-bash fitted into a container: its file system is the container's, its commands that touch the network are ours, its sleep
// is the cluster's clock, its output goes out as it is made (live.ts). Loaded at the first script, since it costs tens of
// milliseconds and as many megabytes.
import type { ScriptNode } from 'just-bash';
import { containerFileSystem, isDevice, resolvePath } from './bash-fs.ts';
import type { HostCalls } from './host.ts';
import {
  JOB,
  JOB_VARIABLE,
  KILL,
  type Live,
  literal,
  MERGE_STDERR,
  makeLive,
  OPEN,
  OWN_STDIN,
  quoted,
  RUN,
  readsStdin,
  simple,
  statement,
  TRAP,
  WAIT,
  YIELD,
} from './live.ts';
import type { ShellTask } from './shell.ts';

export interface ScriptOptions {
  readonly task: ShellTask;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Names of our programs, which replace just-bash's own where both have one. */
  readonly programs: readonly string[];
  readonly hasStdin: boolean;
  /** A terminal shows what is typed and wants carriage returns. */
  readonly tty: boolean;
}

type JustBash = typeof import('just-bash');
type Bash = InstanceType<JustBash['Bash']>;
type Command = ReturnType<JustBash['defineCommand']>;

/** Computing time after which a loop lets others have their turn, in milliseconds of the host. */
const TURN = 8;
/** A script may go on for ever: it ends when it is told to. */
const ENDLESS = Number.MAX_SAFE_INTEGER;
const LIMITS = {
  maxCommandCount: ENDLESS,
  maxLoopIterations: ENDLESS,
  maxWorkUnits: ENDLESS,
  maxOutputSize: ENDLESS,
  maxExecutionTimeMs: Number.POSITIVE_INFINITY,
};

/** just-bash's ByteString: a character per byte. */
const bytesOf = (text: unknown): Uint8Array => Buffer.from(String(text), 'latin1');
const nothing = (exitCode: number, stderr = '') => ({ stdout: '', stderr, exitCode });

/** Runs a script, or the lines that come by standard input, to its end. Answers the exit code. */
export async function runScript(
  load: () => Promise<JustBash>,
  calls: HostCalls,
  options: ScriptOptions,
  signal: AbortSignal,
): Promise<number> {
  const session = new Session(await load(), calls, options, signal);
  return options.task.kind === 'script'
    ? session.script(options.task)
    : session.interactive(options.task.prompt);
}

class Session {
  readonly #module: JustBash;
  readonly #calls: HostCalls;
  readonly #options: ScriptOptions;
  readonly #signal: AbortSignal;
  readonly #live: Live;
  readonly #bash: Bash;
  #onExit = '';
  #lastTurn = performance.now();

  constructor(module: JustBash, calls: HostCalls, options: ScriptOptions, signal: AbortSignal) {
    this.#module = module;
    this.#calls = calls;
    this.#options = options;
    this.#signal = signal;
    const programs = new Set(options.programs);
    const commands = new Set([...programs, ...module.getCommandNames()]);
    this.#live = {
      isProgram: (name) => programs.has(name),
      isCommand: (name) => commands.has(name),
      serialize: module.serialize,
    };
    this.#bash = new module.Bash({
      fs: containerFileSystem(calls),
      cwd: options.cwd,
      env: { ...options.env },
      customCommands: this.#commands(),
      sleep: (ms) => calls.sleep(ms),
      executionLimits: LIMITS,
      defenseInDepth: false,
    });
  }

  async script({
    script,
    args,
  }: {
    readonly script: string;
    readonly args: readonly string[];
  }): Promise<number> {
    const tree = this.#parse(script);
    if (typeof tree === 'string') {
      await this.#say(2, `${tree}\n`);
      return 2;
    }
    const stdin = this.#options.hasStdin && readsStdin(tree) ? await this.#calls.stdin() : new Uint8Array(0);
    const { code } = await this.#run(tree, stdin, args);
    if (this.#onExit !== '') {
      const atExit = this.#parse(this.#onExit);
      if (typeof atExit !== 'string') await this.#run(atExit, new Uint8Array(0));
    }
    return code;
  }

  /** Reads commands as they come, each run when it is whole, until the input ends or one of them is `exit`. */
  async interactive(prompt: string): Promise<number> {
    const { tty } = this.#options;
    const functions: ScriptNode['statements'] = [];
    let env: Readonly<Record<string, string>> | undefined;
    let pending = '';
    let code = 0;
    const ask = (): Promise<void> => (tty ? this.#say(1, pending === '' ? prompt : '> ') : Promise.resolve());
    await ask();
    for (let chunk = await this.#calls.input(); chunk !== undefined; chunk = await this.#calls.input()) {
      const typed = Buffer.from(chunk).toString('utf8');
      if (tty) {
        const line = typeOn(pending, typed);
        await this.#say(1, line.echo);
        if (line.ended) break;
        pending = line.text;
      } else pending += typed;
      for (let end = pending.indexOf('\n'); end !== -1; ) {
        const text = pending.slice(0, end + 1);
        const tree = this.#parse(text);
        const next = pending.indexOf('\n', end + 1);
        if (typeof tree === 'string' && isUnfinished(text, tree)) {
          // The rest of it comes with a later line.
          end = next;
          continue;
        }
        pending = pending.slice(end + 1);
        end = pending.indexOf('\n');
        if (typeof tree === 'string') {
          await this.#say(2, `${tree}\n`);
          code = 2;
        } else if (text.trim() !== '') {
          // What the line before ended with is still there to be asked for.
          const status = statement(simple(literal(YIELD), literal(String(code))));
          const ran = await this.#run(
            { ...tree, statements: [...functions, status, ...tree.statements] },
            undefined,
            [],
            env,
          );
          functions.push(
            ...tree.statements.filter((s) => s.pipelines[0]?.commands[0]?.type === 'FunctionDef'),
          );
          ({ code, env } = ran);
          if (ran.exited) return code;
        }
      }
      if (/[\r\n\u0003]/.test(typed)) await ask();
    }
    return code;
  }

  /** What is wrong with it, where it cannot be read. */
  #parse(text: string): ScriptNode | string {
    try {
      return this.#module.parse(text);
    } catch (error) {
      return `sh: ${error instanceof Error ? error.message.replace(/^Parse error at /, 'line ') : error}`;
    }
  }

  async #run(
    tree: ScriptNode,
    stdin: Uint8Array = new Uint8Array(0),
    args: readonly string[] = [],
    env?: Readonly<Record<string, string>>,
  ): Promise<{
    readonly code: number;
    readonly env: Readonly<Record<string, string>>;
    readonly exited: boolean;
  }> {
    const { statements } = makeLive(tree, this.#live);
    const set = [literal('--'), ...args.map(quoted)];
    const positional = args.length === 0 ? [] : [statement(simple(literal('set'), ...set))];
    this.#reachedEnd = false;
    const parameter = { type: 'ParameterExpansion' as const, parameter: '?', operation: null };
    const end = statement(simple(literal(END), { type: 'Word', parts: [parameter] }));
    const text = this.#module.serialize({ ...tree, statements: [...positional, ...statements, end] });
    const result = await this.#bash.exec(text, {
      rawScript: true,
      stdin: Buffer.from(stdin).toString('latin1'),
      stdinKind: 'bytes',
      signal: this.#signal,
      ...(env === undefined ? {} : { env: { ...env }, cwd: env['PWD'] ?? '/' }),
    });
    await this.#say(1, Buffer.from(result.stdout, result.stdoutKind === 'bytes' ? 'latin1' : 'utf8'));
    await this.#say(2, result.stderr);
    return { code: result.exitCode, env: result.env, exited: !this.#reachedEnd };
  }
  #reachedEnd = false;

  async #say(fd: 1 | 2, text: string | Uint8Array): Promise<void> {
    if (text.length > 0) await this.#calls.output(fd, typeof text === 'string' ? Buffer.from(text) : text);
  }

  #commands(): Command[] {
    const { defineCommand } = this.#module;
    const calls = this.#calls;
    const ours: Command[] = this.#options.programs.map((name) =>
      defineCommand(name, async (args, context) => {
        const env = context.exportedEnv ?? {};
        const options = { live: false, ownStdin: false, mergeStderr: false };
        const ran = await calls.run([name, ...args], env, context.cwd, bytesOf(context.stdin), options);
        return {
          stdout: Buffer.from(ran.stdout).toString('latin1'),
          stderr: Buffer.from(ran.stderr).toString('utf8'),
          exitCode: ran.code,
          stdoutKind: 'bytes',
        };
      }),
    );
    return [
      ...ours,
      defineCommand(RUN, async ([flags = '', ...argv], context) => {
        const stdin = bytesOf(context.stdin);
        const options = {
          live: true,
          ownStdin: flags.includes(OWN_STDIN) && stdin.length === 0,
          mergeStderr: flags.includes(MERGE_STDERR),
        };
        return nothing((await calls.run(argv, context.exportedEnv ?? {}, context.cwd, stdin, options)).code);
      }),
      defineCommand(OPEN, async (files, context) => {
        for (const file of files) {
          const path = resolvePath(context.cwd, file);
          const why = isDevice(path) ? undefined : await calls.whyNotWrite(path);
          if (why !== undefined) return nothing(1, `bash: ${file}: ${why}\n`);
        }
        return nothing(0);
      }),
      defineCommand(YIELD, async ([status]) => {
        if (performance.now() - this.#lastTurn > TURN) {
          await new Promise((resolve) => setImmediate(resolve));
          this.#lastTurn = performance.now();
        }
        return nothing(Number(status));
      }),
      defineCommand(JOB, async ([script = ''], context) => {
        const env = Object.fromEntries([...context.env].filter(([name]) => /^[A-Za-z_]\w*$/.test(name)));
        const pid = await calls.job(script, env, context.cwd);
        await context.assignShellVariable?.(JOB_VARIABLE, String(pid));
        this.#jobs.push(pid);
        return nothing(0);
      }),
      defineCommand(WAIT, async (args) => {
        const pids = args.filter((arg) => /^\d+$/.test(arg)).map(Number);
        let code = 0;
        for (const pid of pids.length > 0 ? pids : this.#jobs) {
          const ended = await calls.waitJob(pid);
          if (pids.length > 0) code = ended ?? 127;
        }
        return nothing(code);
      }),
      defineCommand(KILL, (args) => this.#kill(args)),
      // Signals end a script; only its last words can be arranged for.
      defineCommand(TRAP, async ([action = '', ...events]) => {
        if (events.includes('EXIT') || events.includes('0')) this.#onExit = action === '-' ? '' : action;
        return nothing(0);
      }),
      defineCommand(END, async ([status]) => {
        this.#reachedEnd = true;
        return nothing(Number(status));
      }),
    ];
  }
  readonly #jobs: number[] = [];

  async #kill(args: readonly string[]) {
    let name = 'SIGTERM';
    let stderr = '';
    for (const arg of args) {
      if (arg === '-9' || arg === '-KILL' || arg === '-SIGKILL') name = 'SIGKILL';
      else if (arg === '-2' || arg === '-INT' || arg === '-SIGINT') name = 'SIGINT';
      else if (arg.startsWith('-')) continue;
      else if (!(await this.#calls.killJob(Number(arg.replace('%', '')), name)))
        stderr += `sh: kill: (${arg}) - No such process\n`;
    }
    return nothing(stderr === '' ? 0 : 1, stderr);
  }
}

/** Behind every script: seen when nothing ended it before. */
const END = 'podwire-end';

/** Whether what is wrong with a text is that it ends: the parser stopped behind all that there is. */
export function isUnfinished(text: string, message: string): boolean {
  if (/got EOF|unexpected EOF/.test(message)) return true;
  const [, line, column] = /line (\d+):(\d+): syntax error/.exec(message) ?? [];
  if (line === undefined) return false;
  const lines = text.split('\n').slice(Number(line) - 1);
  return [(lines[0] ?? '').slice(Number(column) - 1), ...lines.slice(1)].join('').trim() === '';
}

/** What a terminal's line discipline does: echo, erase, ^U, ^C and ^D (Documentation/driver-api/tty/n_tty.rst). */
export function typeOn(
  pending: string,
  typed: string,
): { readonly text: string; readonly echo: string; readonly ended: boolean } {
  let text = pending;
  let echo = '';
  for (const c of typed.replace(/\u001b\[[0-9;]*[A-Za-z~]/g, '')) {
    if (c === '\u007f' || c === '\b') {
      if (text === '' || text.endsWith('\n')) continue;
      text = text.slice(0, -1);
      echo += '\b \b';
    } else if (c === '\u0015') {
      const kept = text.lastIndexOf('\n') + 1;
      echo += '\b \b'.repeat(text.length - kept);
      text = text.slice(0, kept);
    } else if (c === '\u0003') {
      text = '\n';
      echo += '^C\n';
    } else if (c === '\u0004') {
      if (text === '') return { text, echo: `${echo}\n`, ended: true };
    } else {
      const typedChar = c === '\r' ? '\n' : c;
      text += typedChar;
      echo += typedChar;
    }
  }
  return { text, echo, ended: false };
}
