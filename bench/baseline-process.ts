// A baseline process as the groups use it: started as a node process is (same flags, same environment, same pipes), asked,
// and ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Answer, Question } from './baselines/messages.ts';
import type { Bench } from './row.ts';

/** A file of dist/: this bundle's own folder. */
export function dist(name: string): string {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const beside = join(here, name);
  return existsSync(beside) ? beside : join(here, '..', 'dist', name);
}

type Asked<Q> = Q extends { readonly id: number } ? Omit<Q, 'id'> : never;
interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class BaselineProcess {
  readonly pid: number;
  readonly url: string;
  /** When it said that it was ready: its CPU, and wall time from the fork. */
  readonly cpuMs: number;
  readonly readyMs: number;
  readonly #child: ChildProcess;
  readonly #pending: Map<number, Pending>;
  #next = 1;

  private constructor(
    child: ChildProcess,
    pending: Map<number, Pending>,
    ready: { readonly url: string; readonly cpuMs: number; readonly readyMs: number },
  ) {
    this.#child = child;
    this.#pending = pending;
    this.pid = child.pid!;
    this.url = ready.url;
    this.cpuMs = ready.cpuMs;
    this.readyMs = ready.readyMs;
  }

  static start(): Promise<BaselineProcess> {
    const began = performance.now();
    const { NODE_OPTIONS: _, NODE_CHANNEL_FD: __, ...env } = process.env;
    const child = spawn(process.execPath, ['--v8-pool-size=1', dist('baseline.js')], {
      stdio: ['pipe', 'ignore', 'inherit', 'pipe'],
      env: { ...env, UV_THREADPOOL_SIZE: '1', WS_NO_BUFFER_UTIL: '1', WS_NO_UTF_8_VALIDATE: '1' },
      windowsHide: true,
    });
    const pending = new Map<number, Pending>();
    return new Promise((resolve, reject) => {
      let text = '';
      const fail = (why: string): void => {
        const error = new Error(`a baseline process ${why}`);
        reject(error);
        for (const { reject: refuse } of pending.values()) refuse(error);
        pending.clear();
      };
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code, signal) => fail(`ended with ${signal ?? code}`));
      (child.stdin as Writable).on('error', () => {});
      (child.stdio[3] as Readable).on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
          const answer = JSON.parse(text.slice(0, end)) as Answer;
          text = text.slice(end + 1);
          if ('url' in answer) {
            const readyMs = performance.now() - began;
            resolve(new BaselineProcess(child, pending, { url: answer.url, cpuMs: answer.cpuMs, readyMs }));
            continue;
          }
          const waiting = pending.get(answer.id);
          pending.delete(answer.id);
          if ('error' in answer) waiting?.reject(new Error(answer.error));
          else waiting?.resolve(answer.value);
        }
      });
    });
  }

  /** Started for a group, and ended with it. */
  static async for(bench: Bench): Promise<BaselineProcess> {
    const baseline = await BaselineProcess.start();
    bench.defer(() => baseline.stop());
    return baseline;
  }

  ask<T>(question: Asked<Question>): Promise<T> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      (this.#child.stdin as Writable).write(`${JSON.stringify({ id, ...question })}\n`);
    });
  }
  cpu(): Promise<number> {
    return this.ask<number>({ op: 'cpu' });
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGKILL');
    await gone;
  }
}
