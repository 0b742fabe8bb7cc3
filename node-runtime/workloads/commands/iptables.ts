// iptables, iptables-save, iptables-restore: kernel/netfilter's front end as commands.
import { iptables } from '../../kernel/netfilter/iptables/iptables.ts';
import { iptablesRestore } from '../../kernel/netfilter/iptables/restore.ts';
import { iptablesSave } from '../../kernel/netfilter/iptables/save.ts';
import { getopt } from '../getopt.ts';
import { type Program, readAll } from '../process.ts';

export const iptablesCommand: Program = (args, proc) => {
  const { code, stdout, stderr } = iptables(proc.ns, args);
  proc.out(stdout);
  proc.err(stderr);
  return code;
};

export const iptablesSaveCommand: Program = (args, proc) => {
  const o = getopt(args, { short: 't:c', long: ['table:', 'counters'] });
  const table = o.last('t', 'table');
  proc.out(
    iptablesSave(proc.ns, {
      counters: o.has('c', 'counters'),
      ...(table === undefined ? {} : { table: table as 'nat' }),
    }),
  );
  return 0;
};

export const iptablesRestoreCommand: Program = async (args, proc) => {
  const o = getopt(args, { short: 'ncw:T:', long: ['noflush', 'counters', 'table:'] });
  const text = (await readAll(proc.stdin)).toString('utf8');
  const { code, stdout, stderr } = iptablesRestore(proc.ns, text, {
    noflush: o.has('n', 'noflush'),
    counters: o.has('c', 'counters'),
  });
  proc.out(stdout);
  proc.err(stderr);
  return code;
};
