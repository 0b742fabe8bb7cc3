// tc and lsns, as far as they show.
import { lsns as lsnsText, tcQdisc } from '../../kernel/procfs/devices.ts';
import { ExitError, type Program } from '../process.ts';

export const tc: Program = (args, proc) => {
  const words = args.filter((a) => !a.startsWith('-'));
  if (words[0] !== 'qdisc') throw new ExitError(1, `Object "${words[0] ?? ''}" is unknown, try "tc help".`);
  const at = words.indexOf('dev');
  proc.out(tcQdisc(proc.ns, at === -1 ? undefined : words[at + 1]));
  return 0;
};

export const lsns: Program = (_, proc) => {
  proc.out(lsnsText(proc.ns.kernel));
  return 0;
};
