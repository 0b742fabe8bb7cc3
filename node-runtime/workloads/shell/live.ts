// Makes a script's output come out while the script runs. just-bash hands a command's output on when the command has ended, and
// a script's when the script has; a shell's user expects each line when it is written. So before a script runs, every simple
// command whose output goes to the shell's own is given a device file to write to, and our programs there write to it while they
// run; loops get a place where others may have their turn, and what ends in "&" becomes a job. Only the tree is changed: quoting,
// expansion and control flow stay just-bash's.
import type {
  CommandNode,
  PipelineNode,
  ScriptNode,
  SimpleCommandNode,
  StatementNode,
  WordNode,
} from 'just-bash';

export const STDOUT_DEVICE = '/dev/podwire/stdout';
export const STDERR_DEVICE = '/dev/podwire/stderr';
/** `podwire-run FLAGS PROGRAM ARG…`: a program of ours whose output is the shell's own. */
export const RUN = 'podwire-run';
/** `podwire-yield STATUS`: lets others have their turn, and is STATUS. */
export const YIELD = 'podwire-yield';
/** `podwire-job SCRIPT`: starts a job and sets JOB_VARIABLE. */
export const JOB = 'podwire-job';
export const JOB_VARIABLE = '__podwire_job';
export const WAIT = 'podwire-wait';
export const KILL = 'podwire-kill';
export const TRAP = 'podwire-trap';
/** `podwire-open FILE…`: fails, and says why, when one of them cannot be written; just-bash would end the script. */
export const OPEN = 'podwire-open';
/** Flags of RUN: standard input is the shell's own; standard error goes where standard output goes. */
export const OWN_STDIN = 'i';
export const MERGE_STDERR = 'm';

const RENAMED: Readonly<Record<string, string>> = { wait: WAIT, kill: KILL, trap: TRAP };
/** Builtins for which a redirection would mean more than where their output goes, or that have none. */
const BARE = new Set(['exec', 'return', 'break', 'continue', 'exit', ':', WAIT, TRAP]);
const BIN = /^\/(usr\/(local\/)?)?s?bin\/([^/]+)$/;

export interface Live {
  /** Whether a name is a program of ours. */
  readonly isProgram: (name: string) => boolean;
  /** Whether a name is a command at all, ours or just-bash's: /bin/NAME is it then. */
  readonly isCommand: (name: string) => boolean;
  readonly serialize: (script: ScriptNode) => string;
}

/** Where the output of a piece of the script goes: to the shell's own, or to something the script names. */
interface Sinks {
  readonly out: boolean;
  readonly err: boolean;
  /** Standard input is the shell's own. */
  readonly in: boolean;
}

type Compound = Exclude<CommandNode, SimpleCommandNode>;

export function makeLive(script: ScriptNode, live: Live): ScriptNode {
  return {
    ...script,
    statements: new Rewriter(live).statements(script.statements, { out: true, err: true, in: true }),
  };
}

export const literal = (value: string): WordNode => ({ type: 'Word', parts: [{ type: 'Literal', value }] });
/** A word that means just this text, whatever is in it. */
export function quoted(text: string): WordNode {
  const parts: WordNode['parts'] = [];
  for (const [i, value] of text.split("'").entries()) {
    if (i > 0) parts.push({ type: 'Escaped', value: "'" });
    parts.push({ type: 'SingleQuoted', value });
  }
  return { type: 'Word', parts };
}
const parameter = (name: string): WordNode => ({
  type: 'Word',
  parts: [{ type: 'ParameterExpansion', parameter: name, operation: null }],
});

/** The text of a word that is nothing but text. */
export function plainText(word: WordNode | null | undefined): string | undefined {
  if (word === null || word === undefined) return undefined;
  let text = '';
  for (const part of word.parts) {
    if (part.type !== 'Literal' && part.type !== 'SingleQuoted') return undefined;
    text += part.value;
  }
  return text;
}

export function simple(name: WordNode, ...args: WordNode[]): SimpleCommandNode {
  return { type: 'SimpleCommand', assignments: [], name, args, redirections: [] };
}
export const statement = (command: CommandNode): StatementNode => ({
  type: 'Statement',
  pipelines: [{ type: 'Pipeline', commands: [command], negated: false }],
  operators: [],
  background: false,
});

type Redirection = SimpleCommandNode['redirections'][number];

const toDevice = (fd: 1 | 2): Redirection => ({
  type: 'Redirection',
  fd,
  operator: '>>',
  target: literal(fd === 1 ? STDOUT_DEVICE : STDERR_DEVICE),
});

