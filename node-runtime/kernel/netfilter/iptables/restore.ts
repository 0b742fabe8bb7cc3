// iptables-restore: iptables/xtables-restore.c. Every line is parsed before the first is carried out; a table is changed as
// its COMMIT is reached, wholly or not at all.
import type { Netns } from '../../netns/netns.ts';
import { Edit } from '../tables/edit.ts';
import { XtError } from '../tables/extension.ts';
import { isTableName, type TableName } from '../tables/names.ts';
import { tableOf } from '../tables/net.ts';
import { execute } from './execute.ts';
import { errorText, type ToolResult } from './iptables.ts';
import { type Command, checkChainName, parseCommand } from './parse.ts';
import { tokenize } from './tokenize.ts';

export interface RestoreOptions {
  /** -n: what the text does not mention stays. */
  readonly noflush?: boolean;
  /** -c: counters are taken from the text. */
  readonly counters?: boolean;
  /** --test: parsed and tried, not kept. */
  readonly test?: boolean;
  /** -T: only this table's part of the text. */
  readonly table?: string;
}

interface Counters {
  readonly packets: number;
  readonly bytes: number;
}
type Step =
  | {
      readonly kind: 'chain';
      readonly line: number;
      readonly name: string;
      readonly policy: string;
      readonly counters: Counters | undefined;
    }
  | { readonly kind: 'command'; readonly line: number; readonly command: Command };

const TOOL = 'iptables-restore';

class Failure extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** ":INPUT ACCEPT [5:500]". */
function chainStep(text: string, line: number, withCounters: boolean): Step {
  const [name, policy, counts] = text.slice(1).split(/[ \t]+/);
  const at = (message: string): XtError => new XtError(message);
  if (name === undefined || name === '') throw at(`${TOOL}: line ${line} chain name invalid`);
  if (policy === undefined || policy === '') throw at(`${TOOL}: line ${line} policy invalid`);
  if (name.length > 28) throw at(`chain name \`${name}' too long (must be under 29 chars)`);
  let counters: Counters | undefined;
  if (policy !== '-' && withCounters && counts !== undefined) {
    const found = /^\[(\d+):(\d+)\]$/.exec(counts);
    if (found === null) throw at(`invalid policy counters for chain '${name}'`);
    counters = { packets: Number(found[1]), bytes: Number(found[2]) };
  }
  return { kind: 'chain', line, name, policy, counters };
}

function commandStep(text: string, line: number, table: TableName, withCounters: boolean): Step {
  let rest = text;
  let counters: Counters | undefined;
  if (rest.startsWith('[')) {
    const found = /^\[(\d+):(\d+)\][ \t]*/.exec(rest);
    if (found === null) throw new XtError('Bad line: need ]\n');
    if (withCounters) counters = { packets: Number(found[1]), bytes: Number(found[2]) };
    rest = rest.slice(found[0].length);
  }
  const parsed = parseCommand(tokenize(rest), { restore: table });
  if (parsed === 'version' || parsed === 'help') throw new XtError('no command specified');
  return { kind: 'command', line, command: counters === undefined ? parsed : { ...parsed, counters } };
}

/** A chain's line: creates a user's chain, or empties it; sets the policy of a built-in one. */
function declareChain(edit: Edit, step: Step & { kind: 'chain' }): void {
  const { name, policy, counters } = step;
  const chain = edit.table.chains.get(name);
  if (chain?.hook !== undefined) {
    if (policy === '-') return;
    if (policy !== 'ACCEPT' && policy !== 'DROP') throw new XtError('Bad policy name.', 1, 'name');
    edit.setPolicy(chain, policy, counters === undefined ? { packets: 0, bytes: 0 } : { ...counters });
    return;
  }
  if (chain !== undefined) edit.flush(chain);
  else {
    checkChainName(name);
    edit.addChain(name);
  }
}

function flushAll(edit: Edit): void {
  const chains = [...edit.table.chains.values()];
  for (const chain of chains) {
    edit.flush(chain);
    if (chain.hook !== undefined) edit.setPolicy(chain, 'ACCEPT', { packets: 0, bytes: 0 });
  }
  for (const chain of chains) if (chain.hook === undefined) edit.deleteChain(chain);
}

/** Carries out what one table's part of the text says. Returns what it prints. */
function commit(
  ns: Netns,
  table: TableName,
  steps: readonly Step[],
  commitLine: number,
  options: RestoreOptions,
): string {
  const edit = new Edit(tableOf(ns, table));
  let stdout = '';
  let line = commitLine;
  try {
    if (options.noflush !== true) flushAll(edit);
    for (const step of steps) {
      line = step.line;
      if (step.kind === 'chain') declareChain(edit, step);
      else stdout += execute(edit, step.command);
    }
    if (options.test === true) edit.rollback();
    return stdout;
  } catch (error) {
    edit.rollback();
    if (!(error instanceof XtError)) throw error;
    // A chain that is missing is noticed when the batch is made, at the COMMIT.
    throw new Failure(errorText(TOOL, error, error.exit === 2 ? commitLine : line), error.exit);
  }
}

/** Runs iptables-restore on `text`. */
export function iptablesRestore(ns: Netns, text: string, options: RestoreOptions = {}): ToolResult {
  let stdout = '';
  let table: TableName | undefined;
  let steps: Step[] = [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  let line = 0;
  try {
    for (const raw of lines) {
      line++;
      const content = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (content === '' || content.startsWith('#')) continue;
      if (table === undefined) {
        if (!content.startsWith('*')) throw new Failure(`${TOOL}: line ${line} failed\n`, 1);
        const name = content.slice(1).trim();
        if (!isTableName(name)) throw new XtError(`${TOOL}: line ${line} table name '${name}' invalid`);
        table = name;
        steps = [];
      } else if (content.trimEnd() === 'COMMIT') {
        if (options.table === undefined || options.table === table)
          stdout += commit(ns, table, steps, line, options);
        table = undefined;
      } else if (content.startsWith(':')) steps.push(chainStep(content, line, options.counters === true));
      else steps.push(commandStep(content, line, table, options.counters === true));
    }
    if (table !== undefined) throw new Failure(`${TOOL}: COMMIT expected at line ${line + 1}\n`, 1);
    return { code: 0, stdout, stderr: '' };
  } catch (error) {
    if (error instanceof Failure) return { code: error.code, stdout, stderr: error.message };
    if (!(error instanceof XtError)) throw error;
    return { code: error.exit, stdout, stderr: errorText(TOOL, error, line) };
  }
}
