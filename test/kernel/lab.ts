// Runs a table of probes over one network in both kernels and holds the emulated one to the real one.
import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Linux, missing } from './linux.ts';
import { Podwire } from './podwire.ts';
import type { Probe } from './probes.ts';
import { build } from './world.ts';

/** With PODWIRE_LAB_RECORD=FILE all answers are appended there, a JSON object per line: where new facts come from. */
function record(lab: string, name: string, real: string, ours: string): void {
  const file = process.env['PODWIRE_LAB_RECORD'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ lab, name, real, ours })}\n`);
}

export function lab(name: string, topology: string, probes: readonly Probe[]): void {
  describe(`${name}: Linux and the emulator agree`, () => {
    const lacking = missing();
    if (lacking !== undefined) {
      const skip = process.env['PODWIRE_CI'] !== '1';
      if (skip) console.log(`skipped: kernel lab ${name}: ${lacking}`);
      it.skipIf(skip)('can be built', () => expect(lacking).toBeUndefined());
      return;
    }
    let linux: Linux;
    let podwire: Podwire;
    beforeAll(async () => {
      linux = new Linux(name);
      podwire = new Podwire();
      await build(linux, topology);
      await build(podwire, topology);
    });
    afterAll(() => linux?.stop());

    it.each(probes.map((probe) => [probe.name, probe] as const))('%s', async (title, { run, fact }) => {
      const real = await run(linux);
      const ours = await run(podwire);
      record(name, title, real, ours);
      expect(ours, 'the emulator differs from Linux').toBe(real);
      expect(real, 'this Linux differs from 6.18').toBe(fact);
    });
  });
}
