// What the checks against real programs share: is the program here, and if not, a printed reason (a failure where PODWIRE_CI is set).
import { spawnSync } from 'node:child_process';

export function missing(...programs: readonly string[]): string | undefined {
  for (const program of programs) {
    const found = spawnSync(program, ['--version'], { stdio: 'ignore' });
    if ((found.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
      return `${program} is not installed`;
  }
  return undefined;
}

/** True when the checks can run. Otherwise says why they are skipped; in CI that is an error. */
export function canRun(what: string, reason: string | undefined): boolean {
  if (reason === undefined) return true;
  if (process.env['PODWIRE_CI'] === '1') throw new Error(`${what}: ${reason}, and nothing is skipped in CI`);
  console.log(`skipped: ${what}: ${reason}`);
  return false;
}
