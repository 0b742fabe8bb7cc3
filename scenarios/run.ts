// Runs a scenario: boots its cluster, does its steps in order, tears down whatever happened, and gives a verdict.
import { dirname } from 'node:path';
import { Cluster, InputError } from '../emulator/client.ts';
import type { Scenario } from './read.ts';
import { Recorder, type Report, type Verdict } from './report.ts';
import type { RunContext, Step } from './step.ts';

export interface RunOptions {
  readonly report: Report;
  readonly signal: AbortSignal;
  /** The file the scenario came from. */
  readonly file: string;
  /** Stop at the first check that fails. */
  readonly failFast?: boolean;
}

export async function runScenario(scenario: Scenario, options: RunOptions): Promise<Verdict> {
  const started = performance.now();
  const report = new Recorder(options.report);
  const aborter = new AbortController();
  const abort = () => aborter.abort(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(
    () => aborter.abort(new Error(`not finished after ${scenario.timeout / 1000} s`)),
    scenario.timeout,
  );
  const verdict = (error?: unknown): Verdict => ({
    scenario: scenario.name,
    ok: error === undefined && report.ok,
    checks: report.checks,
    ms: performance.now() - started,
    ...(error === undefined ? {} : { error: error instanceof Error ? error.message : String(error) }),
  });
  let cluster: Cluster | undefined;
  try {
    cluster = await Cluster.start({ spec: scenario.cluster, signal: aborter.signal });
    await abortable(steps(scenario, cluster, report, aborter.signal, options), aborter.signal);
    return verdict();
  } catch (error) {
    if (error instanceof InputError || options.signal.aborted) throw error;
    return verdict(error);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', abort);
    await cluster?.stop();
  }
}

async function steps(
  scenario: Scenario,
  cluster: Cluster,
  report: Report,
  signal: AbortSignal,
  options: RunOptions,
): Promise<void> {
  const context: RunContext = {
    cluster,
    report,
    signal,
    folder: dirname(options.file),
    captures: new Map(),
    processes: new Map(),
    async runSteps(list) {
      for (const step of list) await one(step, context);
    },
  };
  const one = async (step: Step, within: RunContext): Promise<void> => {
    signal.throwIfAborted();
    if (step.name !== undefined) report.heading(step.name);
    await step.run(within);
  };
  for (const step of scenario.steps) {
    await one(step, context);
    if (options.failFast === true && report instanceof Recorder && !report.ok) return;
  }
  for (const process of context.processes.values()) process.kill('SIGKILL');
  for (const capture of context.captures.values()) await capture.stop();
}

/** `work`, or the signal's reason as soon as it is aborted. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
