// Steps that hold steps, and words between them.
import type { Step, Verb } from '../step.ts';
import { substitute } from '../substitute.ts';

export const say: Verb<string> = {
  name: 'say',
  about: 'prints a heading',
  read: (at) => at.text(),
  async run(text, { report, cluster }) {
    report.heading(await substitute(text, cluster));
  },
};

export const parallel: Verb<readonly Step[]> = {
  name: 'parallel',
  about: 'runs steps side by side',
  read: (at, readStep) => at.list(readStep),
  async run(steps, context) {
    await Promise.all(steps.map((step) => context.runSteps([step])));
  },
};

interface Repeat {
  readonly times: number;
  readonly steps: readonly Step[];
}

export const repeat: Verb<Repeat> = {
  name: 'repeat',
  about: 'runs steps several times over',
  read(at, readStep) {
    const f = at.fields(['times', 'steps']);
    return { times: f.times.integer(1, 1_000_000), steps: f.steps.list(readStep) };
  },
  async run({ times, steps }, context) {
    for (let i = 0; i < times; i++) await context.runSteps(steps);
  },
};

export const sleep: Verb<number> = {
  name: 'sleep',
  about: 'lets time pass; where something can be waited for, wait is better',
  read: (at) => at.duration(),
  run: (ms, { cluster }) => cluster.sleep(ms),
};
