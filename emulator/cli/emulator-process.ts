// The emulator as a process of its own: what `podwire up` leaves running.
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmulatorState, StartReport } from '../background.ts';
import { serveControl } from '../control/server.ts';
import { startEmulator } from '../emulator.ts';
import { readJson, writeState } from '../home.ts';
import type { ClusterSpec } from '../protocol/cluster.ts';
import { EXIT, stopSignal } from './exit.ts';

export async function emulatorProcess(folder: string): Promise<number> {
  process.title = 'podwire-emulator';
  const report = (message: StartReport): void => {
    if (process.connected) process.send?.(message);
  };
  try {
    const spec = (await readJson<ClusterSpec & { orphanTimeout: number }>(join(folder, 'spec.json')))!;
    const stopped = new AbortController();
    stopSignal.addEventListener('abort', () => stopped.abort());
    const warnings: string[] = [];
    const emulator = await startEmulator(spec, stopped.signal, {
      folder,
      orphanTimeout: spec.orphanTimeout,
      warn: (text) => warnings.push(text),
    });
    const operations = {
      ...emulator.operations,
      down: async () => {
        setImmediate(() => stopped.abort());
        return process.pid;
      },
    };
    const control = await serveControl(operations, await readFile(join(folder, 'token'), 'utf8'));
    const state: EmulatorState = {
      pid: process.pid,
      startTime: Math.round(Date.now() - process.uptime() * 1000),
      control: control.url,
    };
    await writeState(join(folder, 'emulator.json'), JSON.stringify(state));
    process.title = `podwire-emulator ${spec.name}`;
    report({ ready: true, warnings });
    if (!stopped.signal.aborted)
      await new Promise((resolve) => stopped.signal.addEventListener('abort', resolve, { once: true }));
    await control.stop();
    await emulator.caller.close();
    await rm(join(folder, 'emulator.json'), { force: true });
    return EXIT.ok;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    report({ failed: message, code: code ?? 'E_START' });
    throw error;
  }
}
