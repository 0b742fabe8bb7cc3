// Waiting for a condition of a Node or Pod, as `kubectl wait` does, with what was seen instead when it does not come.

import { awaitCondition, CONDITIONS, formatRef, type Ref, type WaitOptions } from '../../emulator/client.ts';
import type { Verb } from '../step.ts';
import { readRef } from './exec.ts';

interface Wait {
  readonly things: readonly (Ref | 'pods' | 'nodes')[];
  readonly condition: NonNullable<WaitOptions['condition']>;
  readonly timeout: number;
  readonly message: string | undefined;
}

export const wait: Verb<Wait> = {
  name: 'wait',
  about: 'waits until nodes or pods are Ready, NotReady, Deleted, Running, ContainerCreating …',
  read(at) {
    const f = at.fields(['for', 'condition', 'timeout', 'message']);
    const one = (r: typeof at): Ref | 'pods' | 'nodes' => {
      const text = r.text();
      return text === 'pods' || text === 'nodes' ? text : readRef(r);
    };
    return {
      things: f.for.isList ? f.for.list(one) : [one(f.for)],
      condition: f.condition.or('Ready', (r) => r.choice(CONDITIONS)),
      timeout: f.timeout.or(30_000, (r) => r.duration()),
      message: f.message.optional((r) => r.text()),
    };
  },
  async run(step, { cluster, report }) {
    for (const thing of step.things) {
      const { condition, timeout, message } = step;
      const { met, seen } = await awaitCondition(cluster, thing, {
        condition,
        timeout,
        ...(message === undefined ? {} : { message }),
      });
      report.check({
        name: typeof thing === 'string' ? `all ${thing}` : formatRef(thing),
        expected: `${condition}${message === undefined ? '' : ` ("${message}")`}`,
        seen,
        ok: met,
      });
    }
  },
};
