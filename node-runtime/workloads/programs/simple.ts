// The programs that hardly do anything: true, false, echo, env, sleep, pause, hostname, date, cat. The shell has most of them too;
// as programs of ours they run without one.
import { FsError, normalizePath } from '../../node-fs.ts';
import { forever, type Program, sleep as sleepFor, waitFor, wallClock } from '../process.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** "1.5", "10s", "2m", "infinity", as sleep and timeout read them; undefined for what is no time. */
export function seconds(text: string): number | undefined {
  const [, number, unit = ''] = /^(inf|infinity|\d+\.?\d*|\.\d+)([smhd]?)$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  return number.startsWith('inf')
    ? Number.POSITIVE_INFINITY
    : Number(number) * UNITS[unit === '' ? 's' : unit]!;
}

export const sleep: Program = async (args, proc) => {
  proc.ready();
  if (args.length === 0) {
    proc.err("sleep: missing operand\nTry 'sleep --help' for more information.\n");
    return 1;
  }
  let sum = 0;
  for (const arg of args) {
    const one = seconds(arg);
    if (one === undefined) {
      proc.err(`sleep: invalid time interval '${arg}'\nTry 'sleep --help' for more information.\n`);
      return 1;
    }
    sum += one;
  }
  if (sum === Number.POSITIVE_INFINITY) return forever(proc);
  await sleepFor(proc, sum * 1000);
  return 0;
};

export const pause: Program = async (_, proc) => {
  proc.ready();
  await waitFor<void>({ signal: new AbortController().signal }, (resolve) => {
    // Its handler for SIGINT and SIGTERM says goodbye and exits 0.
    const end = (): void => resolve();
    if (proc.signal.aborted) end();
    proc.signal.addEventListener('abort', end);
    return () => proc.signal.removeEventListener('abort', end);
  });
  if (proc.signal.reason === 'SIGKILL') return 137;
  proc.err('Shutting down, got signal: Terminated\n');
  return 0;
};

export const hostname: Program = (args, proc) => {
  if (args.includes('-i') || args.includes('-I')) {
    const found = [...proc.ns.devices.values()]
      .filter((dev) => dev.kind !== 'loopback')
      .flatMap((dev) =>
        dev.addrs.map(({ addr }) =>
          [addr >>> 24, (addr >>> 16) & 255, (addr >>> 8) & 255, addr & 255].join('.'),
        ),
      );
    proc.out(`${found.join(' ')}\n`);
  } else proc.out(`${args.includes('-s') ? proc.hostname.split('.')[0] : proc.hostname}\n`);
  return 0;
};

export const cat: Program = async (args, proc) => {
  let code = 0;
  for (const path of args.length === 0 ? ['-'] : args) {
    if (path === '-') {
      // As it comes: an interactive cat answers each line.
      for await (const chunk of proc.stdin ?? []) proc.out(chunk);
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

/** echo with -n and -e, as busybox and bash have it. */
export const echo: Program = (args, proc) => {
  const words = [...args];
  let newline = true;
  let escapes = false;
  while (/^-[neE]+$/.test(words[0] ?? '')) {
    const flags = words.shift()!;
    if (flags.includes('n')) newline = false;
    if (flags.includes('e')) escapes = true;
  }
  const ESCAPES: Readonly<Record<string, string>> = {
    n: '\n',
    t: '\t',
    r: '\r',
    '\\': '\\',
    a: '\u0007',
    b: '\b',
  };
  const text = words.join(' ');
  proc.out(
    `${escapes ? text.replace(/\\([ntr\\ab])/g, (_, c: string) => ESCAPES[c]!) : text}${newline ? '\n' : ''}`,
  );
  return 0;
};

/** env: without a command, what is in the environment; with one, that command in a changed one. */
export const env: Program = (args, proc) => {
  const words = [...args];
  const set: Record<string, string> = {};
  while (words[0] !== undefined && /^[A-Za-z_]\w*=/.test(words[0])) {
    const [name, ...value] = words.shift()!.split('=');
    set[name!] = value.join('=');
  }
  if (words.length > 0) return proc.spawn(words, { env: set, stdin: proc.stdin });
  const whole = { ...proc.env, ...set };
  proc.out(
    Object.entries(whole)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  return 0;
};

const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ');
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** date, in UTC: without a format as in the C locale, with +FORMAT the common conversions of strftime(3). */
export const date: Program = (args, proc) => {
  const ms = wallClock(proc);
  const format = args.find((arg) => arg.startsWith('+'))?.slice(1);
  const text = args.includes('-Iseconds')
    ? '%Y-%m-%dT%H:%M:%S+00:00'
    : (format ?? '%a %b %e %H:%M:%S UTC %Y');
  proc.out(`${strftime(text, ms)}\n`);
  return 0;
};

/** strftime(3) in UTC, with GNU's %N and %s. */
export function strftime(format: string, ms: number): string {
  const d = new Date(ms);
  const pad = (n: number, width = 2, fill = '0'): string => String(n).padStart(width, fill);
  const values: Readonly<Record<string, () => string>> = {
    a: () => DAYS[d.getUTCDay()]!,
    b: () => MONTHS[d.getUTCMonth()]!,
    d: () => pad(d.getUTCDate()),
    e: () => pad(d.getUTCDate(), 2, ' '),
    F: () => strftime('%Y-%m-%d', ms),
    H: () => pad(d.getUTCHours()),
    j: () => pad(Math.floor((ms - Date.UTC(d.getUTCFullYear(), 0)) / 86_400_000) + 1, 3),
    M: () => pad(d.getUTCMinutes()),
    m: () => pad(d.getUTCMonth() + 1),
    N: () => pad(Math.floor((ms % 1000) * 1e6), 9),
    R: () => strftime('%H:%M', ms),
    S: () => pad(d.getUTCSeconds()),
    s: () => String(Math.floor(ms / 1000)),
    T: () => strftime('%H:%M:%S', ms),
    Y: () => String(d.getUTCFullYear()),
    y: () => pad(d.getUTCFullYear() % 100),
    Z: () => 'UTC',
    z: () => '+0000',
    n: () => '\n',
    t: () => '\t',
    '%': () => '%',
  };
  return format.replace(/%(3?)([A-Za-z%])/g, (whole, three: string, c: string) => {
    const value = values[c]?.();
    if (value === undefined) return whole;
    return three === '' ? value : value.slice(0, 3);
  });
}
