// `podwire status`: what each node's process does, and what the API server says of the node.
import { Cluster } from '../cluster/cluster.ts';
import { EXIT } from './exit.ts';
import { type OutputFormat, printRows } from './table.ts';

export async function status(flags: {
  readonly name: string;
  readonly output: OutputFormat;
}): Promise<number> {
  const cluster = await Cluster.attach(flags.name);
  const rows = await cluster.status();
  await cluster.stop();
  process.stdout.write(
    printRows(
      rows,
      flags.output,
      [
        { title: 'node', cell: (r) => r.name },
        { title: 'process', cell: (r) => r.process },
        { title: 'ready', cell: (r) => r.ready },
        { title: 'address', cell: (r) => r.address },
        { title: 'pid', cell: (r) => String(r.pid ?? '-') },
        { title: 'restarts', cell: (r) => String(r.restarts) },
        { title: 'pod-cidr', cell: (r) => r.podCIDR ?? '<none>', wide: true },
      ],
      (r) => `node/${r.name}`,
    ),
  );
  return EXIT.ok;
}
