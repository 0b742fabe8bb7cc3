// `podwire down`: stops a background cluster and everything of it.
import { attachCaller } from '../background.ts';
import { clusterFolder, clusterNames, removeClusterFolder } from '../home.ts';
import { RunDirectory } from '../supervisor/run-directory.ts';
import { endAll } from '../supervisor/supervisor.ts';
import { EXIT, warn } from './exit.ts';

export async function down(flags: { readonly name: string }): Promise<number> {
  const caller = await attachCaller(flags.name).catch(() => undefined);
  if (caller !== undefined) {
    const pid = (await caller.call('down', {})) as number;
    await caller.close();
    await gone(pid);
  } else if ((await clusterNames()).includes(flags.name)) {
    // The emulator died: its nodes may be running still.
    await endAll(new RunDirectory(clusterFolder(flags.name).run));
    await removeClusterFolder(flags.name);
  } else {
    warn(`podwire: no cluster named "${flags.name}"; podwire list shows those that are`);
    return EXIT.failed;
  }
  warn(`cluster ${flags.name} stopped`);
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
