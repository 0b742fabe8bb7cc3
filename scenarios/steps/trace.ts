// One packet, printed hop by hop.
import { formatRef } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { hopLine, PROBE_FIELDS, type Probe, readProbe } from './expect.ts';

export const trace: Verb<Probe> = {
  name: 'trace',
  about: 'sends one packet and prints every decision it met, there and back',
  read: (at) => readProbe(at.fields(PROBE_FIELDS)),
  async run(step, { cluster, report }) {
    const result = await cluster.trace(step.from, step.to, step.options);
    report.print([
      `trace ${formatRef(step.from)} → ${step.toText} ${result.packet.proto}, ${result.packet.src} > ${result.packet.dst}`,
      ...result.hops.map(hopLine),
      `  ${result.outcome.text}${result.rtt === undefined ? '' : `; answer after ${result.rtt.toFixed(3)} ms`}; ${result.crossings} user/kernel crossings`,
    ]);
  },
};
