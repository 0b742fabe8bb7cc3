// timeout of coreutils: runs a command and tells it to end when its time is over. Time is the cluster's.
import { getopt } from '../getopt.ts';
import { type Program, SIGNAL_NUMBERS, type Signal } from '../process.ts';
import { seconds } from './simple.ts';

export const timeout: Program = async (args, proc) => {
  const options = getopt(args, {
    short: 's:k:v',
    long: ['signal:', 'kill-after:', 'preserve-status', 'foreground', 'verbose'],
    stopAtOperand: true,
  });
  const [duration = '', ...argv] = options.operands;
  const limit = seconds(duration);
  if (limit === undefined || argv.length === 0) {
    proc.err(
      argv.length === 0
        ? "timeout: missing operand\nTry 'timeout --help' for more information.\n"
        : `timeout: invalid time interval '${duration}'\nTry 'timeout --help' for more information.\n`,
    );
    return 125;
  }
  const named = `SIG${(options.last('s', 'signal') ?? 'TERM').replace(/^SIG/, '')}`;
  const signal: Signal = Object.hasOwn(SIGNAL_NUMBERS, named) ? (named as Signal) : 'SIGTERM';
  const aborter = new AbortController();
  let late = false;
  const timer =
    limit === 0
      ? undefined
      : proc.ns.kernel.clock.after(limit * 1000, () => {
          late = true;
          aborter.abort(signal);
        });
  const pass = (): void => aborter.abort(proc.signal.reason);
  proc.signal.addEventListener('abort', pass);
  try {
    const code = await proc.spawn(argv, { signal: aborter.signal, stdin: proc.stdin });
    if (!late || options.has('preserve-status')) return code;
    return signal === 'SIGKILL' ? 137 : 124;
  } finally {
    timer?.cancel();
    proc.signal.removeEventListener('abort', pass);
  }
};
