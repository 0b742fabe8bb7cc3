// Carries out one parsed command on a table: do_commandx of iptables/xtables.c.
import type { Netns } from '../../netns/netns.ts';
import type { Chain } from '../tables/chain.ts';
import { Edit } from '../tables/edit.ts';
import { XtError } from '../tables/extension.ts';
import { isTableName, type TableName } from '../tables/names.ts';
import { loadedTable, tableOf } from '../tables/net.ts';
import { Table } from '../tables/table.ts';
import { chainsInOrder, listChains, listRules } from './list.ts';
import { type Command, checkChainName } from './parse.ts';

export function tableName(name: string): TableName {
  if (!isTableName(name))
    throw new XtError(
      `table '${name}' does not exist\nPerhaps iptables or your kernel needs to be upgraded.`,
      3,
    );
  return name;
}

/** The table as it is or, where it was never written to, as it would be. */
export const tableToRead = (ns: Netns, name: TableName): Table =>
  loadedTable(ns, name) ?? new Table(ns, name);

function selected(table: Table, name: string): Chain[] {
  if (name === '') return chainsInOrder(table);
  const chain = table.chains.get(name);
  if (chain === undefined)
    throw new XtError(`chain \`${name}' in table \`${table.name}' is incompatible, use 'nft' tool.`, 1);
  return [chain];
}

/** Prints what a listing command asks for. */
function read(ns: Netns, c: Command): string {
  const table = tableToRead(ns, tableName(c.table));
  const chains = selected(table, c.chain);
  return c.op === 'list' ? listChains(chains, c, c.number) : listRules(chains, c.verbose, c.number);
}

export const isListing = (c: Command): boolean => c.op === 'list' || c.op === 'list-rules';

/** Carries the command out within a transaction that the caller commits or rolls back. Returns what it prints. */
export function execute(edit: Edit, c: Command): string {
  switch (c.op) {
    case 'append':
    case 'insert': {
      const chain = edit.chain(c.chain);
      const append = c.op === 'append';
      if (!append && c.number > chain.rules.length + 1)
        throw new XtError('Index of insertion too big.', 1, 'name');
      // Several addresses make several rules. Each is inserted at the same place, so the last comes first.
      for (const spec of c.rules) {
        const at = append ? chain.rules.length : c.number - 1;
        edit.insert(chain, at, spec, append ? 'RULE_APPEND' : 'RULE_INSERT', c.counters && { ...c.counters });
      }
      return '';
    }
    case 'delete': {
      const chain = edit.chain(c.chain);
      if (c.byNumber) {
        if (c.number > chain.rules.length) throw new XtError('Index of deletion too big.', 1, 'name');
        edit.remove(chain, c.number - 1);
      } else for (const spec of c.rules) edit.remove(chain, position(edit, chain, spec));
      return '';
    }
    case 'check':
      for (const spec of c.rules) position(edit, edit.chain(c.chain), spec);
      return '';
    case 'replace': {
      const chain = edit.chain(c.chain);
      if (c.number > chain.rules.length) throw new XtError('Index of replacement too big.', 1, 'name');
      edit.remove(chain, c.number - 1);
      edit.insert(chain, c.number - 1, c.rules[0]!, 'RULE_REPLACE', c.counters && { ...c.counters });
      return '';
    }
    case 'new-chain':
      edit.addChain(c.chain);
      return '';
    case 'delete-chain':
      if (c.chain === '') {
        for (const chain of chainsInOrder(edit.table)) if (chain.hook === undefined) edit.deleteChain(chain);
      } else edit.deleteChain(edit.chain(c.chain));
      return '';
    case 'flush':
      for (const chain of c.chain === '' ? edit.table.chains.values() : [edit.chain(c.chain)])
        edit.flush(chain);
      return '';
    case 'zero':
      for (const chain of c.chain === '' ? edit.table.chains.values() : [edit.chain(c.chain)])
        edit.zero(chain, c.number > 0 ? chain.rules[c.number - 1] : undefined);
      return '';
    case 'rename-chain': {
      checkChainName(c.word);
      const chain = edit.chain(c.chain);
      if (chain.hook !== undefined) throw new XtError('File exists.', 1, 'name');
      edit.renameChain(chain, c.word);
      return '';
    }
    case 'policy': {
      const chain = edit.table.chains.get(c.chain);
      if (chain?.hook === undefined) throw new XtError('Bad built-in chain name.', 1, 'name');
      if (c.word !== 'ACCEPT' && c.word !== 'DROP')
        throw new XtError("Bad policy name. Run `dmesg' for more information.", 1, 'name');
      edit.setPolicy(chain, c.word, c.counters && { ...c.counters });
      return '';
    }
    case 'list':
    case 'list-rules':
      return read(edit.table.ns, c);
  }
}

function position(edit: Edit, chain: Chain, spec: Command['rules'][number]): number {
  const goal = spec.goal;
  if ((goal.kind === 'jump' || goal.kind === 'goto') && !edit.table.chains.has(goal.chain))
    throw new XtError(`Chain '${goal.chain}' does not exist`);
  const at = edit.find(chain, spec);
  if (at === -1) throw new XtError('Bad rule (does a matching rule exist in that chain?).', 1, 'name');
  return at;
}

/** One command on its own: what it changes is committed, or nothing is. */
export function run(ns: Netns, c: Command): string {
  const name = tableName(c.table);
  if (isListing(c)) return read(ns, c);
  const edit = new Edit(tableOf(ns, name));
  try {
    return execute(edit, c);
  } catch (error) {
    edit.rollback();
    throw error;
  }
}