/** Which of a command's own redirections move a descriptor. */
function moves(redirections: readonly Redirection[]): { in: boolean; out: boolean; err: boolean } {
  const found = { in: false, out: false, err: false };
  for (const { fd, operator } of redirections) {
    if (operator.startsWith('<') && operator !== '<>') found.in ||= (fd ?? 0) === 0;
    else if (operator.startsWith('&>')) found.out = found.err = true;
    else if (operator === '>&' && fd === null) found.out = found.err = true;
    else {
      found.out ||= (fd ?? 1) === 1;
      found.err ||= fd === 2;
    }
  }
  return found;
}

class Rewriter {
  readonly #live: Live;
  /** Functions seen so far: a job knows them. */
  readonly #functions: StatementNode[] = [];

  constructor(live: Live) {
    this.#live = live;
  }

  statements(list: readonly StatementNode[], sinks: Sinks): StatementNode[] {
    return list.flatMap((s) => this.#statement(s, sinks));
  }

  #statement(node: StatementNode, sinks: Sinks): StatementNode[] {
    if (node.background && sinks.out) return [this.#job(node)];
    const only = node.pipelines.length === 1 ? node.pipelines[0]!.commands : [];
    if (only.length === 1 && only[0]!.type === 'SimpleCommand' && plainText(only[0]!.name) === 'exec') {
      const [program, ...args] = only[0]!.args;
      // exec PROGRAM: it takes the shell's place, which is to say that nothing comes after it.
      if (program !== undefined && this.#live.isProgram(baseName(plainText(program) ?? '')))
        return [
          ...this.#statement(statement({ ...only[0]!, name: program, args }), sinks),
          statement(simple(literal('exit'), parameter('?'))),
        ];
    }
    // The text that a job's listing shows is not what runs any more.
    const { sourceText: _, ...rest } = node;
    return [{ ...rest, pipelines: node.pipelines.map((p) => this.#pipeline(p, sinks)) }];
  }

  /** The functions and the statement as a script of their own. */
  #job(node: StatementNode): StatementNode {
    const statements = [...this.#functions, { ...node, background: false }];
    return statement(simple(literal(JOB), quoted(this.#live.serialize({ type: 'Script', statements }))));
  }

  #pipeline(node: PipelineNode, sinks: Sinks): PipelineNode {
    const last = node.commands.length - 1;
    const commands = node.commands.map((command, i) => {
      const merged = node.pipeStderr?.[i] === true;
      return this.#command(command, {
        out: sinks.out && i === last,
        err: sinks.err && !merged,
        in: sinks.in && i === 0,
      });
    });
    return { ...node, commands };
  }

  #command(node: CommandNode, sinks: Sinks): CommandNode {
    if (node.type === 'SimpleCommand') return this.#simple(node, sinks);
    if (node.type === 'FunctionDef') {
      this.#functions.push(statement(node));
      return {
        ...node,
        body: this.#compound(node.body, { out: false, err: false, in: false }) as typeof node.body,
      };
    }
    const moved = moves(node.redirections);
    return this.#compound(node, {
      out: sinks.out && !moved.out,
      err: sinks.err && !moved.err,
      in: sinks.in && !moved.in,
    });
  }

  #compound(node: Compound, sinks: Sinks): CommandNode {
    switch (node.type) {
      case 'Group':
      case 'Subshell':
        return { ...node, body: this.statements(node.body, sinks) };
      case 'If':
        return {
          ...node,
          clauses: node.clauses.map(({ condition, body }) => ({
            condition: this.statements(condition, sinks),
            body: this.statements(body, sinks),
          })),
          elseBody: node.elseBody === null ? null : this.statements(node.elseBody, sinks),
        };
      case 'For':
      case 'CStyleFor':
        return { ...node, body: [turn(), ...this.statements(node.body, sinks)] };
      case 'While':
      case 'Until':
        return {
          ...node,
          condition: [turn(), ...this.statements(node.condition, sinks)],
          body: this.statements(node.body, sinks),
        };
      case 'Case':
        return {
          ...node,
          items: node.items.map((item) => ({ ...item, body: this.statements(item.body, sinks) })),
        };
      default:
        return node;
    }
  }

  #simple(node: SimpleCommandNode, sinks: Sinks): CommandNode {
    const given = plainText(node.name);
    const [, , , inBin] = BIN.exec(given ?? '') ?? [];
    const bare = inBin !== undefined && this.#live.isCommand(inBin) ? inBin : given;
    const text = bare === undefined ? undefined : (RENAMED[bare] ?? bare);
    const named = {
      ...node,
      name: text === undefined || text === given ? node.name : literal(text),
      args: node.args.map(jobVariable),
    };
    if (node.name === null || (text !== undefined && BARE.has(text))) return named;
    const moved = moves(node.redirections);
    if (sinks.out && sinks.err && text !== undefined && this.#live.isProgram(text)) {
      const merged = isMerge(node.redirections);
      if (merged || (!moved.out && !moved.err)) {
        const flags = `-${sinks.in && !moved.in ? OWN_STDIN : ''}${merged ? MERGE_STDERR : ''}`;
        const redirections = merged ? [] : node.redirections;
        return {
          ...named,
          name: literal(RUN),
          args: [literal(flags), literal(text), ...named.args],
          redirections,
        };
      }
    }
    const devices = [...(sinks.out ? [toDevice(1)] : []), ...(sinks.err ? [toDevice(2)] : [])];
    // First, so that what the command itself says comes after them, and 2>&1 means the device.
    return guarded({ ...named, redirections: [...devices, ...node.redirections] }, node.redirections, sinks);
  }
}

