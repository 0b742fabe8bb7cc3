// A node in a process of its own: the default, and what the product is. The boot record goes through standard input,
// which then stays open: in the foreground its end tells the node that the emulator is gone, however that died.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { type Announcement, announcement, type BootRecord } from '../protocol/boot.ts';
import { ProtocolError } from '../protocol/errors.ts';
import { pausable } from './pause.ts';
import type { Exit, Placed, Placement } from './placement.ts';
import { dialSupervise } from './socket-port.ts';

/** What is kept of a process's last words, in bytes. */
const STDERR_TAIL = 4096;

export interface ProcessPlacementOptions {
  /** The node bundle: dist/node.js. */
  readonly entry: string;
  readonly execPath?: string;
}

export function processPlacement(options: ProcessPlacementOptions): Placement {
  return {
    kind: 'process',
    start(boot) {
      const background = boot.lifetime === 'background';
      const stderr = background && boot.logFile !== undefined ? openSync(boot.logFile, 'a', 0o600) : 'pipe';
      const child = spawn(
        options.execPath ?? process.execPath,
        // One helper thread for V8 instead of four: a node has one core's work at most.
        ['--v8-pool-size=1', options.entry, boot.name],
        {
          detached: background,
          stdio: ['pipe', 'ignore', stderr, 'pipe'],
          env: environment(),
          windowsHide: true,
        },
      );
      if (typeof stderr === 'number') closeSync(stderr);
      return placed(child, boot);
    },
  };
}

/**
 * Ours, without what was meant for us alone (a debugger's port can be opened once only), and with what spares a start:
 * one thread for files, and no looking for native helpers of ws, which is never asked to mask or to check text.
 */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...env } = process.env;
  return { ...env, UV_THREADPOOL_SIZE: '1', WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' };
}

async function placed(child: ChildProcess, boot: BootRecord): Promise<Placed> {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-STDERR_TAIL);
  });
  // 'close', not 'exit': standard error may still hold the reason.
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ code: undefined, signal: undefined, stderr: error.message }));
    child.once('close', (code, signal) =>
      resolve({ code: code ?? undefined, signal: signal ?? undefined, stderr: tail }),
    );
  });
  const stdin = child.stdin as Writable;
  stdin.on('error', () => {});
  stdin.write(`${JSON.stringify(boot)}\n`);
  const where = await announced(child.stdio[3] as Readable, exited, boot.name).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const { pid } = child as { pid: number };
  const pause = pausable(pid);
  const release = (): void => {
    child.unref();
    stdin.destroy();
    child.stderr?.destroy();
  };
  if (boot.lifetime === 'background') release();
  return {
    pid,
    startTime: Date.now(),
    url: where.url,
    connect: () => dialSupervise(where.url, boot.name, boot.secret),
    kill() {
      pause.end();
      child.kill('SIGKILL');
    },
    pause: pause.pause,
    resume: pause.resume,
    exited,
    release,
  };
}

/** One line of JSON on the fourth descriptor. */
function announced(from: Readable, exited: Promise<Exit>, name: string): Promise<Announcement> {
  return new Promise((resolve, reject) => {
    let text = '';
    from.setEncoding('utf8');
    from.on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end === -1) return;
      try {
        const value: unknown = JSON.parse(text.slice(0, end));
        const wrong = announcement(value, '');
        if (wrong === undefined) resolve(value as Announcement);
        else reject(new ProtocolError('E_START', `${name}: ${wrong}`));
      } catch {
        reject(new ProtocolError('E_START', `${name} says where it is in words that cannot be read`));
      }
      from.destroy();
    });
    from.on('error', () => {});
    void exited.then(({ code, signal, stderr }) => {
      const how = signal === undefined ? `exit code ${code}` : signal;
      reject(new ProtocolError('E_START', `${name} ended with ${how}. ${stderr.trim()}`));
    });
  });
}
