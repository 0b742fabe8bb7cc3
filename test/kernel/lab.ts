// Runs tables of probes over networks in both kernels and holds the emulated one to the real one. The labs have nothing in
// common but the machine, so their real halves run at the same time: most of a probe is waiting.
import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Linux, missing } from './linux.ts';
import { Podwire } from './podwire.ts';
import type { Probe } from './probes.ts';
import { build } from './world.ts';

export interface Lab {
  /** Part of its namespaces' names: a few letters. */
  readonly name: string;
  readonly topology: string;
  readonly probes: readonly Probe[];
}

interface Answers {
  readonly real: string;
  readonly ours: string;
}

/** With PODWIRE_LAB_RECORD=FILE all answers are appended there, a JSON object per line: where new facts come from. */
function record(lab: string, name: string, answers: Answers): void {
  const file = process.env['PODWIRE_LAB_RECORD'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ lab, name, ...answers })}\n`);
}

/** Builds the lab twice and puts its probes one after the other; answers come one by one. */
class Run {
  readonly answers: readonly Promise<Answers>[];
  readonly #linux: Linux;
  readonly #done: Promise<void>;

  constructor({ name, topology, probes }: Lab) {
    this.#linux = new Linux(name);
    const podwire = new Podwire();
    let last: Promise<unknown> = build(this.#linux, topology).then(() => build(podwire, topology));
    const built = last;
    this.answers = probes.map((probe) => {
      const answer = last.then(async () => {
        // Without a network no probe means anything; after a probe that failed the next one still does.
        await built;
        return { real: await probe.run(this.#linux), ours: await probe.run(podwire) };
      });
      last = answer.catch(() => {});
      return answer;
    });
    this.#done = last.then(() => {});
  }

  async stop(): Promise<void> {
    await this.#done;
    await this.#linux.stop();
  }
}

/** PODWIRE_LAB=vx,hgw runs those alone. */
export function compare(all: readonly Lab[]): void {
  const chosen = process.env['PODWIRE_LAB']?.split(',');
  const labs = all.filter(({ name }) => chosen?.includes(name) ?? true);
  describe('Linux and the emulator agree', () => {
    const lacking = missing();
    if (lacking !== undefined) {
      const skip = process.env['PODWIRE_CI'] !== '1';
      if (skip) console.log(`skipped: kernel lab: ${lacking}`);
      it.skipIf(skip)('can be built', () => expect(lacking).toBeUndefined());
      return;
    }
    const runs = new Map<string, Run>();
    beforeAll(() => {
      for (const lab of labs) runs.set(lab.name, new Run(lab));
    });
    afterAll(async () => {
      await Promise.all([...runs.values()].map((run) => run.stop()));
    });
    for (const { name, probes } of labs)
      describe(name, () => {
        it.each(probes.map((probe, i) => [probe.name, i] as const))('%s', async (title, i) => {
          const answers = await runs.get(name)!.answers[i]!;
          record(name, title, answers);
          expect(answers.ours, 'the emulator differs from Linux').toBe(answers.real);
          expect(answers.real, 'this Linux differs from 6.18').toBe(probes[i]!.fact);
        });
      });
  });
}
