// `podwire run FILE…`: boots a cluster for each scenario, runs it, tears it down, and ends in a verdict.
import { readFile, writeFile } from 'node:fs/promises';
import { readScenarios, type Scenario } from '../../scenarios/read.ts';
import type { Verdict } from '../../scenarios/report.ts';
import { runScenario } from '../../scenarios/run.ts';
import type { ClusterOverrides } from '../cluster/read.ts';
import { InputError } from '../input/error.ts';
import { consoleReport, paint } from './console.ts';
import { EXIT, Interrupted, stopSignal, warn } from './exit.ts';

export interface RunFlags {
  readonly backend?: NonNullable<ClusterOverrides['backend']>;
  readonly placement?: NonNullable<ClusterOverrides['placement']>;
  readonly virtualTime?: boolean;
  readonly seed?: number;
  readonly failFast?: boolean;
  readonly only?: string;
  readonly report?: string;
  readonly color: string;
}

export async function run(files: readonly string[], flags: RunFlags): Promise<number> {
  const overrides: ClusterOverrides = {
    ...(flags.backend === undefined ? {} : { backend: flags.backend }),
    ...(flags.placement === undefined ? {} : { placement: flags.placement }),
    ...(flags.virtualTime === undefined ? {} : { virtualTime: flags.virtualTime }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
  };
  // Every file is read before anything starts: a mistake in the last one costs no waiting.
  const scenarios: { file: string; scenario: Scenario }[] = [];
  for (const file of files)
    for (const scenario of readScenarios(await readText(file), file, overrides))
      if (flags.only === undefined || scenario.name === flags.only) scenarios.push({ file, scenario });
  if (scenarios.length === 0)
    throw new InputError(
      flags.only === undefined ? 'no scenario in these files' : `no scenario is named "${flags.only}"`,
      { mend: 'give a file with kind: Scenario' },
    );

  const colour = paint(flags.color);
  const report = consoleReport(process.stdout, colour);
  const verdicts: Verdict[] = [];
  const started = performance.now();
  for (const { file, scenario } of scenarios) {
    report.scenario(scenario);
    let verdict: Verdict;
    try {
      verdict = await runScenario(scenario, {
        report,
        signal: stopSignal,
        file,
        failFast: flags.failFast ?? false,
      });
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      warn('podwire: interrupted; the cluster was stopped');
      return EXIT.interrupted;
    }
    verdicts.push(verdict);
    report.verdict(verdict);
    if (flags.failFast === true && !verdict.ok) break;
  }
  report.total(verdicts, performance.now() - started);
  if (flags.report !== undefined)
    await writeFile(flags.report, `${JSON.stringify({ schemaVersion: 1, verdicts }, null, 2)}\n`);
  if (verdicts.some((v) => v.error !== undefined)) return EXIT.broken;
  return verdicts.every((v) => v.ok) ? EXIT.ok : EXIT.failed;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new InputError(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`, {
      mend: 'give the path of a scenario file',
    });
  }
}
