// `podwire up`: a cluster in the background, back when all its nodes are Ready.
import { keptSpec, startInBackground } from '../background.ts';
import { readClusterFile } from '../cluster/cluster.ts';
import { type ClusterOverrides, readCluster } from '../cluster/read.ts';
import { InputError } from '../input/error.ts';
import { parseDuration, readDocuments } from '../input/reader.ts';
import { clusterKubeconfig } from '../kubeconfig.ts';
import type { ClusterSpec } from '../protocol/cluster.ts';
import { EXIT, warn } from './exit.ts';
import { merge } from './kubeconfig.ts';

export interface UpFlags extends ClusterOverrides {
  readonly name: string;
  readonly file?: string;
  readonly orphanTimeout: string;
  readonly mergeKubeconfig?: boolean;
}

export async function up(flags: UpFlags): Promise<number> {
  const { file, orphanTimeout: text, mergeKubeconfig, ...overrides } = flags;
  const orphanTimeout = parseDuration(text);
  if (orphanTimeout === undefined)
    throw new InputError(`--orphan-timeout ${text} is no duration`, { mend: 'write 10m or 30s' });
  const spec = await specOf(file, overrides);
  if (spec.placement !== 'process')
    throw new InputError(`placement ${spec.placement} cannot go on in the background`, {
      mend: 'leave placement out, or use podwire run',
    });
  const started = performance.now();
  for (const warning of await startInBackground(spec, { orphanTimeout })) warn(`podwire: ${warning}`);
  warn(
    `cluster ${spec.name}: ${spec.nodes.length} nodes Ready after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  if (mergeKubeconfig === true) await merge(clusterKubeconfig(spec.name));
  return EXIT.ok;
}

/** What is asked for; with nothing asked for, a cluster that there was is started as it was. */
async function specOf(file: string | undefined, overrides: ClusterOverrides): Promise<ClusterSpec> {
  if (file !== undefined) return readClusterFile(file, overrides);
  const { name, ...others } = overrides;
  const kept = Object.keys(others).length === 0 ? await keptSpec(name ?? 'podwire') : undefined;
  return kept ?? readCluster(readDocuments('{}', 'command line')[0]!, overrides);
}
