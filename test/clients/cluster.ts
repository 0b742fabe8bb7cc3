// The built library, with the one thing tests need besides: waiting for pods.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Cluster as ClusterClass, ClusterOptions } from '../../emulator/client.ts';

const ROOT = resolve(import.meta.dirname, '../..');

export type TestCluster = ClusterClass & { ready(...pods: string[]): Promise<void> };

export async function bundled(): Promise<{
  Cluster: { start(options: ClusterOptions): Promise<TestCluster> };
}> {
  const { Cluster } = (await import(pathToFileURL(join(ROOT, 'dist/client.js')).href)) as {
    Cluster: typeof ClusterClass;
  };
  return {
    Cluster: {
      async start(options) {
        const cluster = (await Cluster.start(options)) as TestCluster;
        cluster.ready = async (...pods) => {
          for (const pod of pods)
            for (let tries = 0; ; tries++) {
              const status = (
                (await cluster.get(pod)) as
                  | { status?: { conditions?: { type: string; status: string }[] } }
                  | undefined
              )?.status;
              if (status?.conditions?.find((c) => c.type === 'Ready')?.status === 'True') break;
              if (tries === 400) throw new Error(`${pod} is not Ready: ${JSON.stringify(status)}`);
              await cluster.sleep(25);
            }
        };
        return cluster;
      },
    },
  };
}
