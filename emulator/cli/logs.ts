// `podwire logs`: a node's log for people (JSON lines made readable), one daemon's, or a pod's.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster } from '../cluster/cluster.ts';
import { parseRef } from '../cluster/ref.ts';
import { clusterFolder } from '../home.ts';
import { InputError } from '../input/error.ts';
import { EXIT, stopSignal } from './exit.ts';

export interface LogsFlags {
  readonly name: string;
  readonly node?: string;
  readonly follow?: boolean;
}

export async function logs(
  first: string | undefined,
  second: string | undefined,
  flags: LogsFlags,
): Promise<number> {
  if (flags.node !== undefined)
    return nodeLog(flags.name, flags.node.replace(/^node\//, ''), first ?? second);
  if (first === undefined)
    throw new InputError('nothing is named', {
      mend: 'write podwire logs pod/NAME, or podwire logs --node NODE [DAEMON]',
    });
  const cluster = await Cluster.attach(flags.name);
  try {
    await cluster.logs(
      parseRef(first.includes('/') ? first : `pod/${first}`),
      { follow: flags.follow ?? false, signal: stopSignal },
      (chunk) => process.stdout.write(chunk),
    );
    return EXIT.ok;
  } finally {
    await cluster.stop();
  }
}

async function nodeLog(cluster: string, node: string, daemon: string | undefined): Promise<number> {
  let text: string;
  try {
    text = await readFile(join(clusterFolder(cluster).logs, `${node}.log`), 'utf8');
  } catch {
    throw Object.assign(new Error(`there is no log of node "${node}" in cluster "${cluster}"`), {
      code: 'E_NOT_FOUND',
    });
  }
  for (const line of text.split('\n')) {
    const readable = readableLine(line, daemon);
    if (readable !== undefined) process.stdout.write(`${readable}\n`);
  }
  return EXIT.ok;
}

const LEVELS: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** A pino line as "TIME LEVEL DAEMON message key=value"; undefined when it is another daemon's. */
export function readableLine(line: string, daemon?: string): string | undefined {
  if (line === '') return undefined;
  try {
    const {
      level,
      time,
      msg,
      daemon: from,
      pid: _,
      hostname: __,
      node: ___,
      ...rest
    } = JSON.parse(line) as Record<string, unknown>;
    if (daemon !== undefined && from !== daemon) return undefined;
    const fields = Object.entries(rest).map(
      ([k, v]) => `${k}=${typeof v === 'string' ? v : JSON.stringify(v)}`,
    );
    const when = new Date(time as number).toISOString().slice(11, 23);
    return [
      when,
      (LEVELS[level as number] ?? String(level)).padEnd(5),
      String(from ?? 'node').padEnd(10),
      msg,
      ...fields,
    ].join(' ');
  } catch {
    return daemon === undefined ? line : undefined; // not JSON: what a crashing process wrote
  }
}
