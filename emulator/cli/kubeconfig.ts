// `podwire kubeconfig`: what kubectl and every other client needs to know of a cluster.
import { stringify } from 'yaml';
import { clusterKubeconfig, mergeKubeconfig, userKubeconfig } from '../kubeconfig.ts';
import { EXIT, warn } from './exit.ts';

export interface KubeconfigFlags {
  readonly name: string;
  readonly mergeKubeconfig?: boolean;
}

export async function kubeconfig(flags: KubeconfigFlags): Promise<number> {
  const config = clusterKubeconfig(flags.name);
  if (flags.mergeKubeconfig === true) await merge(config);
  else process.stdout.write(stringify(config, { lineWidth: 0 }));
  return EXIT.ok;
}

/** Into the user's own file, by their wish alone. */
export async function merge(config: ReturnType<typeof clusterKubeconfig>): Promise<void> {
  const file = userKubeconfig();
  await mergeKubeconfig(config, file);
  warn(`${file}: context ${config['current-context']} added and made current`);
}
