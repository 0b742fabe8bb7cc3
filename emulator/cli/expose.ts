// `podwire expose SVC`: a Service on the host's loopback until interrupted, for a browser or curl.
import { Cluster } from '../cluster/cluster.ts';
import { formatRef, parseTarget } from '../cluster/ref.ts';
import { InputError } from '../input/error.ts';
import { EXIT, stopSignal, warn } from './exit.ts';

export interface ExposeFlags {
  readonly name: string;
  readonly listen: number;
  readonly address: string;
}

export async function expose(service: string, flags: ExposeFlags): Promise<number> {
  const { ref, port } = parseTarget(service);
  if (ref?.kind !== 'service')
    throw new InputError(`"${service}" is no Service`, { mend: 'write svc/NAME, or svc/NAME:PORT' });
  const cluster = await Cluster.attach(flags.name);
  try {
    const { address, listen } = flags;
    const running = await cluster.expose(ref, { address, listen, ...(port === undefined ? {} : { port }) });
    process.stdout.write(`http://${running.address}:${running.port}/\n`);
    warn(`${formatRef(ref)} by ${running.target}; interrupt to stop`);
    await Promise.race([
      running.ended,
      new Promise<void>((resolve) => stopSignal.addEventListener('abort', () => resolve(), { once: true })),
    ]);
    await running.stop();
    return EXIT.ok;
  } finally {
    await cluster.stop();
  }
}
