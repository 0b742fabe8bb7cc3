// ipset: kernel/netfilter's front end as a command.
import { ipset } from '../../kernel/netfilter/ipset/command.ts';
import { type Program, readAll } from '../process.ts';

export const ipsetCommand: Program = async (args, proc) => {
  const reads = args.some((word) => word === 'restore' || word === '-R');
  const stdin = reads ? (await readAll(proc.stdin)).toString('utf8') : '';
  const { code, stdout, stderr } = ipset(proc.ns, args, stdin);
  proc.out(stdout);
  proc.err(stderr);
  return code;
};
