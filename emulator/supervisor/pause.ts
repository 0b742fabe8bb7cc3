// SIGSTOP and SIGCONT for a node process. A stopped process cannot notice that its emulator died, and would stay for
// ever; so each stopped one has a guardian, a shell that waits for us to be gone and then lets the node go on, which sees
// for itself what there is to do. Where there is no SIGSTOP (Windows) a node cannot be paused.
import { type ChildProcess, spawn } from 'node:child_process';
import { ProtocolError } from '../protocol/errors.ts';

export interface Pausable {
  pause(): void;
  resume(): void;
  /** The process is gone, or about to be. */
  end(): void;
}

export function pausable(pid: number): Pausable {
  let guardian: ChildProcess | undefined;
  const dismiss = (): void => {
    guardian?.removeAllListeners();
    guardian?.kill('SIGKILL');
    guardian = undefined;
  };
  return {
    pause() {
      if (process.platform === 'win32')
        throw new ProtocolError('E_UNSUPPORTED', 'pausing a process on Windows');
      if (guardian !== undefined) return;
      // `read` ends when our end of the pipe is closed: by us, or by the system when we are no more.
      guardian = spawn('/bin/sh', ['-c', `read -r _; kill -CONT ${pid}`], {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true, // out of reach of a Ctrl-C
      });
      guardian.on('error', () => {});
      guardian.unref();
      process.kill(pid, 'SIGSTOP');
    },
    resume() {
      if (guardian === undefined) return;
      dismiss();
      process.kill(pid, 'SIGCONT');
    },
    end: dismiss,
  };
}