/** The command behind a look at the files that it wants to write. */
function guarded(command: SimpleCommandNode, own: readonly Redirection[], sinks: Sinks): CommandNode {
  const files: WordNode[] = [];
  for (const { operator, target } of own)
    if (
      /^&?>[>|]?$/.test(operator) &&
      target.type === 'Word' &&
      plainText(target)?.startsWith('/dev/') !== true
    )
      files.push(target);
  // What it says of the command before must still be true of that one.
  if (files.length === 0 || mentionsStatus(command)) return command;
  const open: SimpleCommandNode = {
    ...simple(literal(OPEN), ...files),
    redirections: sinks.err ? [toDevice(2)] : [],
  };
  const pipeline = (one: CommandNode): PipelineNode => ({
    type: 'Pipeline',
    commands: [one],
    negated: false,
  });
  const both: StatementNode = {
    ...statement(open),
    pipelines: [pipeline(open), pipeline(command)],
    operators: ['&&'],
  };
  return { type: 'Group', body: [both], redirections: [] };
}

const mentionsStatus = (command: SimpleCommandNode): boolean =>
  /"parameter":"\?"/.test(JSON.stringify([command.args, command.assignments, command.redirections]));

const baseName = (command: string): string => command.split('/').at(-1)!;

/** Nothing but 2>&1. */
function isMerge(redirections: readonly Redirection[]): boolean {
  const [only] = redirections;
  if (redirections.length !== 1 || only!.fd !== 2 || only!.operator !== '>&') return false;
  return only!.target.type === 'Word' && plainText(only!.target) === '1';
}

/** $! is the last job started here. */
function jobVariable(word: WordNode): WordNode {
  const change = (parts: WordNode['parts']): WordNode['parts'] =>
    parts.map((part) => {
      if (part.type === 'DoubleQuoted') return { ...part, parts: change(part.parts) };
      if (part.type === 'ParameterExpansion' && part.parameter === '!')
        return { ...part, parameter: JOB_VARIABLE };
      return part;
    });
  return { ...word, parts: change(word.parts) };
}

const turn = (): StatementNode => statement(simple(literal(YIELD), parameter('?')));

/** Commands that read standard input when they are given no file. */
const READERS = new Set(
  'awk base64 bash cut fold grep egrep fgrep gunzip gzip head jq md5sum nl od paste read rev sed sh sha1sum sha256sum sort strings tac tail tar tee tr uniq wc xargs yq zcat'.split(
    ' ',
  ),
);
/** Those whose first operand is no file. */
const WITH_PATTERN = new Set(['awk', 'grep', 'egrep', 'fgrep', 'jq', 'sed', 'yq']);
const ALWAYS = new Set(['read', 'tee', 'tr', 'xargs']);

/**
 * Whether a script reads its standard input by a command that wants all of it beforehand. A guess by names: where it is wrong the
 * command finds its input empty, or the script begins only when its input has ended.
 */
export function readsStdin(script: ScriptNode): boolean {
  let reads = false;
  const visit = (value: unknown, piped: boolean): void => {
    if (reads || typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) visit(item, piped);
      return;
    }
    const node = value as { readonly type?: string };
    if (node.type === 'Pipeline') {
      (node as PipelineNode).commands.forEach((command, i) => {
        visit(command, piped || i > 0);
      });
      return;
    }
    if (node.type === 'SimpleCommand') reads ||= !piped && readsInput(node as SimpleCommandNode);
    const fed = piped || moves((node as Partial<SimpleCommandNode>).redirections ?? []).in;
    for (const child of Object.values(node)) visit(child, fed);
  };
  visit(script.statements, false);
  return reads;
}

function readsInput({ name, args, redirections }: SimpleCommandNode): boolean {
  const command = baseName(plainText(name) ?? '');
  if (!READERS.has(command) || moves(redirections).in) return false;
  if (ALWAYS.has(command)) return true;
  const operands = args.filter((word) => !/^(-.*|\d+)$/.test(plainText(word) ?? '$'));
  return (
    operands.length < (WITH_PATTERN.has(command) ? 2 : 1) && !args.some((word) => plainText(word) === '-c')
  );
}
