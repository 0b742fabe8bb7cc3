// `podwire up`: a cluster in the background, back when all its nodes are Ready.
import { startInBackground } from '../background.ts';
import { readClusterFile } from '../cluster/cluster.ts';
import { type ClusterOverrides, readCluster } from '../cluster/read.ts';
import { InputError } from '../input/error.ts';
import { parseDuration, readDocuments } from '../input/reader.ts';
import { EXIT, warn } from './exit.ts';

export interface UpFlags extends ClusterOverrides {
  readonly name: string;
  readonly file?: string;
  readonly orphanTimeout: string;
}

export async function up(flags: UpFlags): Promise<number> {
  const { file, orphanTimeout: text, ...overrides } = flags;
  const orphanTimeout = parseDuration(text);
  if (orphanTimeout === undefined)
    throw new InputError(`--orphan-timeout ${text} is no duration`, { mend: 'write 10m or 30s' });
  const spec =
    file === undefined
      ? readCluster(readDocuments('{}', 'command line')[0]!, overrides)
      : await readClusterFile(file, overrides);
  if (spec.placement !== 'process')
    throw new InputError(`placement ${spec.placement} cannot go on in the background`, {
      mend: 'leave placement out, or use podwire run',
    });
  const started = performance.now();
  await startInBackground(spec, { orphanTimeout });
  warn(
    `cluster ${spec.name}: ${spec.nodes.length} nodes Ready after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return EXIT.ok;
}
