// `podwire list`: the clusters that have a folder, and whether their emulator answers.
import { runningClusters } from '../background.ts';
import { EXIT } from './exit.ts';
import { type OutputFormat, printRows } from './table.ts';

export async function list(flags: { readonly output: OutputFormat }): Promise<number> {
  const clusters = await runningClusters();
  const rows = clusters.map(({ name, spec, caller, processes }) => ({
    name,
    state: caller !== undefined ? 'running' : processes ? 'emulator gone' : 'stopped',
    nodes: spec.nodes.length,
    backend: spec.network.backend,
    podCIDR: spec.podCIDR,
    serviceCIDR: spec.serviceCIDR,
  }));
  for (const { caller } of clusters) await caller?.close();
  process.stdout.write(
    printRows(
      rows,
      flags.output,
      [
        { title: 'name', cell: (r) => r.name },
        { title: 'state', cell: (r) => r.state },
        { title: 'nodes', cell: (r) => String(r.nodes) },
        { title: 'backend', cell: (r) => r.backend },
        { title: 'pod-cidr', cell: (r) => r.podCIDR, wide: true },
        { title: 'service-cidr', cell: (r) => r.serviceCIDR, wide: true },
      ],
      (r) => r.name,
    ),
  );
  return EXIT.ok;
}
