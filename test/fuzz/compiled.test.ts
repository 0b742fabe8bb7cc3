// A million packets over random rule sets, in a namespace that looks rules up and in one that walks them: verdict, NAT, mark,
// bytes, counters, connections, what recent remembers, log lines and answers agree.
import { describe, expect, it } from 'vitest';
import { tableOf } from '../../node-runtime/kernel/netfilter/tables/net.ts';
import {
  randomChange,
  randomRules,
  Twins,
} from '../../node-runtime/kernel/netfilter/tables/random-rules.fixture.ts';
import { dice, once, share } from './scale.ts';

const PACKETS = 1_000_000;
/** Packets that one rule set gets. */
const EACH = 500;

describe('compiled chains and walked ones', () => {
  it('agree', async () => {
    const packets = share(PACKETS);
    const roll = dice('compiled', packets);
    let compiled = 0;
    let walked = 0;
    for (let done = 0; done < packets; ) {
      const twins = new Twins(done);
      let text = randomRules(roll);
      twins.rules(text);
      for (let n = 0; n < EACH && done < packets; n++, done++) {
        if (once(roll, 100)) {
          const change = randomChange(roll);
          text += change;
          twins.rules(change, true);
        }
        const [a, b] = twins.packet(roll);
        if (a !== b) throw new Error(`packet ${done}: compiled ${a}, walked ${b}\n${text}`);
      }
      const [a, b] = twins.state();
      if (a !== b) throw new Error(`after ${done}:\n${a}\n=== walked:\n${b}\n=== rules:\n${text}`);
      for (const name of ['mangle', 'nat', 'filter'] as const) {
        const { lookups } = tableOf(twins.labs[0].ns, name);
        compiled += lookups.compiled;
        walked += lookups.walked;
      }
      await undefined;
    }
    process.stdout.write(
      `compiled: ${packets} packets, ${compiled} visits of long chains looked up, ${walked} walked (${((100 * walked) / (compiled + walked)).toFixed(1)} %)\n`,
    );
    expect(compiled).toBeGreaterThan(packets / 4);
  });
});
