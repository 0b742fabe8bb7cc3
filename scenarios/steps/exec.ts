// A command in a pod, a container or on a node, held against its exit code and output.
import type { Reader } from '../../emulator/client.ts';
import { eventually, formatRef, parseRef, type Ref } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { references, substitute } from '../substitute.ts';
import { readMatches, type TextMatch, tellingLine } from '../text-match.ts';

interface Exec {
  readonly in: Ref;
  readonly container: string | undefined;
  readonly run: string;
  readonly code: number;
  readonly stdout: readonly TextMatch[];
  readonly stderr: readonly TextMatch[];
  readonly lacks: readonly TextMatch[];
  readonly timeout: number;
  readonly retry: number;
}

export function readRef(at: Reader): Ref {
  const text = at.text();
  try {
    return parseRef(text);
  } catch (error) {
    return at.fail(
      (error as Error).message.split(';')[0]!,
      (error as { mend?: string }).mend ?? 'name a thing of the cluster',
    );
  }
}

export function readCommand(at: Reader): string {
  const text = at.text();
  for (const name of references(text)) {
    try {
      parseRef(name);
    } catch {
      at.fail(
        `\${${name}} names nothing`,
        'write pod/NAME, node/NAME, container/NODE/NAME or external/NAME in the braces',
      );
    }
  }
  return text;
}

export const exec: Verb<Exec> = {
  name: 'exec',
  about: 'runs a shell command in a pod, a container or on a node; checks its exit code and output',
  read(at) {
    const f = at.fields(['in', 'container', 'run', 'code', 'stdout', 'stderr', 'lacks', 'timeout', 'retry']);
    return {
      in: readRef(f.in),
      container: f.container.optional((r) => r.text()),
      run: readCommand(f.run),
      code: f.code.or(0, (r) => r.integer(0, 255)),
      stdout: readMatches(f.stdout),
      stderr: readMatches(f.stderr),
      lacks: readMatches(f.lacks),
      timeout: f.timeout.or(30_000, (r) => r.duration()),
      retry: f.retry.or(0, (r) => r.duration()),
    };
  },
  async run(step, { cluster, report, signal }) {
    let last = { code: -1, stdout: '', stderr: '' };
    const attempt = async () => {
      const command = await substitute(step.run, cluster);
      last = await cluster.exec(step.in, ['sh', '-c', command], {
        timeout: step.timeout,
        signal,
        ...(step.container === undefined ? {} : { container: step.container }),
      });
      const holds =
        last.code === step.code &&
        step.stdout.every((m) => m.test(last.stdout)) &&
        step.stderr.every((m) => m.test(last.stderr)) &&
        step.lacks.every((m) => !m.test(last.stdout + last.stderr));
      return holds ? true : undefined;
    };
    const ok = (await eventually(cluster, step.retry, attempt)) === true;
    const wants = [
      `exit code ${step.code}`,
      ...step.stdout.map((m) => `output ${m.want}`),
      ...step.stderr.map((m) => `error output ${m.want}`),
      ...step.lacks.map((m) => `no ${m.want}`),
    ];
    const output = last.stdout + last.stderr;
    const line = tellingLine(output, [...step.stdout, ...step.stderr]);
    report.check({
      name: `${formatRef(step.in)}: ${step.run}`,
      expected: wants.join(', '),
      seen: `exit code ${last.code}${line === undefined ? '' : `, "${line}"`}`,
      ok,
      ...(ok ? {} : { detail: output.trimEnd().split('\n') }),
    });
  },
};
