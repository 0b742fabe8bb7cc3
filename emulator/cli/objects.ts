// `podwire apply|get|delete`: the few verbs for those without kubectl.
import { readFileSync } from 'node:fs';
import type { KubeObject } from '../api/types/meta.ts';
import { Cluster } from '../cluster/cluster.ts';
import { parseRef } from '../cluster/ref.ts';
import { InputError, oneOf } from '../input/error.ts';
import { EXIT, warn } from './exit.ts';
import { type OutputFormat, printRows } from './table.ts';

export async function apply(flags: { readonly name: string; readonly file: string }): Promise<number> {
  let text: string;
  try {
    text = readFileSync(flags.file === '-' ? 0 : flags.file, 'utf8');
  } catch (error) {
    throw new InputError(`cannot read ${flags.file} (${(error as NodeJS.ErrnoException).code})`, {
      mend: 'give the path of a manifest',
    });
  }
  const cluster = await Cluster.attach(flags.name);
  try {
    for (const object of await cluster.apply(text, flags.file))
      process.stdout.write(`${nameOf(object)} applied\n`);
    return EXIT.ok;
  } finally {
    await cluster.stop();
  }
}

const KINDS: Readonly<Record<string, string>> = {
  pod: 'Pod',
  pods: 'Pod',
  po: 'Pod',
  node: 'Node',
  nodes: 'Node',
  no: 'Node',
  svc: 'Service',
  service: 'Service',
  services: 'Service',
  namespaces: 'Namespace',
  ns: 'Namespace',
  configmaps: 'ConfigMap',
  cm: 'ConfigMap',
  events: 'Event',
  leases: 'Lease',
};

export async function get(
  kind: string,
  which: string | undefined,
  flags: { readonly name: string; readonly output: OutputFormat; readonly namespace?: string },
): Promise<number> {
  const full = KINDS[kind.toLowerCase()] ?? Object.values(KINDS).find((k) => k === kind);
  if (full === undefined)
    throw new InputError(`unknown kind "${kind}"`, { mend: oneOf(kind, Object.keys(KINDS)) });
  const cluster = await Cluster.attach(flags.name);
  try {
    const objects = (await cluster.list(full, flags.namespace)).filter(
      (o) => which === undefined || o.metadata.name === which,
    );
    if (which !== undefined && objects.length === 0) {
      warn(`podwire: no ${full} named "${which}"`);
      return EXIT.failed;
    }
    const status = (o: KubeObject) => (o as { status?: { phase?: string; podIP?: string } }).status;
    process.stdout.write(
      printRows(
        objects,
        flags.output,
        [
          { title: 'namespace', cell: (o) => o.metadata.namespace ?? '<none>' },
          { title: 'name', cell: (o) => o.metadata.name },
          { title: 'phase', cell: (o) => status(o)?.phase ?? '<none>' },
          { title: 'ip', cell: (o) => status(o)?.podIP ?? '<none>', wide: true },
        ],
        nameOf,
      ),
    );
    return EXIT.ok;
  } finally {
    await cluster.stop();
  }
}

export async function del(
  object: string,
  flags: { readonly name: string; readonly namespace: string },
): Promise<number> {
  const cluster = await Cluster.attach(flags.name);
  try {
    const gone = await cluster.delete(parseRef(object, flags.namespace));
    warn(gone ? `${object} deleted` : `podwire: there is no ${object}`);
    return gone ? EXIT.ok : EXIT.failed;
  } finally {
    await cluster.stop();
  }
}

const nameOf = (o: KubeObject): string => `${o.kind.toLowerCase()}/${o.metadata.name}`;
