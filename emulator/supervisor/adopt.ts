// Takes over a node that another emulator started and that is still there. It must answer at its address, prove the
// cluster's secret, and be the very process that the run directory speaks of.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Connection } from './connection.ts';
import { pausable } from './pause.ts';
import type { Exit, Placed } from './placement.ts';
import type { ProcessState } from './run-directory.ts';
import { dialSupervise } from './socket-port.ts';

/** How often we look whether a process that is not our child is still there, in milliseconds. */
const LOOK_EVERY = 250;

/** Undefined when it is gone; the connection is open and greeted otherwise. */
export async function adopt(
  state: ProcessState,
  secret: string,
): Promise<{ readonly placed: Placed; readonly connection: Connection } | undefined> {
  if (!isAlive(state.pid)) return undefined;
  const connect = () => dialSupervise(state.url, state.name, secret);
  try {
    const connection = await Connection.open(await connect());
    const { hello } = connection;
    if (hello.name !== state.name || hello.pid !== state.pid || hello.startTime !== state.startTime) {
      connection.close();
      return undefined;
    }
    return { placed: placedOf(state, connect), connection };
  } catch {
    return undefined;
  }
}

/** Ends a process that does not answer any more, if it surely is the one that the state speaks of. */
export async function reap(state: ProcessState): Promise<void> {
  if (!(await isNode(state))) return;
  try {
    process.kill(state.pid, 'SIGKILL');
  } catch {
    // Gone between the look and the kill.
  }
}

function placedOf(state: ProcessState, connect: Placed['connect']): Placed {
  const { pid } = state;
  const pause = pausable(pid);
  let released = false;
  return {
    pid,
    startTime: state.startTime,
    url: state.url,
    connect,
    kill() {
      pause.end();
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    },
    pause: pause.pause,
    resume: pause.resume,
    exited: new Promise<Exit>((resolve) => {
      const timer = setInterval(() => {
        if (!released && isAlive(pid)) return;
        clearInterval(timer);
        if (!released) resolve({ code: undefined, signal: undefined, stderr: '' });
      }, LOOK_EVERY);
      timer.unref();
    }),
    release() {
      released = true;
    },
  };
}

/**
 * Whether a process runs. One that is dead but not yet reaped is gone: its new parent may be slow to do that, as the first
 * process of a container often is.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // proc(5): pid, name in parentheses (which may hold any character), state.
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** By its title, which a process of ours sets: only Linux lets us look at it without another program. */
async function isNode(state: ProcessState): Promise<boolean> {
  try {
    const command = await readFile(`/proc/${state.pid}/cmdline`, 'utf8');
    return command.startsWith('node-runtime ');
  } catch {
    return false;
  }
}
