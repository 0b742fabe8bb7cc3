// `podwire exec` and `podwire node exec`: a command in a pod or on a node, with this terminal's input and output, ending
// with the command's own exit code.
import { Cluster } from '../cluster/cluster.ts';
import { parseRef } from '../cluster/ref.ts';
import { stopSignal } from './exit.ts';

export interface ExecFlags {
  readonly name: string;
  readonly namespace?: string;
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

export async function exec(place: string, argv: readonly string[], flags: ExecFlags): Promise<number> {
  const ref = parseRef(place.includes('/') ? place : `pod/${place}`, flags.namespace);
  const cluster = await Cluster.attach(flags.name);
  const tty =
    flags.tty === true && process.stdout.isTTY
      ? { columns: process.stdout.columns, rows: process.stdout.rows }
      : undefined;
  const running = await cluster.spawn(ref, argv, {
    ...(flags.container === undefined ? {} : { container: flags.container }),
    ...(tty === undefined ? {} : { tty }),
  });
  running.onOutput((chunk, channel) => process[channel].write(chunk));
  stopSignal.addEventListener('abort', () => running.kill('SIGINT'));
  if (flags.stdin === true) {
    if (tty !== undefined) process.stdin.setRawMode(true);
    process.stdin.on('data', (chunk) => running.write(chunk));
    process.stdin.on('end', () => running.end());
    process.stdout.on('resize', () => running.resize(process.stdout.columns, process.stdout.rows));
  } else running.end();
  try {
    return (await running.exited).code;
  } finally {
    // A file as standard input (`< /dev/null`) has neither raw mode nor a handle to let go of.
    if (flags.stdin === true) {
      if (tty !== undefined) process.stdin.setRawMode(false);
      process.stdin.destroy();
    }
    await cluster.stop();
  }
}
