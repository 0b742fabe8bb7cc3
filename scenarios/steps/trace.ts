// One packet, printed hop by hop.
import { formatRef, traceLines } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { PROBE_FIELDS, type Probe, readProbe } from './expect.ts';

export const trace: Verb<Probe> = {
  name: 'trace',
  about: 'sends one packet and prints every decision it met, there and back',
  read: (at) => readProbe(at.fields(PROBE_FIELDS)),
  async run(step, { cluster, report }) {
    const result = await cluster.trace(step.from, step.to, step.options);
    report.print(traceLines(`${formatRef(step.from)} → ${step.toText}`, result));
  },
};
