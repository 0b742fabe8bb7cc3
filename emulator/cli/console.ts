// What a run looks like on a terminal and in a log: plain lines, colour only where it is wanted.
import type { Scenario } from '../../scenarios/read.ts';
import type { Check, Report, Verdict } from '../../scenarios/report.ts';

export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

/** `when`: auto (a terminal, unless NO_COLOR is set), always, never. */
export function paint(when: string, stream: { isTTY?: boolean } = process.stdout): Paint {
  const on = when === 'always' || (when === 'auto' && stream.isTTY === true && !process.env['NO_COLOR']);
  const sgr = (code: number) => (text: string) => (on ? `\x1b[${code}m${text}\x1b[0m` : text);
  return { good: sgr(32), bad: sgr(31), dim: sgr(2), bold: sgr(1) };
}

export interface ConsoleReport extends Report {
  scenario(scenario: Scenario): void;
  verdict(verdict: Verdict): void;
  total(verdicts: readonly Verdict[], ms: number): void;
}

export function consoleReport(out: { write(text: string): unknown }, colour: Paint): ConsoleReport {
  const line = (text = ''): void => {
    out.write(`${text}\n`);
  };
  return {
    scenario({ name, about, cluster }) {
      line();
      line(colour.bold(`== ${name}`));
      if (about !== '') line(`   ${about}`);
      const nodes = `${cluster.nodes.length} nodes on ${cluster.segments.length} segment${cluster.segments.length === 1 ? '' : 's'}`;
      line(
        colour.dim(
          `   ${cluster.runtime}, ${nodes}, ${cluster.network.backend}, placement ${cluster.placement}`,
        ),
      );
    },
    heading(text) {
      line();
      line(`-- ${text}`);
    },
    print(lines) {
      for (const text of lines) line(`   ${text}`);
    },
    check(check: Check) {
      line(`${check.ok ? colour.good('ok  ') : colour.bad('FAIL')} ${check.name}`);
      line(colour.dim(`     expected ${check.expected}; saw ${check.seen}`));
      for (const text of check.detail ?? []) line(`       ${text}`);
    },
    verdict(verdict) {
      const failed = verdict.checks.filter((c) => !c.ok).length;
      const words =
        verdict.error !== undefined ? `broken: ${verdict.error}` : failed === 0 ? 'held' : `${failed} failed`;
      line();
      line(
        `${verdict.ok ? colour.good(words) : colour.bad(words)}: ${verdict.scenario}, ${verdict.checks.length} checks in ${(verdict.ms / 1000).toFixed(1)} s`,
      );
    },
    total(verdicts, ms) {
      if (verdicts.length < 2) return;
      const checks = verdicts.flatMap((v) => v.checks);
      const failed = checks.filter((c) => !c.ok).length;
      line();
      line(
        colour.bold(
          `${verdicts.length} scenarios, ${checks.length} checks, ${failed} failed, ${(ms / 1000).toFixed(1)} s`,
        ),
      );
    },
  };
}
