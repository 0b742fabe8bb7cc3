// The programs that hardly do anything: true, false, sleep, pause, hostname, date, echo, cat.
import { FsError, normalizePath } from '../../node-fs.ts';
import { forever, type Program, readAll, sleep as sleepFor, wallClock } from '../process.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

export const sleep: Program = async (args, proc) => {
  proc.ready();
  if (args.length === 0) {
    proc.err("sleep: missing operand\nTry 'sleep --help' for more information.\n");
    return 1;
  }
  let seconds = 0;
  for (const arg of args) {
    const [, number, unit = 's'] = /^(inf|infinity|[\d.]+)([smhd]?)$/.exec(arg) ?? [];
    if (number === undefined) {
      proc.err(`sleep: invalid time interval '${arg}'\nTry 'sleep --help' for more information.\n`);
      return 1;
    }
    seconds += number.startsWith('inf') ? Number.POSITIVE_INFINITY : Number(number) * UNITS[unit || 's']!;
  }
  if (seconds === Number.POSITIVE_INFINITY) return forever(proc);
  await sleepFor(proc, seconds * 1000);
  return 0;
};

export const pause: Program = (_, proc) => {
  proc.ready();
  return forever(proc);
};

export const hostname: Program = (_, proc) => {
  proc.out(`${proc.hostname}\n`);
  return 0;
};

export const date: Program = (_, proc) => {
  proc.out(`${new Date(wallClock(proc)).toUTCString()}\n`);
  return 0;
};

export const cat: Program = async (args, proc) => {
  let code = 0;
  for (const path of args.length === 0 ? ['-'] : args) {
    if (path === '-') {
      proc.out(await readAll(proc.stdin));
      continue;
    }
    try {
      proc.out(proc.fs.read(normalizePath(path.startsWith('/') ? path : `${proc.cwd}/${path}`)));
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      proc.err(`cat: ${path}: ${error.code === 'EISDIR' ? 'Is a directory' : 'No such file or directory'}\n`);
      code = 1;
    }
  }
  return code;
};
