// `podwire wait`: returns once pods or nodes have a condition, as `kubectl wait` does.
import { Cluster } from '../cluster/cluster.ts';
import type { WaitOptions } from '../cluster/condition.ts';
import { parseRef } from '../cluster/ref.ts';
import { InputError } from '../input/error.ts';
import { parseDuration } from '../input/reader.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { EXIT, warn } from './exit.ts';

export interface WaitFlags {
  readonly name: string;
  readonly namespace: string;
  readonly for: NonNullable<WaitOptions['condition']>;
  readonly timeout: string;
}

export async function wait(what: string, flags: WaitFlags): Promise<number> {
  const thing = what === 'pods' || what === 'nodes' ? what : parseRef(what, flags.namespace);
  const timeout = parseDuration(flags.timeout);
  if (timeout === undefined)
    throw new InputError(`--timeout: "${flags.timeout}" is no duration`, {
      mend: 'write one such as 30s or 2m',
    });
  const cluster = await Cluster.attach(flags.name);
  try {
    await cluster.wait(thing, { condition: flags.for, timeout });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof ProtocolError && error.code === 'E_TIMEOUT')) throw error;
    warn(`podwire: ${error.message}`);
    return EXIT.failed;
  } finally {
    await cluster.stop();
  }
}
