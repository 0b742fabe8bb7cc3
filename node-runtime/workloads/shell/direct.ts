// The shell in this thread: for nodes that share one, where time may be virtual and no other thread could keep up with it.
import { Killed, type Signal, waitFor } from '../process.ts';
import { PROGRAM_NAMES } from '../program-names.ts';
import { runScript } from './bash.ts';
import { type HostCalls, hostCalls } from './host.ts';
import type { Shell } from './shell.ts';

/** Calls in which a script waits for the cluster; in all others it is at work itself. */
const WAITING: ReadonlySet<string> = new Set([
  'sleep',
  'run',
  'stdin',
  'input',
  'waitJob',
] satisfies (keyof HostCalls)[]);

/**
 * `hold` stops virtual time, until what it returns is called: while a script computes or loads what it needs, no time passes for it
 * on the cluster's clock.
 */
export function directShell(hold: () => () => void): Shell {
  return {
    run(request) {
      const { task, env, cwd, signal, stdin, tty } = request;
      return waitFor(request, (resolve, reject) => {
        const options = {
          task,
          env,
          cwd,
          programs: PROGRAM_NAMES,
          hasStdin: stdin !== undefined,
          tty: tty !== undefined,
        };
        let release = hold();
        const calls = Object.fromEntries(
          Object.entries(hostCalls(request)).map(([name, call]) => [
            name,
            WAITING.has(name)
              ? async (...args: readonly unknown[]) => {
                  release();
                  try {
                    return await (call as (...args: readonly unknown[]) => Promise<unknown>)(...args);
                  } finally {
                    if (!signal.aborted) release = hold();
                  }
                }
              : call,
          ]),
        ) as HostCalls;
        runScript(() => import('just-bash'), calls, options, signal)
          .finally(() => release())
          .then(resolve, (error) => reject(signal.aborted ? new Killed(signal.reason as Signal) : error));
        return () => release();
      });
    },
    stop() {},
  };
}
