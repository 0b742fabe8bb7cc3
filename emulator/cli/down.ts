// `podwire down`: ends a background cluster's processes. Its objects, authority and logs stay for the next `up`, unless they are to
// be deleted.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { attachCaller } from '../background.ts';
import { clusterFolder, clusterNames, removeClusterFolder } from '../home.ts';
import { unmergeKubeconfig, userKubeconfig } from '../kubeconfig.ts';
import { RunDirectory } from '../supervisor/run-directory.ts';
import { endAll } from '../supervisor/supervisor.ts';
import { EXIT, warn } from './exit.ts';

export async function down(flags: { readonly name: string; readonly delete?: boolean }): Promise<number> {
  const caller = await attachCaller(flags.name).catch(() => undefined);
  if (caller !== undefined) {
    const pid = (await caller.call('down', {})) as number;
    await caller.close();
    await gone(pid);
  } else if ((await clusterNames()).includes(flags.name)) {
    // The emulator died, or was stopped before: its nodes may be running still.
    await endAll(new RunDirectory(clusterFolder(flags.name).run));
    await rm(join(clusterFolder(flags.name).path, 'emulator.json'), { force: true });
  } else {
    warn(`podwire: no cluster named "${flags.name}"; podwire list shows those that are`);
    return EXIT.failed;
  }
  if (flags.delete === true) {
    await removeClusterFolder(flags.name);
    await unmergeKubeconfig(flags.name, userKubeconfig());
  }
  warn(
    flags.delete === true
      ? `cluster ${flags.name} deleted`
      : `cluster ${flags.name} stopped; podwire up --name ${flags.name} starts it again with its objects, podwire down --delete --name ${flags.name} forgets them`,
  );
  return EXIT.ok;
}

/** Resolves when the process has ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
