// What a shell started with "&": commands that go on beside it, in the container that it runs in. They end with the container,
// not with the shell, as orphans of an exec'd shell do.
import type { Signal } from './process.ts';

interface Job {
  readonly aborter: AbortController;
  readonly exited: Promise<number>;
}

/** Ended jobs whose exit code is still remembered. */
const MAX_ENDED = 64;

export class Jobs {
  readonly #running = new Map<number, Job>();
  readonly #ended = new Map<number, number>();
  /** A container's own process is 1; shells and what they start come later. */
  #nextPid = 7;
  #stopped = false;

  /** Runs a command with a signal of its own. Answers its process id. */
  start(run: (signal: AbortSignal) => Promise<number>): number {
    const pid = this.#nextPid++;
    const aborter = new AbortController();
    if (this.#stopped) aborter.abort('SIGKILL');
    const exited = run(aborter.signal).then(
      (code) => this.#end(pid, code),
      () => this.#end(pid, 1),
    );
    this.#running.set(pid, { aborter, exited });
    return pid;
  }

  /** Its exit code; undefined when there is no such job. */
  async wait(pid: number): Promise<number | undefined> {
    const job = this.#running.get(pid);
    return job === undefined ? this.#ended.get(pid) : job.exited;
  }

  /** False when nothing of that number runs. */
  kill(pid: number, signal: Signal): boolean {
    const job = this.#running.get(pid);
    job?.aborter.abort(signal);
    return job !== undefined;
  }

  /** The container ends. */
  stop(): void {
    this.#stopped = true;
    for (const { aborter } of this.#running.values()) aborter.abort('SIGKILL');
  }

  #end(pid: number, code: number): number {
    this.#running.delete(pid);
    this.#ended.set(pid, code);
    if (this.#ended.size > MAX_ENDED) this.#ended.delete(this.#ended.keys().next().value!);
    return code;
  }
}
