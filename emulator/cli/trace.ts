// `podwire trace SRC DST`: one packet, every decision it met, there and back.
import { Cluster } from '../cluster/cluster.ts';
import { parseSource, parseTarget } from '../cluster/ref.ts';
import type { TraceOptions } from '../cluster/types.ts';
import { traceLines } from '../observe/trace-text.ts';
import { EXIT, warn } from './exit.ts';

export interface TraceFlags extends TraceOptions {
  readonly name: string;
  readonly expect?: string;
  readonly output: 'text' | 'json';
  readonly color: string;
}

export async function trace(source: string, destination: string, flags: TraceFlags): Promise<number> {
  const { name, expect, output, color: _, ...options } = flags;
  const from = parseSource(source);
  const parsed = parseTarget(destination);
  const to = options.port === undefined ? parsed : { ...parsed, port: options.port };
  const port = to.port === undefined ? {} : { port: to.port };
  const proto = options.proto ?? (to.port === undefined ? 'icmp' : 'tcp');
  const cluster = await Cluster.attach(name);
  try {
    const result = await cluster.trace(from.ref, to, {
      ...(from.device === undefined ? {} : { device: from.device }),
      ...options,
      ...port,
      proto,
    });
    if (output === 'json') process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    else
      for (const line of traceLines(`${source} → ${destination}`, result)) process.stdout.write(`${line}\n`);
    if (expect === undefined || result.outcome.result === expect) return EXIT.ok;
    warn(`podwire: expected ${expect}, and it was ${result.outcome.result}`);
    return EXIT.failed;
  } finally {
    await cluster.stop();
  }
}
