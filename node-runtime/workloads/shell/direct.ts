// The shell in this thread: for nodes that share one, where time may be virtual and no other thread could keep up with it.
import { Killed, type Signal, waitFor } from '../process.ts';
import { PROGRAMS } from '../programs.ts';
import { runScript } from './bash.ts';
import { hostCalls } from './host.ts';
import type { Shell } from './shell.ts';

/** `hold` stops virtual time while the shell is being loaded. */
export function directShell(hold: () => () => void): Shell {
  const load = async () => {
    const release = hold();
    try {
      return await import('just-bash');
    } finally {
      release();
    }
  };
  return {
    run(request) {
      const { script, env, cwd, signal } = request;
      return waitFor(request, (resolve, reject) => {
        runScript(load, hostCalls(request), {
          script,
          env,
          cwd,
          programs: Object.keys(PROGRAMS),
          hasStdin: request.stdin !== undefined,
        }).then(resolve, (error) => reject(signal.aborted ? new Killed(signal.reason as Signal) : error));
        return () => {};
      });
    },
    stop() {},
  };
}
